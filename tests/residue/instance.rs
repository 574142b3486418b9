//! The process under test: `vezne serve` as an operator runs it, with its own
//! configuration, store, certificate and logs.

use crate::Outcome;
use crate::client::{Client, PATIENCE, one_answer, send};
use crate::operator::{Operator, text, write_master_key};
use crate::upstream::Upstream;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use vezne::server::bind;

/// What a process under test may be like.
pub struct Manner<'a> {
    /// Parts of the recipe to go without.
    pub leave_out: Vec<&'a str>,
    /// For one call of the provider.
    pub provider_timeout: Duration,
}

/// A running process. Ended with the value.
pub struct Instance {
    child: Child,
    pub address: SocketAddr,
    pub folder: PathBuf,
    pub api_key: String,
    pub shop_url: String,
    pub client: Client,
    /// Whether it leaves connections open after an answer to a card.
    pub keeps_connections: bool,
}

impl Instance {
    /// Installs into `folder`, which must not be there yet, starts, and returns
    /// when it serves.
    pub async fn start(binary: &Path, folder: &Path, upstream: &Upstream, manner: Manner<'_>) -> Outcome<Self> {
        fs::create_dir(folder)?;
        let listener = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])?.remove(0);
        let address = listener.local_addr()?;
        write_master_key(folder)?;
        let config = folder.join("vezne.toml");
        fs::write(&config, configuration(address, upstream, manner.provider_timeout))?;
        let shop_url = upstream.shop_url();
        let api_key = Operator { binary, config: &config }.create_merchant(&shop_url, &upstream.merchant)?;
        let mut command = Command::new(binary);
        command.args(["serve", "--listen-stdin", "--danger-panic-on-card", "--config", text(&config)?]);
        command.args(["--with-parent", &std::process::id().to_string()]);
        for part in &manner.leave_out {
            command.args(["--danger-leave-out", part]);
        }
        let file = |name: &str| File::create(folder.join(name)).map(Stdio::from);
        command.stdin(OwnedFd::from(listener)).stdout(file("log")?).stderr(file("stderr")?);
        let child = command.spawn()?;
        let client = Client::new(address)?;
        let keeps_connections = manner.leave_out.contains(&"connection-close");
        let folder = folder.to_owned();
        let mut instance = Self { child, address, folder, api_key, shop_url, client, keeps_connections };
        instance.ready().await?;
        Ok(instance)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The name that requests give the server.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn store(&self) -> PathBuf {
        self.folder.join("vezne.db")
    }

    /// What it has logged so far.
    pub fn log(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.folder.join("log"))?)
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            // One that has ended already is none to end.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// How it ended, once it has.
    pub async fn ended(&mut self) -> Outcome<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err("the process does not end".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its socket takes connections from the start: the first answer is awaited.
    async fn ready(&mut self) -> Outcome<()> {
        let asked = async {
            let mut connection = self.client.connect(0).await?;
            let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host());
            send(&mut connection, request.as_bytes()).await?;
            one_answer(&mut connection).await
        };
        if asked.await.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")) {
            return Ok(());
        }
        let said = fs::read_to_string(self.folder.join("stderr"))?;
        Err(format!("vezne does not serve: {}", said.trim()).into())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.terminate();
        let _ = self.child.wait();
    }
}

/// As in production, but for a log that says everything, times that end soon,
/// and limits that one client address does not meet.
fn configuration(address: SocketAddr, upstream: &Upstream, provider_timeout: Duration) -> String {
    let quoted = |path: &Path| json!(path).to_string();
    let (ca_file, certificate) = (quoted(&upstream.ca_file), quoted(&upstream.certificate.certificate));
    let (private_key, token_url) = (quoted(&upstream.certificate.private_key), upstream.token_url());
    let port = upstream.port();
    let timeout_ms = provider_timeout.as_millis();
    format!(
        r#"
[server]
public_url = "https://{address}"
certificate = {certificate}
private_key = {private_key}
workers = 2
[store]
path = "vezne.db"
[keys]
master_key_file = "master.key"
[provider.card_token.test]
url = "{token_url}"
ca_file = {ca_file}
timeout_ms = {timeout_ms}
breaker_failures = 0
[callback]
ca_file = {ca_file}
[egress]
allow = ["127.0.0.0/8"]
ports = [{port}]
[limits]
api_per_second = 100000
page_per_minute = 1000000
[log]
level = "trace"
"#
    )
}
