//! The ways an outcome reaches the merchant: one result, one signature.

mod answer;
mod callback;
mod endpoints;
mod message;
mod redirect;
pub mod result;
mod verdict;

pub use answer::kept_of;
pub use callback::{CallbackWorker, PausedEndpoints};
pub use message::{Message, Told, told_of, told_of_end};
pub use redirect::destination;
pub use result::SignedResult;

use crate::hardening::{MasterKeyError, SealContext, Sealer, SecretText};
use crate::id::MerchantId;
use crate::session::Session;
pub use crate::store::CARD_TOKEN_FIELD;
use crate::store::{SecretKind, SharedStore, StoreError};
use std::sync::Arc;
use thiserror::Error;

/// Why a result could not be made. Always ours or the operator's.
#[derive(Debug, Error)]
pub enum HandoffError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret does not open under the master key.
    #[error(transparent)]
    Seal(#[from] MasterKeyError),
    /// The address was taken off the merchant's allow-list since the session was created.
    #[error("the address is no longer on the merchant's allow-list")]
    NotAllowed,
    /// A merchant without a signing secret.
    #[error("merchant has no live secret of kind {0}")]
    NoSecret(&'static str),
}

/// Makes results out of sessions: opens the token and the merchant's secrets.
#[derive(Clone)]
pub struct Results {
    store: SharedStore,
    sealer: Arc<Sealer>,
}

impl Results {
    /// Results from this store, opened with this key.
    #[must_use]
    pub fn new(store: SharedStore, sealer: Arc<Sealer>) -> Self {
        Self { store, sealer }
    }

    /// The signed result of a session as it stands.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub async fn of(&self, session: &Session) -> Result<SignedResult, HandoffError> {
        self.signed_with(&self.signing_key(&session.merchant).await?, session)
    }

    /// What a merchant's results are signed with. While a rotation's grace time
    /// runs that is the secret before, so that the merchant can deploy the new
    /// one without a gap; afterwards the new one.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub async fn signing_key(&self, merchant: &MerchantId) -> Result<SecretText, HandoffError> {
        let mut live = self.secrets(merchant, SecretKind::Result).await?;
        live.pop().ok_or(HandoffError::NoSecret(SecretKind::Result.name()))
    }

    /// The result of a session, signed with a key from [`Results::signing_key`].
    ///
    /// # Errors
    /// [`HandoffError::Seal`] when the token does not open.
    pub fn signed_with(&self, key: &SecretText, session: &Session) -> Result<SignedResult, HandoffError> {
        let token = session.card_token.as_ref().map(|sealed| {
            let context = SealContext { record: session.id.as_str(), field: CARD_TOKEN_FIELD };
            self.sealer.open(context, sealed)
        });
        Ok(SignedResult::sign(session, token.transpose()?, key))
    }

    /// A merchant's live secrets of a kind, newest first.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub async fn secrets(&self, merchant: &MerchantId, kind: SecretKind) -> Result<Vec<SecretText>, HandoffError> {
        let records = self.store.secrets(merchant.clone(), kind).await?;
        let open = |record: &crate::store::SecretRecord| {
            self.sealer.open(SealContext { record: record.id.as_str(), field: kind.name() }, &record.sealed)
        };
        Ok(records.iter().map(open).collect::<Result<_, _>>()?)
    }
}
