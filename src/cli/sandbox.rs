//! `vezne sandbox`: the card-token service's emulator on its own.

use crate::cli::Failure;
use crate::sandbox::certificates::{DevCa, LOOPBACK_NAMES};
use crate::sandbox::merchant::SandboxKeys;
use crate::sandbox::{self, Sandbox, TOKEN_PATH, production};
use crate::server::{self, Options, ReloadingCertificate};
use actix_web::{App, web};
use serde_json::json;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Emulate the card-token service: tokens for test cards, failures for magic ones.
#[derive(clap::Args)]
pub struct Args {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8445")]
    listen: SocketAddr,
    /// Where credentials and certificates are made once and found again
    #[arg(long, value_name = "DIR", default_value = "vezne-data")]
    data_dir: PathBuf,
    /// Print one JSON line a call
    #[arg(long)]
    json: bool,
    /// Refuse to start if this configuration takes real cards
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take the listening socket from standard input
    #[arg(long)]
    listen_stdin: bool,
    /// End when this process, the parent, ends
    #[arg(long, hide = true, value_name = "PID")]
    with_parent: Option<u32>,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// [`Failure`]: real cards, a taken port, unusable files.
pub fn run(args: Args) -> Result<(), Failure> {
    let Args { listen, data_dir, json, config, listen_stdin, with_parent } = args;
    production::refuse_live(config.as_deref()).map_err(Failure::config)?;
    let unavailable = |error: io::Error| Failure::unavailable(error.to_string());
    with_parent.map_or(Ok(()), server::end_with_parent).map_err(unavailable)?;
    let listeners = server::bind_or_stdin(listen_stdin, &[listen]).map_err(unavailable)?;
    start(listeners, &data_dir, json).map_err(|error| Failure::internal(error.to_string()))
}

fn start(listeners: Vec<TcpListener>, data_dir: &Path, json: bool) -> io::Result<()> {
    let ca = DevCa::open_or_create(data_dir)?;
    let leaf = ca.issue("server", &LOOPBACK_NAMES)?;
    let keys_file = data_dir.join("sandbox.json");
    let keys = SandboxKeys::open_or_create(&keys_file)?;
    let address = listeners.first().map_or(Err(io::ErrorKind::AddrNotAvailable.into()), TcpListener::local_addr)?;
    let url = format!("https://{address}");
    if json {
        println!("{}", json!({ "url": url, "ca": ca.file(), "credentials": keys_file }));
    } else {
        print!("{}", welcome(&url, &ca, &keys));
    }
    let certificate = ReloadingCertificate::load(&leaf.certificate, &leaf.private_key).map_err(io::Error::other)?;
    let tls = server::tls_config(certificate).map_err(io::Error::other)?;
    let state = web::Data::new(Sandbox::new(&keys)?.with_json_log(json).with_returning_customer());
    let options = Options { shutdown_timeout: Duration::from_secs(5), ..Options::default() };
    server::run_until_signal(move || {
        server::serve("sandbox", listeners, Some(tls), &options, move || {
            App::new().app_data(state.clone()).configure(sandbox::routes)
        })
    })
}

/// What `vezne merchant set-provider` and `set-cardwall` ask for.
fn welcome(url: &str, ca: &DevCa, keys: &SandboxKeys) -> String {
    let merchants = keys.merchants().iter().map(|merchant| {
        format!(
            "\n  Merchant number  {}\n  Public key       {}\n  Secret key       {}\n  CardWall keys    {}\n",
            merchant.merchant_number,
            merchant.public_key,
            merchant.secret_key,
            merchant.cardwall_keys().join("\n                   "),
        )
    });
    format!(
        "\n  Console          {url}/\n  Service          {url}{TOKEN_PATH}\n  CardWall         {url}\n  CA file          {}\n{}\n",
        ca.file().display(),
        merchants.collect::<String>()
    )
}
