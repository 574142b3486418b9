//! The process under test: `vezne serve` as an operator runs it, with its own
//! configuration, store, certificate and logs.

use crate::Outcome;
use crate::client::{Client, PATIENCE, one_answer, send};
use crate::operator::{Installation, Operator, text};
use crate::upstream::Upstream;
use rustix::process::{Pid, Signal, kill_process};
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
        let config = installation(address, upstream, manner.provider_timeout).write(folder)?;
        let shop_url = upstream.shop_url();
        let api_key = Operator { binary, config: &config }.create_merchant(&shop_url, &upstream.merchant)?.api_key;
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

/// A log that says everything, and times that end soon.
fn installation(address: SocketAddr, upstream: &Upstream, provider_timeout: Duration) -> Installation<'_> {
    Installation {
        address,
        certificate: &upstream.certificate,
        ca_file: &upstream.ca_file,
        token_url: upstream.token_url(),
        callback_port: upstream.port(),
        workers: 2,
        log_level: "trace",
        store: r#"path = "vezne.db""#,
        provider: format!("timeout_ms = {}\nbreaker_failures = 0", provider_timeout.as_millis()),
        callback: "",
    }
}
