//! How this process is: for balancers, for the operator's private listener, and
//! for Prometheus.

use crate::merchant::Mode;
use crate::provider::breaker::BreakerState;
use crate::server::ReloadingCertificate;
use crate::store::{Backlog, Store};
use crate::telemetry::metrics::CONTENT_TYPE;
use crate::window::Window;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// For how long balancers are told the last finding again: whoever asks for it
/// over and over does not make the store work.
const REPEATED_FOR: Duration = Duration::from_secs(1);
/// A callback that has been due for so long is a worker that does not keep up.
const LATE: Duration = Duration::from_mins(1);
/// From here on a certificate's end is worth a word.
pub const DAYS_TO_RENEW: i64 = 14;
const DAY: i64 = 24 * 3600;

/// What this process knows of its own state.
#[derive(Default)]
pub struct Health {
    certificate: Option<Arc<ReloadingCertificate>>,
    is_draining: AtomicBool,
    last: Mutex<Option<(Instant, Vec<&'static str>)>>,
}

impl Health {
    /// Of a process that serves with this certificate.
    #[must_use]
    pub fn new(certificate: Option<Arc<ReloadingCertificate>>) -> Self {
        Self { certificate, ..Self::default() }
    }

    /// From now on this process should get no traffic: it ends.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Seconds until the certificate is over, below zero afterwards.
    fn certificate_left(&self) -> Option<i64> {
        let over = self.certificate.as_ref()?.not_after()?;
        Some(over.as_second() - Timestamp::now().as_second())
    }

    /// Why this process should get no traffic; nothing when it should.
    async fn obstacles(&self, store: &dyn Store) -> Vec<&'static str> {
        let is_over = self.certificate_left().is_some_and(|seconds| seconds <= 0);
        let mut obstacles = Vec::new();
        if let Err(error) = store.ping().await {
            tracing::warn!(error = %error, "not ready");
            obstacles.push("store");
        }
        obstacles.extend(is_over.then_some("certificate"));
        obstacles.extend(self.is_draining().then_some("draining"));
        obstacles
    }

    /// The same, looked up once a second at most.
    async fn recent_obstacles(&self, store: &dyn Store) -> Vec<&'static str> {
        let mut last = self.last.lock().await;
        match &*last {
            Some((at, obstacles)) if at.elapsed() < REPEATED_FOR => obstacles.clone(),
            _ => {
                let obstacles = self.obstacles(store).await;
                *last = Some((Instant::now(), obstacles.clone()));
                obstacles
            }
        }
    }
}

/// `GET /livez`: the process runs. Pages of others may ask, too: a shop can find
/// out whether a browser trusts the certificate before it sends a customer here.
pub async fn live() -> HttpResponse {
    let for_all = ("Cross-Origin-Resource-Policy", "cross-origin");
    HttpResponse::Ok().content_type("text/plain").insert_header(for_all).body("ok\n")
}

/// `GET /readyz` where cardholders come in, for balancers that ask over TLS:
/// whether this process should get traffic, and no more.
pub async fn ready(window: Data<Window>) -> HttpResponse {
    let (status, body) = match window.health.recent_obstacles(&*window.store).await.as_slice() {
        [] => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    };
    HttpResponse::build(status).content_type("text/plain").body(body)
}

/// `GET /readyz` of the private listener: the same, with all that is known.
pub async fn report(window: Data<Window>) -> HttpResponse {
    let state = State::of(&window).await;
    let status = if state.obstacles.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(state.to_json())
}

/// `GET /metrics` of the private listener.
pub async fn metrics(window: Data<Window>) -> HttpResponse {
    let state = State::of(&window).await;
    let metrics = &window.metrics;
    metrics.ready.is(state.obstacles.is_empty());
    metrics.draining.is(window.health.is_draining());
    #[allow(clippy::cast_precision_loss, reason = "a few")]
    metrics.endpoints_paused.set(Some(window.paused_endpoints.load().len() as f64));
    metrics.outbox_pending.set(state.backlog.map(|backlog| backlog.pending.into()));
    metrics.outbox_lateness.set(state.backlog.map(|backlog| backlog.oldest_due.as_secs_f64()));
    #[allow(clippy::cast_precision_loss, reason = "exact for 285 million years")]
    metrics.certificate_left.set(state.certificate_left.map(|seconds| seconds as f64));
    HttpResponse::Ok().insert_header(("Content-Type", CONTENT_TYPE)).body(metrics.text())
}

/// All that is known at one moment.
struct State {
    obstacles: Vec<&'static str>,
    backlog: Option<Backlog>,
    breakers: Vec<(Mode, BreakerState)>,
    certificate_left: Option<i64>,
}

impl State {
    async fn of(window: &Window) -> Self {
        let obstacles = window.health.obstacles(&*window.store).await;
        // A store that has just failed is not asked again.
        let backlog = if obstacles.contains(&"store") {
            None
        } else {
            window.store.backlog(window.paused_endpoints.load().to_vec()).await.ok()
        };
        let certificate_left = window.health.certificate_left();
        Self { obstacles, backlog, breakers: window.gates.states(), certificate_left }
    }

    /// What is not as it should be although there is service.
    fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        for (mode, state) in &self.breakers {
            if *state != BreakerState::Closed {
                troubles.push(format!("breaker_{}", mode.name()));
            }
        }
        if self.backlog.is_none_or(|backlog| backlog.oldest_due > LATE) {
            troubles.push("outbox".to_owned());
        }
        if self.certificate_left.is_some_and(|left| left < DAYS_TO_RENEW * DAY) {
            troubles.push("certificate".to_owned());
        }
        troubles
    }

    fn to_json(&self) -> Value {
        let troubles = self.troubles();
        let (status, reasons) = match (self.obstacles.as_slice(), troubles.as_slice()) {
            ([], []) => ("ready", json!([])),
            ([], troubles) => ("degraded", json!(troubles)),
            (obstacles, _) => ("unready", json!(obstacles)),
        };
        let breakers: serde_json::Map<String, Value> =
            self.breakers.iter().map(|(mode, state)| (mode.name().to_owned(), json!(state.name()))).collect();
        let outbox = self
            .backlog
            .map(|backlog| json!({ "pending": backlog.pending, "oldestDueSeconds": backlog.oldest_due.as_secs() }));
        json!({
            "status": status,
            "reasons": reasons,
            "draining": self.obstacles.contains(&"draining"),
            "store": if self.obstacles.contains(&"store") { "away" } else { "ok" },
            "outbox": outbox,
            "breakers": breakers,
            "certificateDaysLeft": self.certificate_left.map(|seconds| seconds.div_euclid(DAY)),
        })
    }
}
