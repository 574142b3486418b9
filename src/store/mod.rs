//! What is kept: traits of single operations and their backends.
//!
//! Composition lives above. Time is the database's: no operation takes the
//! present moment, so a wrong clock on one node cannot break single use.

mod audit;
mod columns;
mod events;
mod idempotency;
mod measured;
mod merchants;
mod outbox;
mod postgres;
mod retention;
mod sealed;
mod sessions;
mod sqlite;

pub use audit::{AuditQuery, AuditStore};
pub use events::{
    Attempt, Event, EventCursor, EventDetail, EventKind, EventPage, EventQuery, EventScope, EventState, EventStore,
    KEPT_ATTEMPTS, Redelivery, Subject,
};
pub use idempotency::{IdempotencyStore, KnownUse, NewUse, UseBegun, UseEnd, UseId, UseState};
pub use merchants::{ApiKeyRecord, Authenticated, MerchantStore, NewApiKey, NewSecret, SecretKind, SecretRecord};
pub use outbox::{Among, Backlog, Delivery, DeliveryAsk, DeliveryOutcome, Endpoint, OutboxStore, Settlement};
pub use postgres::{Access, Lookup, PostgresStore};
pub use retention::{EndedCursor, PrunedSessions, RetentionStore};
pub use sealed::{CARD_TOKEN_FIELD, Resealed, SealedPage, SealedRecord, SealedStore, Vault};
pub use sessions::{
    CancelOutcome, ClaimOutcome, CommitOutcome, SessionCursor, SessionPage, SessionQuery, SessionStore,
};
pub use sqlite::SqliteStore;

use crate::telemetry::metrics::StoreMeter;
use async_trait::async_trait;
use std::sync::Arc;
use thiserror::Error;

/// Shared by every worker.
pub type SharedStore = Arc<dyn Store>;

/// Why the store did not do what it was asked. Always ours or the operator's.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened, the disk is full, the server is away.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A row does not read back as what was written.
    #[error("a stored {what} does not read back")]
    Corrupt {
        /// Which kind of value.
        what: &'static str,
    },
    /// A merchant or key that was to be changed is not there.
    #[error("there is no such {what}")]
    Missing {
        /// Which kind of record.
        what: &'static str,
    },
}

/// Everything that is kept. Each operation is atomic when it returns.
#[async_trait]
pub trait Store:
    MerchantStore + SessionStore + OutboxStore + EventStore + RetentionStore + SealedStore + IdempotencyStore + AuditStore
{
    /// Whether the store reads and writes.
    async fn ping(&self) -> Result<(), StoreError>;
    /// How long it takes and what it fails at.
    fn meter(&self) -> &StoreMeter;
}
