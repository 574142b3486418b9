//! Events, and the callbacks that tell of them.

use super::StoreError;
use crate::id::{EventId, MerchantId, SessionId};
use crate::session::{Session, Violation};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// Which callbacks to lease.
pub struct DeliveryAsk {
    /// At most so many.
    pub limit: u32,
    /// At most so many of one merchant.
    pub per_merchant: u32,
    /// None of these merchants: they have enough under way.
    pub busy: Vec<MerchantId>,
    /// For how long.
    pub lease: Duration,
}

/// A callback to deliver, leased to the caller.
pub struct Delivery {
    /// `evt_…`: the webhook's id, the same at every attempt.
    pub event: EventId,
    /// `session.completed` and so on.
    pub kind: String,
    /// When the event happened.
    pub created_at: Timestamp,
    /// How many attempts there were, this one included.
    pub attempt: u32,
    /// The session it is about.
    pub session: Session,
    /// Of a `page.violation`: what its page was kept from doing.
    pub violation: Option<Violation>,
}

/// What became of a delivery.
pub enum DeliveryOutcome {
    /// The endpoint answered 2xx.
    Delivered,
    /// Try again after this long.
    Retry {
        /// How long to wait.
        after: Duration,
        /// Why, in one word for the operator.
        reason: &'static str,
    },
    /// The schedule is used up; the event stays, for the operator to see.
    Abandoned {
        /// Why, in one word for the operator.
        reason: &'static str,
    },
}

/// What is kept of callbacks. A power cut may undo the latest lease and its outcome:
/// one more delivery, where at least one is promised.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Writes the event of a violation, one for each session and directive; says
    /// whether this was it. A session without a callback address has none.
    async fn record_violation(&self, session: SessionId, violation: Violation) -> Result<bool, StoreError>;

    /// Leases callbacks that are due.
    async fn lease_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Delivery>, StoreError>;
    /// Records what became of a leased callback.
    async fn settle_delivery(&self, event: EventId, attempt: u32, outcome: DeliveryOutcome) -> Result<(), StoreError>;
}
