//! Delivers callbacks from the outbox: leases what is due, posts it, records
//! what became of it. A process that dies in between lets its leases run out,
//! and another attempt follows: at least once.

use super::Results;
use super::delivery::{Message, failed, outcome};
use crate::config::CallbackConfig;
use crate::egress::{self, Connector};
use crate::store::{Delivery, DeliveryOutcome, SharedStore};
use jiff::Timestamp;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Callbacks on the wire at the same time, per process.
const CONCURRENT: u32 = 32;

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
    ) -> Self {
        Self { store, results, connector, config, wake }
    }

    /// Delivers for ever. Must run inside a local task set.
    pub async fn run(self) {
        let slots = Arc::new(Semaphore::new(CONCURRENT as usize));
        let worker = Rc::new(self);
        loop {
            let free = u32::try_from(slots.available_permits()).unwrap_or(CONCURRENT);
            let leased = if free == 0 { 0 } else { worker.start_due(free, &slots).await };
            if leased == 0 {
                let _ = tokio::time::timeout(POLL, worker.wake.notified()).await;
            }
        }
    }

    async fn start_due(self: &Rc<Self>, most: u32, slots: &Arc<Semaphore>) -> usize {
        let due = match self.store.lease_deliveries(most, self.config.timeout + LEASE_MARGIN).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(error = %error, "the outbox cannot be read");
                return 0;
            }
        };
        let leased = due.len();
        for delivery in due {
            let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return 0 };
            let worker = Rc::clone(self);
            actix_rt::spawn(async move {
                worker.deliver(delivery).await;
                drop(slot);
            });
        }
        leased
    }

    async fn deliver(&self, delivery: Delivery) {
        let settled = self.attempt(&delivery).await;
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
}

/// A number in [0, 1): spreads retries of many callbacks that failed together.
fn jitter() -> f64 {
    let mut byte = [0; 1];
    crate::hardening::secret::fill_random(&mut byte);
    f64::from(byte[0]) / 256.0
}
