//! The ways an outcome reaches the merchant: one result, one signature.

mod callback;
mod delivery;
mod redirect;
pub mod result;

pub use callback::CallbackWorker;
pub use redirect::destination;
pub use result::SignedResult;

use crate::hardening::{MasterKeyError, SealContext, Sealer, SecretText};
use crate::session::Session;
use crate::store::{SecretKind, SharedStore, StoreError};
use std::sync::Arc;
use thiserror::Error;

/// The column that a session's token is sealed to.
pub const CARD_TOKEN_FIELD: &str = "card_token";

/// Why a result could not be made. Always ours or the operator's.
#[derive(Debug, Error)]
pub enum HandoffError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret does not open under the master key.
    #[error(transparent)]
    Seal(#[from] MasterKeyError),
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
        let keys = self.secrets(session, SecretKind::Result).await?;
        let key = keys.first().ok_or(HandoffError::NoSecret(SecretKind::Result.name()))?;
        let token = session.card_token.as_ref().map(|sealed| {
            let context = SealContext { record: session.id.as_str(), field: CARD_TOKEN_FIELD };
            self.sealer.open(context, sealed)
        });
        Ok(SignedResult::sign(session, token.transpose()?, key))
    }

    /// The live secrets of a session's merchant, newest first.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub async fn secrets(&self, session: &Session, kind: SecretKind) -> Result<Vec<SecretText>, HandoffError> {
        let records = self.store.secrets(session.merchant.clone(), kind).await?;
        let open = |record: &crate::store::SecretRecord| {
            self.sealer.open(SealContext { record: record.id.as_str(), field: kind.name() }, &record.sealed)
        };
        Ok(records.iter().map(open).collect::<Result<_, _>>()?)
    }
}
