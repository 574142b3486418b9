//! `vezne demo`: the window, the sandbox and the shop as three processes, set
//! up from nothing.
//!
//! The parent makes the data directory, binds the three ports and hands each
//! child its listening socket as standard input, so that port 0 works and no
//! port can be lost between choosing and using it.

mod announce;
mod children;
mod directory;
mod probe;

pub use announce::Announcement;
pub use directory::DemoMerchant;

use super::certificates::{DevCa, LOOPBACK_NAMES, LeafFiles};
use super::merchant::{SandboxKeys, SandboxMerchant};
use crate::server;
use children::{Child, Children};
use directory::Directory;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the command line says.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The window's port; 0 for any free one.
    pub port: u16,
    /// The shop's port; the window's plus one unless given.
    pub shop_port: Option<u16>,
    /// The sandbox's port; the window's plus two unless given.
    pub sandbox_port: Option<u16>,
    /// Made when absent, used again when there.
    pub data_dir: PathBuf,
    /// Print one JSON object instead of text for people.
    pub json: bool,
}

/// Why a demo does not run, by whose business it is.
#[derive(Debug, Error)]
pub enum DemoError {
    /// Something on the command line has to change.
    #[error("{0}")]
    Usage(String),
    /// A process of the demo did not start or stopped.
    #[error("{0}")]
    Unavailable(String),
    /// Files, sockets, randomness.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the demo merchant is made from.
pub struct Provision<'a> {
    /// The window's configuration file, written and complete.
    pub config: &'a Path,
    /// Prefixes for the merchant's allow-list. They name this start's ports:
    /// they replace those of an earlier start.
    pub allow_urls: &'a [String],
    /// The merchant's credentials at the sandbox.
    pub sandbox: &'a SandboxMerchant,
    /// The merchant of an earlier start, if there was one.
    pub known: Option<&'a DemoMerchant>,
}

/// Runs the demo until SIGINT or SIGTERM. `provision` makes the demo merchant
/// in the window's store, or brings a known one up to date.
///
/// # Errors
/// [`DemoError`]; every process that was started has ended by then.
pub fn run<P>(options: &DemoOptions, provision: P) -> Result<(), DemoError>
where
    P: FnOnce(&Provision<'_>) -> Result<DemoMerchant, DemoError>,
{
    let directory = Directory::open(&options.data_dir)?;
    let sockets = Sockets::bind(options)?;
    let announcement = set_up(&directory, &sockets, provision)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(supervise(
        &directory,
        sockets,
        announcement,
        options.json,
    ))
}

/// The three listening sockets.
struct Sockets {
    window: TcpListener,
    shop: TcpListener,
    sandbox: TcpListener,
}

impl Sockets {
    fn bind(options: &DemoOptions) -> Result<Self, DemoError> {
        let next = |given: Option<u16>, distance: u16| match (given, options.port) {
            (Some(port), _) => port,
            (None, 0) => 0,
            (None, window) => window.saturating_add(distance),
        };
        Ok(Self {
            window: bind("--port", options.port)?,
            shop: bind("--shop-port", next(options.shop_port, 1))?,
            sandbox: bind("--sandbox-port", next(options.sandbox_port, 2))?,
        })
    }
}

fn bind(flag: &str, port: u16) -> Result<TcpListener, DemoError> {
    let mut listeners =
        server::bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, port))]).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse | ErrorKind::PermissionDenied => {
                DemoError::Usage(format!("{error}; choose another port with {flag}, or {flag} 0 for any free one"))
            }
            _ => error.into(),
        })?;
    Ok(listeners.remove(0))
}

