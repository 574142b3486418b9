//! `vezne demo-shop`: the demo's merchant. Started by `vezne demo`.

use crate::cli::Failure;
use crate::sandbox::shop::{self, Shop, ShopSettings};
use crate::sandbox::{gallery, production};
use crate::server::{self, Options};
use actix_web::{App, web};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Run the demo's shop.
#[derive(clap::Args)]
pub struct Args {
    /// What the merchant was given: addresses and secrets
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8444")]
    listen: SocketAddr,
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
/// [`Failure`]: real cards, a taken port, unusable settings.
pub fn run(args: Args) -> Result<(), Failure> {
    let Args { settings, listen, listen_stdin, with_parent } = args;
    production::refuse_live(None).map_err(Failure::config)?;
    let unavailable = |error: io::Error| Failure::unavailable(error.to_string());
    with_parent.map_or(Ok(()), server::end_with_parent).map_err(unavailable)?;
    let settings = read(&settings).map_err(|error| Failure::config(error.to_string()))?;
    let listeners = server::bind_or_stdin(listen_stdin, &[listen]).map_err(unavailable)?;
    start(listeners, settings).map_err(|error| Failure::internal(error.to_string()))
}

fn read(path: &Path) -> io::Result<ShopSettings> {
    let about = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(about)?;
    serde_json::from_slice(&text).map_err(|error| about(error.into()))
}

fn start(listeners: Vec<TcpListener>, settings: ShopSettings) -> io::Result<()> {
    let shop = web::Data::new(Shop::new(settings)?);
    let options = Options { workers: 1, shutdown_timeout: Duration::from_secs(5), ..Options::default() };
    server::run_until_signal(move || {
        server::serve("shop", listeners, None, &options, move || {
            App::new().app_data(shop.clone()).configure(shop::routes).configure(gallery::routes)
        })
    })
}
