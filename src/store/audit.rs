//! The audit trail. Changes by administrators take their entry along: see
//! [`super::MerchantStore`].

use super::StoreError;
use crate::audit::{ChainId, ChainRecord, Entry, Head, Note};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// Which entries to list; what is not named is not asked for.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Of this chain.
    pub chain: Option<String>,
    /// By this key or account: its id, or its name as it stands.
    pub who: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// On this id.
    pub subject: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
}

/// What is kept of the audit trail. The store gives each entry its place, its time
/// and its hash; a chain that is not there begins with its `chain.opened`.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Appends entries of one chain, all or none; says where it then ends.
    async fn append_audit(&self, notes: Vec<Note>) -> Result<Option<Head>, StoreError>;
    /// Appends a chain's last entry, if it has any.
    async fn close_audit(&self, last: Note) -> Result<Option<Head>, StoreError>;
    /// Where chains end that have an entry since this moment, with its time, oldest first.
    async fn audit_heads(&self, since: Timestamp, limit: u32) -> Result<Vec<(Timestamp, Head)>, StoreError>;
    /// Every chain; those that have entries and no record, too.
    async fn audit_chains(&self) -> Result<Vec<ChainRecord>, StoreError>;
    /// A chain's entries after a number, in order.
    async fn audit_chain(&self, chain: ChainId, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError>;
    /// Entries, newest first.
    async fn audit_entries(&self, query: AuditQuery) -> Result<Vec<Entry>, StoreError>;
    /// Deletes about `limit` entries that are older than `age`, from the beginnings
    /// of chains other than the note's, leaves their anchors, and appends the note
    /// with the count and the digest of all anchors. Says how many; appends nothing when none.
    async fn prune_audit(&self, note: Note, age: Duration, limit: u32) -> Result<u32, StoreError>;
}
