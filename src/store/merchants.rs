//! Merchants, their API keys and their secrets.

use super::StoreError;
use crate::audit::Note;
use crate::hardening::{Fingerprint, Sealed};
use crate::id::{KeyId, MerchantId};
use crate::merchant::{Merchant, Mode};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

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

/// What is kept of merchants. Every change is durable when it returns, and takes its
/// entry of the audit trail along: both are there afterwards, or neither.
#[async_trait]
pub trait MerchantStore: Send + Sync {
    /// Stores a merchant with its first keys and secrets.
    async fn create_merchant(
        &self,
        merchant: Merchant,
        keys: Vec<NewApiKey>,
        secrets: Vec<NewSecret>,
        note: Note,
    ) -> Result<(), StoreError>;
    /// Overwrites a merchant's settings.
    async fn update_merchant(&self, merchant: Merchant, note: Note) -> Result<(), StoreError>;
    /// One merchant.
    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError>;
    /// Every merchant, oldest first.
    async fn merchants(&self) -> Result<Vec<Merchant>, StoreError>;
    /// Adds an API key; the newest other key of its mode lives on for `grace`, older ones end now.
    async fn rotate_api_key(
        &self,
        merchant: MerchantId,
        key: NewApiKey,
        grace: Duration,
        note: Note,
    ) -> Result<(), StoreError>;
    /// A merchant's live API keys.
    async fn api_keys(&self, merchant: MerchantId) -> Result<Vec<ApiKeyRecord>, StoreError>;
    /// Adds a secret; the newest other of its kind lives on for `grace`, older ones end now.
    async fn rotate_secret(
        &self,
        merchant: MerchantId,
        secret: NewSecret,
        grace: Duration,
        note: Note,
    ) -> Result<(), StoreError>;
    /// A merchant's live secrets of a kind, newest first; at most two.
    async fn secrets(&self, merchant: MerchantId, kind: SecretKind) -> Result<Vec<SecretRecord>, StoreError>;
    /// Ends an API key or a secret that was rotated out, before its grace time is over.
    /// [`StoreError::Missing`] when it is none of the merchant's, has ended, or is the newest.
    async fn retire(&self, merchant: MerchantId, id: KeyId, note: Note) -> Result<(), StoreError>;
    /// Whose live key has this hash.
    async fn authenticate(&self, key: Fingerprint) -> Result<Option<Authenticated>, StoreError>;
}
