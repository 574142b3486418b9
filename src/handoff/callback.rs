//! Delivers callbacks from the outbox: leases what is due, posts it, records
//! what became of it. A process that dies in between lets its leases run out,
//! and another attempt follows: at least once.

use super::answer::kept_of;
use super::endpoints::{Endpoints, PER_ENDPOINT};
use super::message::{Message, told_of};
use super::verdict::{Turn, Verdict};
use super::{HandoffError, Results};
use crate::config::CallbackConfig;
use crate::egress::{self, Connector};
use crate::failpoint::{self, Point};
use crate::hardening::SecretText;
use crate::id::EventId;
use crate::store::{Among, Delivery, DeliveryAsk, DeliveryOutcome, Endpoint, SecretKind, Settlement, SharedStore};
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Callbacks on the wire at the same time, per process. One merchant can have
/// twenty endpoints, and keeps fewer places than these.
const CONCURRENT: u32 = 160;

/// Of these, calls of endpoints that are only probed.
const PROBES: usize = 32;

/// How long an idle worker waits before it looks again; a commit of this
/// process wakes it at once.
const POLL: Duration = Duration::from_millis(500);

/// How much longer than a call its lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// What is read of an endpoint's answer.
const MAX_ANSWER: usize = 1024;

/// Endpoints that are only probed, as others may read them.
pub type PausedEndpoints = Arc<ArcSwap<Vec<Endpoint>>>;

/// Works the outbox until it is stopped. Runs on one thread.
pub struct CallbackWorker {
    store: SharedStore,
    results: Results,
    connector: Connector,
    config: CallbackConfig,
    wake: Arc<Notify>,
    paused: PausedEndpoints,
    metrics: Arc<Metrics>,
    endpoints: RefCell<Endpoints>,
    running: RefCell<HashMap<EventId, Running>>,
}

/// An attempt that is under way.
struct Running {
    attempt: u32,
    since: Instant,
    task: JoinHandle<()>,
}

/// What an attempt came to.
struct Tried {
    verdict: Verdict,
    status: Option<u16>,
    answer: String,
}

impl CallbackWorker {
    /// A worker; `wake` tells it that an event was written, and it tells `paused`
    /// which endpoints it only probes.
    #[must_use]
    pub fn new(
        store: SharedStore,
        results: Results,
        connector: Connector,
        config: CallbackConfig,
        wake: Arc<Notify>,
        paused: PausedEndpoints,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (endpoints, running) = Default::default();
        Self { store, results, connector, config, wake, paused, metrics, endpoints, running }
    }

