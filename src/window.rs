//! What every request of the window needs: shared by all workers, but for the
//! provider's clients, of which each worker has its own.

use crate::handoff::{PausedEndpoints, Results};
use crate::hardening::limits::Limits;
use crate::hardening::{Mac, Sealer, SecretText};
use crate::health::Health;
use crate::intake::FormTokens;
use crate::merchant::Mode;
use crate::page::{Pages, Violations};
use crate::provider::breaker::BreakerState;
use crate::provider::{CardTokenizer, Gate};
use crate::store::SharedStore;
use crate::telemetry::Metrics;
use crate::trail::Trail;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use url::Url;

/// Shared by all workers.
pub struct Window {
    /// Sessions and merchants.
    pub store: SharedStore,
    /// Seals tokens and secrets at rest.
    pub sealer: Arc<Sealer>,
    /// Keyed hashes of calls that have an idempotency key.
    pub calls: Mac,
    /// Signed results.
    pub results: Results,
    /// Per-render tokens of the form.
    pub form_tokens: FormTokens,
    /// Documents of the hosted page.
    pub pages: Pages,
    /// What browsers kept the page from doing, by kind.
    pub violations: Violations,
    /// Requests per merchant and client.
    pub limits: Limits,
    /// What browsers and merchants call this service; ends in a slash.
    pub public_url: Url,
    /// Whether answers tell browsers to insist on https.
    pub with_hsts: bool,
    /// The page's language when nobody names one.
    pub default_locale: String,
    /// TCP ports that callbacks may go to.
    pub callback_ports: Vec<u16>,
    /// How long a claim of each mode lasts, or `None` when the mode is not served.
    pub leases: Leases,
    /// This process's part of the audit trail.
    pub trail: Arc<Trail>,
    /// Wakes the callback worker when an event was written.
    pub callback_wake: Arc<Notify>,
    /// Endpoints that fail, and are only probed.
    pub paused_endpoints: PausedEndpoints,
    /// Cards on their way to the provider, for the drain to wait for.
    pub in_flight: InFlight,
    /// The breakers before the providers.
    pub gates: Gates,
    /// What is counted and timed.
    pub metrics: Arc<Metrics>,
    /// How this process is.
    pub health: Health,
}

/// Counts cards between their claim and their commit.
#[derive(Clone, Default)]
pub struct InFlight(Arc<Cards>);

#[derive(Default)]
struct Cards {
    count: AtomicUsize,
    ended: Notify,
    is_over: AtomicBool,
    over: Notify,
}

impl InFlight {
    /// Counts one more for as long as what is returned lives.
    #[must_use]
    pub fn one_more(&self) -> InFlightGuard {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        InFlightGuard(self.clone())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Resolves once there are none.
    pub async fn none(&self) {
        until(&self.0.ended, || self.count() == 0).await;
    }

    /// Tells those that are under way that nobody waits for them any more.
    pub fn give_up(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        self.0.over.notify_waiters();
    }

    /// Resolves once they are given up.
    pub async fn given_up(&self) {
        until(&self.0.over, || self.0.is_over.load(Ordering::SeqCst)).await;
    }
}

async fn until(news: &Notify, holds: impl Fn() -> bool) {
    loop {
        let mut changed = pin!(news.notified());
        // Counts from here on: a change between the look and the wait is not missed.
        changed.as_mut().enable();
        if holds() {
            return;
        }
        changed.await;
    }
}

/// One card on its way.
pub struct InFlightGuard(InFlight);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.0.ended.notify_waiters();
    }
}

impl Window {
    /// The origin of the page, as browsers send it (RFC 6454 section 6.2).
    #[must_use]
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// The page's address for a session's secret.
    #[must_use]
    pub fn session_url(&self, secret: &str) -> SecretText {
        SecretText::new(format!("{}c/{secret}", self.public_url))
    }
}

/// How long a claim lasts: the provider's timeout, which its one retry shares,
/// and a margin for the commit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leases {
    /// Test mode.
    pub test: Option<Duration>,
    /// Live mode.
    pub live: Option<Duration>,
}

impl Leases {
    /// The lease of a mode.
    #[must_use]
    pub fn of(self, mode: Mode) -> Option<Duration> {
        match mode {
            Mode::Test => self.test,
            Mode::Live => self.live,
        }
    }
}

/// Each mode's breaker, shared by all workers.
#[derive(Clone, Default)]
pub struct Gates {
    /// Test mode.
    pub test: Option<Arc<Gate>>,
    /// Live mode.
    pub live: Option<Arc<Gate>>,
}

impl Gates {
    /// The gate of a mode.
    #[must_use]
    pub fn of(&self, mode: Mode) -> Option<&Arc<Gate>> {
        match mode {
            Mode::Test => self.test.as_ref(),
            Mode::Live => self.live.as_ref(),
        }
    }

    /// Where the breakers of the modes that are served stand.
    #[must_use]
    pub fn states(&self) -> Vec<(Mode, BreakerState)> {
        let of = |mode| self.of(mode).map(|gate| (mode, gate.state()));
        [Mode::Test, Mode::Live].into_iter().filter_map(of).collect()
    }
}

/// One worker's clients of the provider.
#[derive(Clone, Default)]
pub struct Providers {
    /// Test mode.
    pub test: Option<Rc<dyn CardTokenizer>>,
    /// Live mode.
    pub live: Option<Rc<dyn CardTokenizer>>,
}

impl Providers {
    /// The client of a mode.
    #[must_use]
    pub fn of(&self, mode: Mode) -> Option<Rc<dyn CardTokenizer>> {
        match mode {
            Mode::Test => self.test.clone(),
            Mode::Live => self.live.clone(),
        }
    }
}
