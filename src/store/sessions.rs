//! Sessions and their transitions.

use super::StoreError;
use crate::hardening::Fingerprint;
use crate::id::{MerchantId, SessionId};
use crate::merchant::{Merchant, Mode};
use crate::session::{Claimed, Completion, NewSession, Release, Session, Status};
use async_trait::async_trait;
use std::time::Duration;

/// What became of an attempt to claim a session.
pub enum ClaimOutcome {
    /// The caller alone may now send one card.
    Claimed(Box<Claimed>),
    /// Somebody else's claim is still running.
    Busy,
    /// The session has ended; its outcome is in the record.
    Ended(Box<Session>),
}

/// What became of a commit.
pub enum CommitOutcome {
    /// The session ended, or is open again, as asked.
    Committed(Box<Session>),
    /// The lease had run out or somebody else holds the session: the outcome
    /// was dropped and counted.
    Late,
}

/// What became of a cancel.
pub enum CancelOutcome {
    /// It is canceled, or had ended before; the record says which.
    Ended(Box<Session>),
    /// A claim is running; the session is canceled when that ends without a token.
    Requested(Box<Session>),
}

/// A page of a list.
pub struct SessionPage {
    /// Newest first.
    pub sessions: Vec<Session>,
    /// Where the next page starts, if there is one.
    pub next: Option<SessionCursor>,
}

/// A place in a merchant's list of sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionCursor {
    /// Creation time of the last row seen, in milliseconds.
    pub created_at: i64,
    /// Its id.
    pub id: SessionId,
}

/// What to list.
pub struct SessionQuery {
    /// Whose sessions.
    pub merchant: MerchantId,
    /// Which mode's.
    pub mode: Mode,
    /// Only in this state.
    pub status: Option<Status>,
    /// Only with this reference.
    pub conversation_id: Option<String>,
    /// Rows after this place.
    pub after: Option<SessionCursor>,
    /// At most so many rows.
    pub limit: u32,
}

/// What is kept of sessions. Outcomes are durable when they return; a power cut may
/// undo the latest claim, as the end of its lease would.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores an open session. One with this id is left as it is, and given back: a
    /// call that was begun again has made it before.
    async fn create_session(&self, session: NewSession) -> Result<Session, StoreError>;
    /// A merchant's session.
    async fn session(&self, merchant: MerchantId, mode: Mode, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// A merchant's sessions, newest first.
    async fn sessions(&self, query: SessionQuery) -> Result<SessionPage, StoreError>;
    /// The session whose page this secret opens, and its merchant.
    async fn session_by_secret(&self, secret: Fingerprint) -> Result<Option<(Session, Merchant)>, StoreError>;
    /// Takes the right to send one card for a session, for as long as `lease`.
    async fn claim(&self, id: SessionId, lease: Duration) -> Result<ClaimOutcome, StoreError>;
    /// Ends a claimed session with a token, and writes its event, in one transaction.
    ///
    /// May be repeated after [`StoreError::Unavailable`]: the fencing number and the lease decide,
    /// and a commit whose answer was lost is answered as it was made.
    async fn complete(&self, claim: &Claimed, completion: &Completion) -> Result<CommitOutcome, StoreError>;
    /// Ends a claim without a token: open again, failed, or canceled if that was asked for meanwhile.
    ///
    /// May be repeated, as [`Store::complete`].
    async fn release(&self, claim: &Claimed, release: &Release) -> Result<CommitOutcome, StoreError>;
    /// Calls a session off.
    async fn cancel(&self, id: SessionId) -> Result<CancelOutcome, StoreError>;
    /// Ends up to `limit` sessions whose time is over, with their events; says how many.
    async fn expire_sessions(&self, limit: u32) -> Result<u32, StoreError>;
}
