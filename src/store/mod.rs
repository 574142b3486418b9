//! What is kept: a trait of single operations and its backends.
//!
//! Composition lives above. Time is the database's: no operation takes the
//! present moment, so a wrong clock on one node cannot break single use.

mod sealed;
mod sqlite;

pub use sealed::{CARD_TOKEN_FIELD, Resealed, SealedPage, SealedRecord, Vault};
pub use sqlite::SqliteStore;

use crate::hardening::{Fingerprint, Sealed};
use crate::id::{EventId, KeyId, MerchantId, SessionId};
use crate::merchant::{Merchant, Mode};
use crate::session::{Claimed, Completion, NewSession, Release, Session, Status, Violation};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
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

/// What a merchant's secret is used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecretKind {
    /// Signs results: `vzsig_…`.
    Result,
    /// Signs callbacks: `whsec_…`.
    Webhook,
    /// Provider credentials of test mode, as JSON.
    ProviderTest,
    /// Provider credentials of live mode, as JSON.
    ProviderLive,
}

impl SecretKind {
    /// The name in the store and in the seal's context.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Webhook => "webhook",
            Self::ProviderTest => "provider_test",
            Self::ProviderLive => "provider_live",
        }
    }

    /// The provider credentials of a mode.
    #[must_use]
    pub fn provider(mode: Mode) -> Self {
        match mode {
            Mode::Test => Self::ProviderTest,
            Mode::Live => Self::ProviderLive,
        }
    }
}

/// A new API key: its name, mode and hash.
pub struct NewApiKey {
    /// `key_…`, for lists and audit.
    pub id: KeyId,
    /// What it opens.
    pub mode: Mode,
    /// SHA-256 of the key.
    pub fingerprint: Fingerprint,
}

/// An API key as it is listed: never the key.
pub struct ApiKeyRecord {
    /// `key_…`
    pub id: KeyId,
    /// What it opens.
    pub mode: Mode,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working, if it was rotated out.
    pub retires_at: Option<Timestamp>,
}

/// A new secret of a merchant, sealed to its own id.
pub struct NewSecret {
    /// `key_…`
    pub id: KeyId,
    /// What it is for.
    pub kind: SecretKind,
    /// The secret, sealed to (`id`, kind).
    pub sealed: Sealed,
}

/// A live secret, newest first in lists.
pub struct SecretRecord {
    /// `key_…`
    pub id: KeyId,
    /// The secret, sealed to (`id`, kind).
    pub sealed: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working, if it was rotated out.
    pub retires_at: Option<Timestamp>,
}

/// What a bearer token opens.
pub struct Authenticated {
    /// Whose key it is.
    pub merchant: Merchant,
    /// Which mode it is for.
    pub mode: Mode,
    /// Which key it was.
    pub key: KeyId,
}

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

/// Single operations, each atomic when it returns. Merchants, sessions and
/// outcomes are durable by then; a power cut may undo the latest claim, and the
/// latest lease of a callback and its outcome, which harms nobody.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores a merchant with its first keys and secrets.
    async fn create_merchant(
        &self,
        merchant: Merchant,
        keys: Vec<NewApiKey>,
        secrets: Vec<NewSecret>,
    ) -> Result<(), StoreError>;
    /// Overwrites a merchant's settings.
    async fn update_merchant(&self, merchant: Merchant) -> Result<(), StoreError>;
    /// One merchant.
    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError>;
    /// Every merchant, oldest first.
    async fn merchants(&self) -> Result<Vec<Merchant>, StoreError>;
    /// Adds an API key; the newest other key of its mode lives on for `grace`, older ones end now.
    async fn rotate_api_key(&self, merchant: MerchantId, key: NewApiKey, grace: Duration) -> Result<(), StoreError>;
    /// A merchant's live API keys.
    async fn api_keys(&self, merchant: MerchantId) -> Result<Vec<ApiKeyRecord>, StoreError>;
    /// Adds a secret; the newest other of its kind lives on for `grace`, older ones end now.
    async fn rotate_secret(&self, merchant: MerchantId, secret: NewSecret, grace: Duration) -> Result<(), StoreError>;
    /// A merchant's live secrets of a kind, newest first; at most two.
    async fn secrets(&self, merchant: MerchantId, kind: SecretKind) -> Result<Vec<SecretRecord>, StoreError>;
    /// Ends an API key or a secret that was rotated out, before its grace time is over.
    /// [`StoreError::Missing`] when it is none of the merchant's, has ended, or is the newest.
    async fn retire(&self, merchant: MerchantId, id: KeyId) -> Result<(), StoreError>;
    /// Whose live key has this hash.
    async fn authenticate(&self, key: Fingerprint) -> Result<Option<Authenticated>, StoreError>;

    /// Stores an open session.
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
    /// May be repeated after [`StoreError::Unavailable`]: the fencing number and the lease decide.
    async fn complete(&self, claim: &Claimed, completion: &Completion) -> Result<CommitOutcome, StoreError>;
    /// Ends a claim without a token: open again, failed, or canceled if that was asked for meanwhile.
    ///
    /// May be repeated, as [`Store::complete`].
    async fn release(&self, claim: &Claimed, release: &Release) -> Result<CommitOutcome, StoreError>;
    /// Calls a session off.
    async fn cancel(&self, id: SessionId) -> Result<CancelOutcome, StoreError>;
    /// Ends up to `limit` sessions whose time is over, with their events; says how many.
    async fn expire_sessions(&self, limit: u32) -> Result<u32, StoreError>;

    /// Writes the event of a violation, one for each session and directive; says
    /// whether this was it. A session without a callback address has none.
    async fn record_violation(&self, session: SessionId, violation: Violation) -> Result<bool, StoreError>;

    /// Leases callbacks that are due.
    async fn lease_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Delivery>, StoreError>;
    /// Records what became of a leased callback.
    async fn settle_delivery(&self, event: EventId, attempt: u32, outcome: DeliveryOutcome) -> Result<(), StoreError>;

    /// Up to `limit` rows of a column of sealed values, after the row with the id `after`.
    async fn sealed(&self, vault: Vault, after: String, limit: u32) -> Result<SealedPage, StoreError>;
    /// Puts sealed values in the place of those that are still what was read; says how many.
    ///
    /// May be repeated: what is done already is not what was read.
    async fn reseal(&self, vault: Vault, changes: Vec<Resealed>) -> Result<u32, StoreError>;

    /// Whether the store reads and writes.
    async fn ping(&self) -> Result<(), StoreError>;
}
