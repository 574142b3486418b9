//! What is kept no longer than it should be. Every operation does a bounded
//! piece of work and may run on every node.

use super::StoreError;
use crate::id::SessionId;
use async_trait::async_trait;
use std::time::Duration;

/// A place among the ended sessions, oldest end first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndedCursor {
    /// When the last session looked at ended, in milliseconds.
    pub ended_at: i64,
    /// Its id.
    pub id: SessionId,
}

/// What became of a look at old sessions.
pub struct PrunedSessions {
    /// How many were removed.
    pub removed: u32,
    /// Where to look on; nothing at the end.
    pub next: Option<EndedCursor>,
}

/// The removal of what is old.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Abandons up to `limit` events whose schedule began longer ago than `age`:
    /// an endpoint that is rarely called for its failures must not fill the store.
    async fn give_up_waiting(&self, age: Duration, limit: u32) -> Result<u32, StoreError>;
    /// Removes up to `limit` events that were settled longer ago than `age`, with
    /// their attempts; says how many. None that waits.
    async fn prune_events(&self, age: Duration, limit: u32) -> Result<u32, StoreError>;
    /// Looks at up to `limit` sessions that ended longer ago than `age`, after a
    /// place; removes those that have no event any more.
    async fn prune_sessions(
        &self,
        age: Duration,
        after: Option<EndedCursor>,
        limit: u32,
    ) -> Result<PrunedSessions, StoreError>;
}
