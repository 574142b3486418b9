//! Builds the service from its configuration, then runs it. The only place that
//! names concrete backends.

mod store;

pub use store::{migrate_store, open_store};

use crate::config::{CardTokenConfig, Config, EgressConfig};
use crate::egress::{AddressGuard, Connector, ResolveError, Resolver, Roots, TlsError, client_config};
use crate::handoff::{CallbackWorker, Results};
use crate::hardening::limits::Limits;
use crate::hardening::secret::fill_random;
use crate::hardening::{KeyringError, MasterKeyError, MasterKeys, request_head, stack};
use crate::intake::FormTokens;
use crate::page::{Pages, Violations};
use crate::provider::CardTokenizer;
use crate::provider::card_token::{self, CardTokenClient};
use crate::routes;
use crate::server::{self, CertificateError, ReloadingCertificate};
use crate::store::{SharedStore, StoreError};
use crate::window::{InFlight, Leases, Providers, Window};
use actix_server::Server;
use actix_web::web::Data;
use rustls::ClientConfig;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;

/// Added to the provider's time for a claim's lease: the commit, and clocks
/// that do not tick alike.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Pause between sweeps for sessions whose time is over.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// Sessions that one sweep ends in one transaction.
const SWEEP_BATCH: u32 = 100;
/// Pause between looks at the certificate's files.
const CERTIFICATE_PERIOD: Duration = Duration::from_secs(5);
/// How long an idle connection waits for its form: people look for their card.
const KEEP_ALIVE: Duration = Duration::from_mins(3);

