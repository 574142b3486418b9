//! Builds the service from its configuration, then runs it. The only place that
//! names concrete backends.

mod drain;
mod store;

pub use store::{migrate_store, open_store};

use crate::api;
use crate::config::{CardTokenConfig, Config, EgressConfig, RetentionConfig};
use crate::egress::{AddressGuard, Connector, ResolveError, Resolver, Roots, TlsError, client_config};
use crate::handoff::{CallbackWorker, Results};
use crate::hardening::limits::Limits;
use crate::hardening::process::{Finding, Outcome, Report};
use crate::hardening::secret::fill_random;
use crate::hardening::{KeyringError, MasterKeyError, MasterKeys, request_head, stack};
use crate::health::Health;
use crate::intake::FormTokens;
use crate::merchant::Mode;
use crate::page::{Pages, Violations};
use crate::provider::card_token::{self, CardTokenClient};
use crate::provider::{CardTokenizer, Gate};
use crate::retention;
use crate::routes;
use crate::server::proxy_protocol::ProxyPeers;
use crate::server::{self, CertificateError, ReloadingCertificate};
use crate::store::{SharedStore, StoreError};
use crate::telemetry::Metrics;
use crate::trail::Trail;
use crate::window::{Gates, InFlight, Leases, Providers, Window};
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
use tokio::sync::{Notify, oneshot};

/// Added to the provider's time for a claim's lease: the commit, and clocks
/// that do not tick alike.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Pause between sweeps for sessions whose time is over.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// Sessions that one sweep ends in one transaction.
const SWEEP_BATCH: u32 = 100;
/// Pause between looks at the certificate's files.
const CERTIFICATE_PERIOD: Duration = Duration::from_secs(5);
/// Connections of the private listener.
const TELEMETRY_CONNECTIONS: usize = 64;
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

/// Sockets to serve on, bound before the process is hardened.
pub struct Listeners {
    /// For cardholders and merchants.
    pub window: Vec<TcpListener>,
    /// For the operator: health and metrics.
    pub telemetry: Option<TcpListener>,
}

/// A window that is bound to its addresses and not yet serving.
pub struct Application {
    server: Server,
    addresses: Vec<SocketAddr>,
    telemetry: Option<(Server, SocketAddr)>,
    callbacks: CallbackWorker,
    certificate: Option<Arc<ReloadingCertificate>>,
    window: Arc<Window>,
    retention: RetentionConfig,
    drain: Duration,
}

impl Application {
    /// Opens everything that the configuration names, and returns. What takes
    /// privileges is done by then: the master key read, the addresses bound.
    ///
    /// # Errors
    /// [`StartupError`]; nothing is left running.
    pub fn build(config: &Config, master_keys: MasterKeys, listeners: Listeners) -> Result<Self, StartupError> {
        // The library's random generator seeds itself on its first use, for a
        // tenth of a second: now, not in the first cardholder's handshake.
        fill_random(&mut [0]);
        let store = if config.store.migrate { migrate_store(config)?.0 } else { open_store(config)? };
        let tls = ProviderTls::load(config)?;
        let certificate = match (&config.server.certificate, &config.server.private_key) {
            (Some(certificate), Some(key)) if !config.server.danger_plain_http => {
                Some(ReloadingCertificate::load(certificate, key)?)
            }
            _ => None,
        };
        let window = Arc::new(window(config, &master_keys, store, certificate.clone())?);
        // What was derived from them is where it is used; they themselves are wiped.
        drop(master_keys);
        let addresses = listeners.window.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let callbacks = callback_worker(config, &window)?;
        let telemetry = listeners.telemetry.map(|listener| serve_telemetry(listener, &window)).transpose()?;
        let server = serve(config, listeners.window, certificate.clone(), Arc::clone(&window), tls)?;
        let drain = Duration::from_secs(config.server.shutdown_seconds);
        let retention = config.retention.clone();
        Ok(Self { server, addresses, telemetry, callbacks, certificate, window, retention, drain })
    }

    /// Where it listens; tells the port where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the private listener is.
    #[must_use]
    pub fn telemetry_address(&self) -> Option<SocketAddr> {
        self.telemetry.as_ref().map(|(_, address)| *address)
    }

    /// Lets the metrics tell what the hardening has achieved.
    pub fn tell_hardening(&self, report: &Report) {
        for Finding { measure, outcome, .. } in &report.0 {
            let all = Outcome::ALL.map(|outcome| [*measure, outcome.name()]);
            self.window.metrics.hardening.choose(all, [measure, outcome.name()]);
        }
    }

