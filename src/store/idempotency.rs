//! Idempotency keys: what was called under each, and what was answered.

use super::StoreError;
use crate::hardening::{Fingerprint, Sealed};
use crate::id::MerchantId;
use crate::merchant::Mode;
use async_trait::async_trait;
use std::time::Duration;

/// Which key: each merchant has its own, in each mode.
#[derive(Clone, Debug)]
pub struct UseId {
    /// Whose.
    pub merchant: MerchantId,
    /// Which mode's.
    pub mode: Mode,
    /// SHA-256 of the key.
    pub key: Fingerprint,
}

/// The first call under a key.
pub struct NewUse {
    /// Which key.
    pub id: UseId,
    /// The keyed hash of the request.
    pub mac: Vec<u8>,
    /// The master key that it was made under, by name.
    pub mac_key: String,
    /// What the call makes is called so, however often it is begun.
    pub names: Sealed,
    /// How long the call is its caller's alone.
    pub lease: Duration,
    /// How long the key is kept.
    pub life: Duration,
}

/// What became of an attempt to begin.
pub enum UseBegun {
    /// It is the caller's to run, with the fencing number 1.
    First,
    /// There was a call under this key.
    Known(Box<KnownUse>),
}

/// A call that was begun before.
pub struct KnownUse {
    /// The keyed hash of its request.
    pub mac: Vec<u8>,
    /// The master key that it was made under, by name.
    pub mac_key: String,
    /// What the call makes is called so.
    pub names: Sealed,
    /// Its fencing number.
    pub fence: u32,
    /// How far it came.
    pub state: UseState,
}

/// How far a call came.
pub enum UseState {
    /// Somebody else runs it.
    Running,
    /// Whoever ran it died, or does not know what became of it.
    Interrupted,
    /// It was answered; `None` where the answer is not kept.
    Answered(Option<Sealed>),
}

/// How a call ends.
pub enum UseEnd {
    /// With an answer, which is kept if it may be.
    Answered(Option<Sealed>),
    /// With nothing done: the key is as if it had never been used.
    Undone,
    /// In a failure of ours: the same call may be begun again at once.
    Unclear,
}

/// What is kept of idempotency keys. A power cut may undo the latest of these
/// operations, as the end of the lease would: the call is begun again.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Takes a key for a call, unless it was used in its life.
    async fn begin_use(&self, new: NewUse) -> Result<UseBegun, StoreError>;
    /// Takes an interrupted call over: its new fencing number, or `None` when somebody else was faster.
    async fn resume_use(&self, id: UseId, fence: u32, lease: Duration) -> Result<Option<u32>, StoreError>;
    /// Ends a call; does nothing when it was taken over meanwhile.
    async fn end_use(&self, id: UseId, fence: u32, end: UseEnd) -> Result<(), StoreError>;
    /// Forgets up to `limit` keys whose life is over; says how many.
    async fn prune_uses(&self, limit: u32) -> Result<u32, StoreError>;
}
