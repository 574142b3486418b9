//! What rests sealed, wherever it rests: so that a master key can be replaced
//! under all of it.

use super::StoreError;
use crate::hardening::{SealContext, Sealed};
use async_trait::async_trait;

/// The column that a session's token is sealed to.
pub const CARD_TOKEN_FIELD: &str = "card_token";

/// A column of sealed values. The only others are those of idempotency keys, which
/// are gone after 24 hours: what they are recognized by, a keyed hash, could not be
/// made anew, so the previous key is needed for as long as they are in any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vault {
    /// Signing secrets and provider credentials, retired ones too.
    MerchantSecrets,
    /// Card tokens of completed sessions.
    CardTokens,
}

impl Vault {
    /// Every column.
    pub const ALL: [Self; 2] = [Self::MerchantSecrets, Self::CardTokens];
}

/// One sealed value and where it belongs.
pub struct SealedRecord {
    /// The row's id.
    pub id: String,
    /// What it is sealed to beside its row.
    pub field: String,
    /// Whether anything still opens it: a retired secret rests unused.
    pub in_use: bool,
    /// The value.
    pub sealed: Sealed,
}

impl SealedRecord {
    /// What the value is sealed to.
    #[must_use]
    pub fn context(&self) -> SealContext<'_> {
        SealContext { record: &self.id, field: &self.field }
    }
}

/// Some sealed values, in the order of their rows' ids.
pub struct SealedPage {
    /// The values; there may be none although there are more pages.
    pub records: Vec<SealedRecord>,
    /// The id after which the next page starts, unless this was the last.
    pub next: Option<String>,
}

/// The same secret under another key.
pub struct Resealed {
    /// The row's id.
    pub id: String,
    /// The value that was read: another one is left alone.
    pub before: Sealed,
    /// The value to put in its place.
    pub after: Sealed,
}

/// What a rotation of the master key needs.
#[async_trait]
pub trait SealedStore: Send + Sync {
    /// Up to `limit` rows of a column of sealed values, after the row with the id `after`.
    async fn sealed(&self, vault: Vault, after: String, limit: u32) -> Result<SealedPage, StoreError>;
    /// Puts sealed values in the place of those that are still what was read; says how many.
    ///
    /// May be repeated: what is done already is not what was read.
    async fn reseal(&self, vault: Vault, changes: Vec<Resealed>) -> Result<u32, StoreError>;
}