    /// Serves until `shutdown` resolves, then takes no new connections, lets
    /// requests in flight end within `server.shutdown_seconds`, cuts off what
    /// has not, and returns.
    ///
    /// # Errors
    /// The server's own failure.
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let handle = self.server.handle();
        let mut running = actix_rt::spawn(self.server);
        let telemetry = self.telemetry.map(|(server, _)| actix_rt::spawn(server));
        let (stop_callbacks, stopping) = oneshot::channel::<()>();
        let trail = Arc::clone(&self.window.trail);
        actix_rt::spawn(Arc::clone(&trail).run());
        let callbacks = actix_rt::spawn(self.callbacks.run_until(async { drop(stopping.await) }, self.drain));
        actix_rt::spawn(retention::enforce(Arc::clone(&self.window.store), self.retention));
        actix_rt::spawn(sweep(Arc::clone(&self.window)));
        if let Some(certificate) = self.certificate {
            actix_rt::spawn(certificate.watch(CERTIFICATE_PERIOD));
        }
        let ended = tokio::select! {
            ended = &mut running => {
                drop(stop_callbacks);
                ended?
            }
            () = shutdown => {
                drop(stop_callbacks);
                drain::drain(&self.window, &handle, running, self.drain).await
            }
        };
        // What is on the wire may end within the same time; the rest is handed back.
        let _ = callbacks.await;
        trail.close().await;
        if let Some(telemetry) = telemetry {
            telemetry.abort();
        }
        ended
    }
}

fn window(
    config: &Config,
    keys: &MasterKeys,
    store: SharedStore,
    certificate: Option<Arc<ReloadingCertificate>>,
) -> Result<Window, StartupError> {
    let sealer = Arc::new(keys.sealer()?);
    let metrics = Arc::new(Metrics::of(store.meter()));
    let lease = |upstream: &CardTokenConfig| upstream.timeout + LEASE_MARGIN;
    Ok(Window {
        results: Results::new(Arc::clone(&store), Arc::clone(&sealer)),
        form_tokens: FormTokens::new(keys)?,
        calls: api::call_mac(keys)?,
        pages: Pages::new().with_privacy_notice(config.page.privacy_url.as_deref()),
        violations: Violations::default(),
        limits: Limits::new(&config.limits, metrics.limited.clone()),
        public_url: config.server.public_url.clone(),
        with_hsts: config.server.wants_hsts(),
        default_locale: config.locale.clone(),
        callback_ports: config.egress.ports.clone(),
        leases: Leases {
            test: config.provider.test.as_ref().map(lease),
            live: config.provider.live.as_ref().filter(|_| config.live).map(lease),
        },
        trail: Trail::start(Arc::clone(&store), &started(config)),
        callback_wake: Arc::new(Notify::new()),
        paused_endpoints: Arc::default(),
        in_flight: InFlight::default(),
        gates: gates(config, &metrics),
        health: Health::new(certificate),
        metrics,
        store,
        sealer,
    })
}

/// What the audit trail says of a start.
fn started(config: &Config) -> String {
    format!("version={} live={}", env!("CARGO_PKG_VERSION"), config.live)
}

fn gates(config: &Config, metrics: &Arc<Metrics>) -> Gates {
    let gate = |mode, upstream: &CardTokenConfig| Gate::new(mode, upstream.breaker.clone(), Arc::clone(metrics));
    Gates {
        test: config.provider.test.as_ref().map(|upstream| gate(Mode::Test, upstream)),
        live: config.provider.live.as_ref().filter(|_| config.live).map(|upstream| gate(Mode::Live, upstream)),
    }
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
        Arc::clone(&window.paused_endpoints),
        Arc::clone(&window.metrics),
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
        proxies: ProxyPeers::new(&config.server.proxy_protocol_from),
        traffic: window.metrics.traffic.clone(),
        ..server::Options::default()
    };
    let window = Data::from(window);
    let egress = config.egress.clone();
    Ok(server::serve("window", listeners, server_tls, &options, move || {
        routes::application(window.clone(), tls.providers(&egress))
    })?)
}

/// The private listener, in plain HTTP on a thread of its own.
fn serve_telemetry(listener: TcpListener, window: &Arc<Window>) -> Result<(Server, SocketAddr), StartupError> {
    let address = listener.local_addr()?;
    let options = server::Options {
        workers: 1,
        max_connections: TELEMETRY_CONNECTIONS,
        on_request: Some(request_head::cut_loose),
        on_close: Some(forget_connection),
        ..server::Options::default()
    };
    let window = Data::from(Arc::clone(window));
    let server = server::serve("telemetry", vec![listener], None, &options, move || routes::private(window.clone()))?;
    Ok((server, address))
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
        api::forget_old_keys(&window.store).await;
        let ended = window.store.expire_sessions(SWEEP_BATCH).await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the sweep failed");
            0
        });
        if ended > 0 {
            tracing::info!(count = ended, "sessions ended by time");
            window.metrics.sessions_ended.more(["expired"], ended.into());
            window.callback_wake.notify_one();
        }
        // A full batch means that more are waiting.
        if ended < SWEEP_BATCH {
            tokio::time::sleep(SWEEP_PERIOD).await;
        }
    }
}
