//! Delivers callbacks from the outbox: leases what is due, posts it, records
//! what became of it. A process that dies in between lets its leases run out,
//! and another attempt follows: at least once.

use super::Results;
use super::delivery::{Message, failed, outcome};
use crate::config::CallbackConfig;
use crate::egress::{self, Connector};
use crate::failpoint::{self, Point};
use crate::id::MerchantId;
use crate::merchant::AllowedUrl;
use crate::store::{Delivery, DeliveryAsk, DeliveryOutcome, SharedStore};
use crate::telemetry::Metrics;
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Callbacks on the wire at the same time, per process.
const CONCURRENT: u32 = 128;

/// Of these, callbacks of one merchant, give or take one lease's worth: a
/// merchant whose endpoint hangs must not hold the others up.
const PER_MERCHANT: u32 = 8;

/// How long an idle worker waits before it looks again; a commit of this
/// process wakes it at once.
const POLL: Duration = Duration::from_millis(500);

/// How much longer than a call its lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// What is read of an endpoint's answer.
const MAX_ANSWER: usize = 1024;

/// Works the outbox until it is dropped. Runs on one thread.
pub struct CallbackWorker {
    store: SharedStore,
    results: Results,
    connector: Connector,
    config: CallbackConfig,
    wake: Arc<Notify>,
    under_way: UnderWay,
    metrics: Arc<Metrics>,
}

impl CallbackWorker {
    /// A worker; `wake` tells it that an event was written.
    #[must_use]
    pub fn new(
        store: SharedStore,
        results: Results,
        connector: Connector,
        config: CallbackConfig,
        wake: Arc<Notify>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { store, results, connector, config, wake, under_way: UnderWay::default(), metrics }
    }

    /// Delivers for ever. Must run inside a local task set.
    pub async fn run(self) {
        let worker = Rc::new(self);
        loop {
            if worker.start_due().await == 0 {
                // Woken by an event, by a delivery that ended, or after a while.
                let _ = tokio::time::timeout(POLL, worker.wake.notified()).await;
            }
        }
    }

    async fn start_due(self: &Rc<Self>) -> usize {
        let limit = CONCURRENT.saturating_sub(self.under_way.total());
        if limit == 0 {
            return 0;
        }
        let busy = self.under_way.busy();
        let lease = self.config.timeout + LEASE_MARGIN;
        let ask = DeliveryAsk { limit, per_merchant: PER_MERCHANT, busy, lease };
        let due = match self.store.lease_deliveries(ask).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(error = %error, "the outbox cannot be read");
                return 0;
            }
        };
        let leased = due.len();
        for delivery in due {
            let worker = Rc::clone(self);
            worker.under_way.begin(&delivery.session.merchant);
            actix_rt::spawn(async move {
                let merchant = delivery.session.merchant.clone();
                worker.deliver(delivery).await;
                worker.under_way.end(&merchant);
                worker.wake.notify_one();
            });
        }
        leased
    }

    async fn deliver(&self, delivery: Delivery) {
        let start = Instant::now();
        let settled = self.attempt(&delivery).await;
        failpoint::reach(Point::AfterCallback);
        self.metrics.callback_seconds.took(start.elapsed());
        self.metrics.callbacks.one(match &settled {
            DeliveryOutcome::Delivered => ["delivered", ""],
            DeliveryOutcome::Retry { reason, .. } => ["retry", reason],
            DeliveryOutcome::Abandoned { reason } => ["abandoned", reason],
        });
        let (event, session) = (delivery.event.as_str(), delivery.session.id.as_str());
        let attempt = delivery.attempt;
        match &settled {
            DeliveryOutcome::Delivered => tracing::info!(event, session, attempt, "callback delivered"),
            DeliveryOutcome::Retry { after, reason } => {
                tracing::warn!(event, session, attempt, reason, next_attempt_in_s = after.as_secs(), "callback failed");
            }
            DeliveryOutcome::Abandoned { reason } => {
                tracing::error!(event, session, attempt, reason, "callback given up: the schedule is used up");
            }
        }
        if let Err(error) = self.store.settle_delivery(delivery.event.clone(), attempt, settled).await {
            tracing::error!(event, session, error = %error, "a delivery's outcome cannot be recorded; it will be repeated");
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> DeliveryOutcome {
        let Some(url) = &delivery.session.callback_url else {
            return DeliveryOutcome::Abandoned { reason: "no_address" };
        };
        if !self.is_allowed(delivery, url).await {
            return failed(&self.config, delivery.attempt, "not_allowed", None, jitter());
        }
        let message = match Message::new(&self.results, delivery, Timestamp::now()).await {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(event = delivery.event.as_str(), error = %error, "a callback cannot be signed");
                return failed(&self.config, delivery.attempt, "not_signed", None, jitter());
            }
        };
        let call = egress::Delivery {
            url: url.url(),
            headers: message.headers,
            body: message.body.into(),
            timeout: self.config.timeout,
            max_answer_bytes: MAX_ANSWER,
        };
        let answer = egress::post(&self.connector, call).await;
        outcome(&self.config, delivery.attempt, &answer, jitter())
    }

    /// Whether the address is on the merchant's allow-list still: an operator
    /// who takes it off stops what waits for it.
    async fn is_allowed(&self, delivery: &Delivery, url: &AllowedUrl) -> bool {
        match self.store.merchant(delivery.session.merchant.clone()).await {
            Ok(Some(merchant)) => merchant.allow_list.still_allows(url, delivery.session.mode),
            Ok(None) | Err(_) => false,
        }
    }
}

/// Deliveries on the wire, by merchant.
#[derive(Default)]
struct UnderWay(RefCell<HashMap<MerchantId, u32>>);

impl UnderWay {
    fn begin(&self, merchant: &MerchantId) {
        *self.0.borrow_mut().entry(merchant.clone()).or_default() += 1;
    }

    fn end(&self, merchant: &MerchantId) {
        let mut counts = self.0.borrow_mut();
        match counts.get_mut(merchant) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(merchant)),
        }
    }

    fn total(&self) -> u32 {
        self.0.borrow().values().sum()
    }

    /// Merchants that have as many under way as they may.
    fn busy(&self) -> Vec<MerchantId> {
        let counts = self.0.borrow();
        counts.iter().filter(|(_, count)| **count >= PER_MERCHANT).map(|(merchant, _)| merchant.clone()).collect()
    }
}

/// A number in [0, 1): spreads retries of many callbacks that failed together.
fn jitter() -> f64 {
    let mut byte = [0; 1];
    crate::hardening::secret::fill_random(&mut byte);
    f64::from(byte[0]) / 256.0
}