    /// Delivers until `stop` resolves, then takes no new leases, waits up to
    /// `patience` for what is on the wire, and hands back the leases of the rest,
    /// which are due at once for whoever comes next. Must run inside a local
    /// task set.
    pub async fn run_until(self, stop: impl Future<Output = ()>, patience: Duration) {
        let worker = Rc::new(self);
        let mut stop = pin!(stop);
        loop {
            let is_idle = worker.start_due().await == 0;
            let rest = async {
                if is_idle {
                    // Woken by an event, by a delivery that ended, or after a while.
                    let _ = timeout(POLL, worker.wake.notified()).await;
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = rest => {}
            }
        }
        let _ = timeout(patience, worker.none_running()).await;
        worker.hand_back().await;
    }

    async fn none_running(&self) {
        while !self.running.borrow().is_empty() {
            self.wake.notified().await;
        }
    }

    async fn hand_back(&self) {
        let rest: Vec<(EventId, Running)> = self.running.borrow_mut().drain().collect();
        for (event, running) in rest {
            running.task.abort();
            let (id, attempt) = (event.to_string(), running.attempt);
            let settlement = Settlement {
                event,
                attempt,
                latency: running.since.elapsed(),
                status: None,
                reason: Some("interrupted"),
                answer: String::new(),
                outcome: DeliveryOutcome::Interrupted,
            };
            self.metrics.callbacks.one(["interrupted", ""]);
            tracing::warn!(event = id, attempt, "callback handed back: the process stops");
            self.settle(settlement).await;
        }
    }

    /// Leases and starts what may be called now: of endpoints as usual first,
    /// then a probe of each of those that have failed.
    async fn start_due(self: &Rc<Self>) -> usize {
        let limit = CONCURRENT.saturating_sub(self.endpoints.borrow().under_way());
        if limit == 0 {
            return 0;
        }
        let left_out = self.endpoints.borrow().not_as_usual();
        let usual = self.lease(limit, PER_ENDPOINT, Among::AllBut(left_out)).await;
        let mut started = self.start(usual);
        let places = PROBES.saturating_sub(self.endpoints.borrow().probes());
        let failing = self.endpoints.borrow_mut().next_probes(places, Instant::now());
        if !failing.is_empty() {
            let probes = self.lease(limit, 1, Among::Only(failing)).await;
            started += self.start(probes);
        }
        started
    }

    async fn lease(&self, limit: u32, per_endpoint: u32, among: Among) -> Vec<Delivery> {
        let lease = self.config.timeout + LEASE_MARGIN;
        self.store.lease_deliveries(DeliveryAsk { limit, per_endpoint, among, lease }).await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the outbox cannot be read");
            Vec::new()
        })
    }

    fn start(self: &Rc<Self>, due: Vec<Delivery>) -> usize {
        let leased = due.len();
        for delivery in due {
            let worker = Rc::clone(self);
            let (event, attempt, since) = (delivery.event.id.clone(), delivery.event.attempts, Instant::now());
            self.endpoints.borrow_mut().begin(&delivery.endpoint(), since);
            let task = actix_rt::spawn(async move {
                worker.deliver(&delivery, since).await;
                worker.running.borrow_mut().remove(&delivery.event.id);
                worker.wake.notify_one();
            });
            self.running.borrow_mut().insert(event, Running { attempt, since, task });
        }
        leased
    }

    async fn deliver(&self, delivery: &Delivery, since: Instant) {
        let Tried { verdict, status, answer } = self.attempt(delivery).await;
        failpoint::reach(Point::AfterCallback);
        self.metrics.callback_seconds.took(since.elapsed());
        self.tell(delivery, &verdict);
        self.judge_endpoint(&delivery.endpoint(), &verdict);
        let settlement = Settlement {
            event: delivery.event.id.clone(),
            attempt: delivery.event.attempts,
            latency: since.elapsed(),
            status,
            reason: verdict.reason,
            answer,
            outcome: verdict.outcome,
        };
        self.settle(settlement).await;
    }

    async fn settle(&self, settlement: Settlement) {
        let event = settlement.event.to_string();
        if let Err(error) = self.store.settle_delivery(settlement).await {
            tracing::error!(event, error = %error, "a delivery's outcome cannot be recorded; it will be repeated");
        }
    }

    /// Logs and counts what an attempt came to.
    fn tell(&self, delivery: &Delivery, verdict: &Verdict) {
        let event = delivery.event.id.as_str();
        let session = delivery.event.session.as_ref().map_or("none", |session| session.as_str());
        let (attempt, reason) = (delivery.event.attempts, verdict.reason);
        self.metrics.callbacks.one([verdict.outcome.name(), reason.unwrap_or_default()]);
        match verdict.outcome {
            DeliveryOutcome::Delivered => {
                tracing::info!(event, session, attempt, "callback delivered");
            }
            DeliveryOutcome::Retry { after } => {
                let next_attempt_in_s = after.as_secs();
                tracing::warn!(event, session, attempt, reason, next_attempt_in_s, "callback failed");
            }
            DeliveryOutcome::EndpointGone => {
                let (merchant, host) = (delivery.event.merchant.as_str(), delivery.url.url().host_str());
                tracing::error!(
                    event,
                    session,
                    attempt,
                    merchant,
                    host,
                    "a callback endpoint is disabled: it answered 410"
                );
            }
            DeliveryOutcome::Abandoned | DeliveryOutcome::Interrupted => {
                tracing::error!(event, session, attempt, reason, "callback given up: the schedule is used up");
            }
        }
    }

    fn judge_endpoint(&self, endpoint: &Endpoint, verdict: &Verdict) {
        let mut endpoints = self.endpoints.borrow_mut();
        if endpoints.end(endpoint, verdict.health, Instant::now()) {
            let (merchant, host) = endpoint.parts();
            tracing::warn!(merchant, host, "a callback endpoint fails: it is only probed until it answers");
        }
        self.paused.store(Arc::new(endpoints.broken()));
    }

    async fn attempt(&self, delivery: &Delivery) -> Tried {
        let turn = Turn { config: &self.config, failures: delivery.failures, jitter: jitter() };
        let not_called = |reason| Tried { verdict: turn.not_called(reason), status: None, answer: String::new() };
        if !self.is_allowed(delivery).await {
            return not_called("not_allowed");
        }
        let (message, token) = match self.message(delivery).await {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(event = delivery.event.id.as_str(), error = %error, "a callback cannot be signed");
                return not_called("not_signed");
            }
        };
        let call = egress::Delivery {
            url: delivery.url.url(),
            headers: message.headers,
            body: message.body.into(),
            timeout: self.config.timeout,
            max_answer_bytes: MAX_ANSWER,
        };
        let answer = egress::post(&self.connector, call).await;
        let (status, body) = answer.as_ref().map_or((None, &[][..]), |answer| (Some(answer.status), &answer.body));
        Tried { verdict: turn.judge(&answer), status, answer: kept_of(body, token.as_ref().map(SecretText::expose)) }
    }

    /// The callback, and the token in it, which no answer may bring into the store.
    async fn message(&self, delivery: &Delivery) -> Result<(Message, Option<SecretText>), HandoffError> {
        let told = told_of(&self.results, &delivery.event, &delivery.subject).await?;
        let token =
            told.get("cardToken").and_then(|token| token.as_str()).map(|token| SecretText::new(token.to_owned()));
        let keys = self.results.secrets(&delivery.event.merchant, SecretKind::Webhook).await?;
        let message = Message::sign(&delivery.event, told, &keys, Timestamp::now());
        Ok((message.ok_or(HandoffError::NoSecret(SecretKind::Webhook.name()))?, token))
    }

    /// Whether the address is on the merchant's allow-list still: an operator
    /// who takes it off stops what waits for it.
    async fn is_allowed(&self, delivery: &Delivery) -> bool {
        match self.store.merchant(delivery.event.merchant.clone()).await {
            Ok(Some(merchant)) => merchant.allow_list.still_allows(&delivery.url, delivery.event.mode),
            Ok(None) | Err(_) => false,
        }
    }
}

/// A number in [0, 1): spreads retries of many callbacks that failed together.
fn jitter() -> f64 {
    let mut byte = [0; 1];
    crate::hardening::secret::fill_random(&mut byte);
    f64::from(byte[0]) / 256.0
}
