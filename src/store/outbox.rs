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

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Backlog {
    /// Callbacks that are to be delivered still, [`Backlog::MOST`] at most.
    pub pending: u32,
    /// For how long the oldest one has been due; zero when none is. One that
    /// waits for its next attempt, or is being delivered, is not due.
    pub oldest_due: Duration,
}

impl Backlog {
    /// What is counted up to: a health check must not take long.
    pub const MOST: u32 = 100_000;
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
    /// What waits, for health checks.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
    /// Records what became of a leased callback.
    async fn settle_delivery(&self, event: EventId, attempt: u32, outcome: DeliveryOutcome) -> Result<(), StoreError>;
}