/// Why the service cannot start. The operator's to mend.
#[derive(Debug, Error)]
pub enum StartupError {
    /// A master key cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Nothing can be derived from a master key.
    #[error("master key: {0}")]
    MasterKey(#[from] MasterKeyError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password of the store's role cannot be read.
    #[error("the store's password: {0}")]
    StorePassword(String),
    /// The certificate cannot be used.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The trust or identity toward another system cannot be used.
    #[error(transparent)]
    ClientTls(#[from] TlsError),
    /// The TLS library refused the configuration.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No resolver for names.
    #[error(transparent)]
    Resolver(#[from] ResolveError),
    /// An address that cannot be listened on.
    #[error("{0}")]
    Listen(#[from] io::Error),
}

/// A window that is bound to its addresses and not yet serving.
pub struct Application {
    server: Server,
    addresses: Vec<SocketAddr>,
    callbacks: CallbackWorker,
    certificate: Option<Arc<ReloadingCertificate>>,
    window: Arc<Window>,
    drain: Duration,
}

impl Application {
    /// Opens everything that the configuration names, and returns. What takes
    /// privileges is done by then: the master key read, the addresses bound.
    ///
    /// # Errors
    /// [`StartupError`]; nothing is left running.
    pub fn build(config: &Config, master_keys: MasterKeys, listeners: Vec<TcpListener>) -> Result<Self, StartupError> {
        // The library's random generator seeds itself on its first use, for a
        // tenth of a second: now, not in the first cardholder's handshake.
        fill_random(&mut [0]);
        let store = if config.store.migrate { migrate_store(config)?.0 } else { open_store(config)? };
        let tls = ProviderTls::load(config)?;
        let window = Arc::new(window(config, &master_keys, Arc::clone(&store))?);
        // What was derived from them is where it is used; they themselves are wiped.
        drop(master_keys);
        let certificate = match (&config.server.certificate, &config.server.private_key) {
            (Some(certificate), Some(key)) if !config.server.danger_plain_http => {
                Some(ReloadingCertificate::load(certificate, key)?)
            }
            _ => None,
        };
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let callbacks = callback_worker(config, &window)?;
        let server = serve(config, listeners, certificate.clone(), Arc::clone(&window), tls)?;
        let drain = Duration::from_secs(config.server.shutdown_seconds);
        Ok(Self { server, addresses, callbacks, certificate, window, drain })
    }

    /// Where it listens; tells the port where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `shutdown` resolves, then takes no new connections, lets
    /// requests in flight end within `server.shutdown_seconds`, and returns.
    ///
    /// # Errors
    /// The server's own failure.
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let handle = self.server.handle();
        let window = Arc::clone(&self.window);
        let patience = self.drain;
        actix_rt::spawn(async move {
            shutdown.await;
            tracing::info!(count = window.in_flight.count(), "draining");
            handle.pause().await;
            // Cards whose browsers have gone hold no connection open, and their
            // answers are awaited all the same.
            let _ = tokio::time::timeout(patience, window.in_flight.none()).await;
            handle.stop(true).await;
        });
        actix_rt::spawn(self.callbacks.run());
        actix_rt::spawn(sweep(self.window));
        if let Some(certificate) = self.certificate {
            actix_rt::spawn(certificate.watch(CERTIFICATE_PERIOD));
        }
        self.server.await
    }
}

fn window(config: &Config, keys: &MasterKeys, store: SharedStore) -> Result<Window, StartupError> {
    let sealer = Arc::new(keys.sealer()?);
    let lease = |upstream: &CardTokenConfig| upstream.timeout + LEASE_MARGIN;
    Ok(Window {
        results: Results::new(Arc::clone(&store), Arc::clone(&sealer)),
        form_tokens: FormTokens::new(keys)?,
        pages: Pages::new().with_privacy_notice(config.page.privacy_url.as_deref()),
        violations: Violations::default(),
        limits: Limits::new(&config.limits),
        public_url: config.server.public_url.clone(),
        with_hsts: config.server.wants_hsts(),
        default_locale: config.locale.clone(),
        callback_ports: config.egress.ports.clone(),
        leases: Leases {
            test: config.provider.test.as_ref().map(lease),
            live: config.provider.live.as_ref().filter(|_| config.live).map(lease),
        },
        callback_wake: Arc::new(Notify::new()),
        in_flight: InFlight::default(),
        store,
        sealer,
    })
}

fn callback_worker(config: &Config, window: &Window) -> Result<CallbackWorker, StartupError> {
    let roots = config.callback.ca_file.as_deref().map_or(Roots::Public, Roots::PublicAnd);
    let connector = Connector {
        resolver: Resolver::new(&config.egress)?,
        guard: Some(AddressGuard::new(&config.egress)),
        tls: client_config(roots, None)?,
        timeout: config.callback.timeout,
    };
    Ok(CallbackWorker::new(
        Arc::clone(&window.store),
        window.results.clone(),
        connector,
        config.callback.clone(),
        Arc::clone(&window.callback_wake),
    ))
}

fn serve(
    config: &Config,
    listeners: Vec<TcpListener>,
    certificate: Option<Arc<ReloadingCertificate>>,
    window: Arc<Window>,
    tls: ProviderTls,
) -> Result<Server, StartupError> {
    let server_tls = certificate.map(|certificate| server::tls_config(certificate)).transpose()?;
    let options = server::Options {
        workers: config.server.workers,
        max_connections: config.server.max_connections,
        keep_alive: KEEP_ALIVE,
        shutdown_timeout: Duration::from_secs(config.server.shutdown_seconds),
        on_request: Some(request_head::cut_loose),
        on_close: Some(forget_connection),
        ..server::Options::default()
    };
    let window = Data::from(window);
    let egress = config.egress.clone();
    Ok(server::serve("window", listeners, server_tls, &options, move || {
        routes::application(window.clone(), tls.providers(&egress))
    })?)
}

/// Nothing of a connection that has ended stays with its thread.
fn forget_connection() {
    request_head::empty_pool();
    stack::scrub();
}

/// One mode's upstream: where it is, and the trust toward it, read once.
type Upstream = (CardTokenConfig, Arc<ClientConfig>);

/// What each worker makes its clients from.
#[derive(Clone)]
struct ProviderTls {
    test: Option<Upstream>,
    live: Option<Upstream>,
}

impl ProviderTls {
    fn load(config: &Config) -> Result<Self, TlsError> {
        let load = |upstream: &Option<CardTokenConfig>| -> Result<Option<Upstream>, TlsError> {
            upstream.as_ref().map(|upstream| Ok((upstream.clone(), card_token::tls(upstream)?))).transpose()
        };
        Ok(Self { test: load(&config.provider.test)?, live: load(&config.provider.live)? })
    }

    /// This worker's clients. Runs on the worker's own thread.
    fn providers(&self, egress: &EgressConfig) -> Providers {
        let client = |upstream: &Option<Upstream>| -> Option<Rc<dyn CardTokenizer>> {
            let (config, tls) = upstream.as_ref()?;
            let resolver = Resolver::new(egress)
                .inspect_err(|error| tracing::error!(error = %error, "a worker has no resolver"))
                .ok()?;
            Some(Rc::new(CardTokenClient::new(config, Arc::clone(tls), resolver)))
        };
        Providers { test: client(&self.test), live: client(&self.live) }
    }
}

/// Ends sessions whose time is over, so that their merchants hear of it.
async fn sweep(window: Arc<Window>) {
    loop {
        let ended = window.store.expire_sessions(SWEEP_BATCH).await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the sweep failed");
            0
        });
        if ended > 0 {
            tracing::info!(count = ended, "sessions ended by time");
            window.callback_wake.notify_one();
        }
        // A full batch means that more are waiting.
        if ended < SWEEP_BATCH {
            tokio::time::sleep(SWEEP_PERIOD).await;
        }
    }
}
