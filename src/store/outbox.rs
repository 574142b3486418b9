//! The outbox: events that wait for their callbacks, leased to whoever sends them.

use super::StoreError;
use super::events::{Event, Subject};
use crate::id::{EventId, MerchantId, SessionId};
use crate::merchant::AllowedUrl;
use crate::session::Violation;
use async_trait::async_trait;
use std::time::Duration;

/// Whom a callback keeps busy: a merchant's server, by the origin of its URL.
/// Of two merchants behind one host, neither waits for the other.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint(String);

impl Endpoint {
    /// The endpoint of a merchant's URL.
    #[must_use]
    pub fn of(merchant: &MerchantId, url: &AllowedUrl) -> Self {
        Self(format!("{merchant} {}", url.url().origin().ascii_serialization()))
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The merchant's id and the origin.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once(' ').unwrap_or((&self.0, ""))
    }
}

/// Of which endpoints to lease.
pub enum Among {
    /// Of all but these.
    AllBut(Vec<Endpoint>),
    /// Of these alone.
    Only(Vec<Endpoint>),
}

/// Which callbacks to lease.
pub struct DeliveryAsk {
    /// At most so many.
    pub limit: u32,
    /// At most so many of one endpoint.
    pub per_endpoint: u32,
    /// Of which endpoints.
    pub among: Among,
    /// For how long.
    pub lease: Duration,
}

/// A callback to deliver, leased to the caller. Its event's `attempts` is this
/// attempt's number, by which the lease is known.
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// What is told.
    pub subject: Subject,
    /// Where it goes.
    pub url: AllowedUrl,
    /// Attempts of the present schedule that have failed.
    pub failures: u32,
}

impl Delivery {
    /// Whom it keeps busy.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::of(&self.event.merchant, &self.url)
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeliveryOutcome {
    /// The endpoint answered 2xx. If it was disabled, it no longer is.
    Delivered,
    /// Try again after this long.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// The schedule is used up; the event stays, for merchant and operator to see.
    Abandoned,
    /// The endpoint answered 410: it is disabled, and what waits for it is held back.
    EndpointGone,
    /// Nobody waited for its end: it is due at once, and counts as no failure.
    Interrupted,
}

impl DeliveryOutcome {
    /// One word for metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { .. } => "retry",
            Self::Abandoned => "abandoned",
            Self::EndpointGone => "endpoint_disabled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How an attempt ended.
pub struct Settlement {
    /// The event.
    pub event: EventId,
    /// The number of the attempt, by which the lease is known.
    pub attempt: u32,
    /// How long it took.
    pub latency: Duration,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed, in one word; none when it did not.
    pub reason: Option<&'static str>,
    /// The first of the answer's body, masked.
    pub answer: String,
    /// What follows.
    pub outcome: DeliveryOutcome,
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
    /// whether this was it.
    async fn record_violation(&self, session: SessionId, violation: Violation) -> Result<bool, StoreError>;

    /// Leases callbacks that are due.
    async fn lease_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Delivery>, StoreError>;
    /// What waits, for health checks. How late it is, is asked of all endpoints but `paused`.
    async fn backlog(&self, paused: Vec<Endpoint>) -> Result<Backlog, StoreError>;
    /// Ends a lease: keeps the attempt, and does what its outcome says unless
    /// the lease had run out and a later attempt began.
    async fn settle_delivery(&self, settlement: Settlement) -> Result<(), StoreError>;
}