/// Writes everything that the children read.
fn set_up<P>(directory: &Directory, sockets: &Sockets, provision: P) -> Result<Announcement, DemoError>
where
    P: FnOnce(&Provision<'_>) -> Result<DemoMerchant, DemoError>,
{
    let ca = DevCa::open_or_create(directory.path())?;
    let certificate = ca.issue("server", &LOOPBACK_NAMES)?;
    let sandbox_keys = SandboxKeys::open_or_create(&directory.file("sandbox.json"))?;
    let sandbox =
        sandbox_keys.merchants().first().ok_or_else(|| std::io::Error::other("the sandbox has no merchant"))?;
    let address = |listener: &TcpListener| listener.local_addr();
    let (window, shop) = (address(&sockets.window)?, address(&sockets.shop)?);
    let mut announcement = Announcement {
        url: format!("https://{window}"),
        shop_url: format!("http://localhost:{}", shop.port()),
        sandbox_url: format!("https://{}", address(&sockets.sandbox)?),
        return_url: format!("http://localhost:{}/return", shop.port()),
        ca: ca.file(),
        log_file: directory.file("window.log"),
        merchant: DemoMerchant::default(),
        pid: 0,
    };
    let config = directory.write_config(&announcement, window, shop, &certificate)?;
    // Callbacks go to the address itself: the shop listens there whatever `localhost` resolves to.
    let callback_url = format!("http://{shop}/callback");
    let known = directory.merchant()?;
    announcement.merchant = provision(&Provision {
        config: &config,
        allow_urls: &[announcement.shop_url.clone(), callback_url.clone()],
        sandbox,
        known: known.as_ref(),
    })?;
    directory.write_merchant(&announcement.merchant)?;
    directory.write_shop_settings(&announcement, &callback_url)?;
    Ok(announcement)
}

async fn supervise(
    directory: &Directory,
    sockets: Sockets,
    mut announcement: Announcement,
    json: bool,
) -> Result<(), DemoError> {
    // Before the first child: a signal from here on stops what was started.
    let mut stop = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let mut children = Children::default();
    let outcome = tokio::select! {
        () = any(&mut stop) => Ok(()),
        outcome = start_and_watch(&mut children, directory, sockets, &mut announcement, json) => outcome,
    };
    children.stop().await;
    outcome
}

/// Returns only when something went wrong.
async fn start_and_watch(
    children: &mut Children,
    directory: &Directory,
    sockets: Sockets,
    announcement: &mut Announcement,
    json: bool,
) -> Result<(), DemoError> {
    let path = |name: &str| directory.file(name).into_os_string();
    children.add(Child::start(
        "sandbox",
        sockets.sandbox,
        directory,
        &["--json".into(), "--data-dir".into(), path("")],
    )?);
    children.add(Child::start("demo-shop", sockets.shop, directory, &["--settings".into(), path("shop.json")])?);
    let window = Child::start("serve", sockets.window, directory, &["--config".into(), path("vezne.toml")])?;
    announcement.pid = window.id();
    children.add(window);
    let probes = probe::Probes::new(announcement)?;
    children.watch_while(probes.all_ready()).await?;
    announcement.print(json)?;
    children.watch_while(std::future::pending()).await
}

async fn any([one, other]: &mut [Signal; 2]) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testing::TempDir;

    fn options(data_dir: PathBuf) -> DemoOptions {
        DemoOptions { port: 0, shop_port: None, sandbox_port: None, data_dir, json: true }
    }

    fn merchant() -> DemoMerchant {
        DemoMerchant { merchant: "mer_1".into(), api_key: "vz_test_1".into(), ..DemoMerchant::default() }
    }

    #[test]
    fn a_start_writes_what_the_children_read_and_the_next_one_finds_it() {
        let temporary = TempDir::new();
        let options = options(temporary.join("a \"quoted\" name"));
        let start = |expected: Option<DemoMerchant>| {
            let directory = Directory::open(&options.data_dir).unwrap();
            let sockets = Sockets::bind(&options).unwrap();
            set_up(&directory, &sockets, |request| {
                assert!(request.known.cloned() == expected, "the merchant of the earlier start");
                assert_eq!(request.allow_urls.len(), 2);
                Ok(merchant())
            })
            .unwrap()
        };
        start(None);
        let master_key = std::fs::read(options.data_dir.join("master.key")).unwrap();
        let second = start(Some(merchant()));
        assert_eq!(std::fs::read(options.data_dir.join("master.key")).unwrap(), master_key);

        let config = std::fs::read_to_string(options.data_dir.join("vezne.toml")).unwrap();
        let config: toml::Table = config.parse().unwrap();
        assert_eq!(config["live"], false.into());
        assert_eq!(config["server"]["public_url"], second.url.as_str().into());
        let service = format!("{}/card/token", second.sandbox_url);
        assert_eq!(config["provider"]["card_token"]["test"]["url"], service.into());
        assert_eq!(config["provider"]["card_token"]["test"]["ca_file"], second.ca.to_str().unwrap().into());
        assert_eq!(config["provider"]["cardwall"]["test"]["url"], second.sandbox_url.as_str().into());
    }

    #[test]
    fn one_demo_at_a_time_uses_a_directory() {
        let temporary = TempDir::new();
        let first = Directory::open(&temporary).unwrap();
        assert!(matches!(Directory::open(&temporary), Err(DemoError::Usage(_))));
        drop(first);
        assert!(Directory::open(&temporary).is_ok());
    }

    #[test]
    fn a_taken_port_is_answered_with_its_flag() {
        let taken = server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let port = taken[0].local_addr().unwrap().port();
        let options = DemoOptions { shop_port: Some(port), ..options(PathBuf::new()) };
        let error = Sockets::bind(&options).err().unwrap();
        assert!(matches!(&error, DemoError::Usage(message) if message.contains("--shop-port")), "{error}");
    }
}
