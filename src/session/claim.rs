//! The right to send one card: a type that is consumed once.

use super::{Failure, Session};
use crate::hardening::Sealed;
use crate::id::SessionId;

/// Proof that this process, and no other, may send a card for a session until
/// its lease ends. The store gives it out; completing or releasing consumes it.
/// The fencing number makes a late holder harmless: the store commits only for
/// the number it gave out last, and only within the lease.
#[must_use = "a claim that is neither completed nor released keeps the cardholder waiting until its lease ends"]
pub struct Claimed {
    session: Session,
    fence: u32,
}

impl Claimed {
    /// For stores only: the claim they have just recorded.
    pub(crate) fn granted(session: Session, fence: u32) -> Self {
        Self { session, fence }
    }

    /// The session that was claimed.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.session.id
    }

    /// How many times this session has been claimed, this time included.
    #[must_use]
    pub fn fence(&self) -> u32 {
        self.fence
    }
}

/// How a claim ends without a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Release {
    /// The provider refused the card: one attempt is spent.
    Refused {
        /// The provider's code, told to the merchant if this was the last attempt.
        provider_code: String,
    },
    /// Nobody's fault that counts: the session is open again.
    Unharmed,
}

impl Release {
    /// Whether this release ends its session, given the session's counters
    /// with this claim in them.
    #[must_use]
    pub fn failure(&self, attempts: u32, claims: u32) -> Option<Failure> {
        match self {
            Self::Refused { provider_code } if attempts >= Session::MAX_ATTEMPTS => {
                Some(Failure::too_many_refusals(Some(provider_code.clone())))
            }
            _ if claims >= Session::MAX_CLAIMS => Some(Failure::too_many_claims()),
            _ => None,
        }
    }
}

/// A token that is to become a session's outcome, sealed to it.
#[derive(Clone)]
pub struct Completion {
    /// The token.
    pub card_token: Sealed,
    /// What may be kept of the card.
    pub card: crate::card::CardSummary,
}
