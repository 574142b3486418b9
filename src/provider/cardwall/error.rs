//! What goes wrong at CardWall.

use crate::provider::{ProviderError, ResponseFault, Unavailable};
use thiserror::Error;

/// A published error code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CardWallCode(pub i32);

impl CardWallCode {
    /// The parameters are not those that the provider expects.
    pub const PARAMETERS: Self = Self(2);
    /// The holder's name.
    pub const HOLDER: Self = Self(13);
    /// The number.
    pub const NUMBER: Self = Self(14);
    /// The month.
    pub const MONTH: Self = Self(15);
    /// The year.
    pub const YEAR: Self = Self(16);
    /// The card has expired.
    pub const EXPIRED: Self = Self(19);
    /// The card's code is not, or no longer, valid.
    pub const UNIQUE_CODE: Self = Self(21);
    /// The customer has no saved card.
    pub const NO_SAVED_CARD: Self = Self(22);

    /// Whether it says that nothing was done. A general failure does not, nor a
    /// code that was never published.
    fn is_definite(self) -> bool {
        let definite = [
            Self::PARAMETERS,
            Self::HOLDER,
            Self::NUMBER,
            Self::MONTH,
            Self::YEAR,
            Self::EXPIRED,
            Self::UNIQUE_CODE,
            Self::NO_SAVED_CARD,
        ];
        definite.contains(&self)
    }
}

/// Why CardWall did not do what it was asked. Holds nothing that was sent and no
/// text of the provider's.
#[derive(Debug, Error)]
pub enum CardWallError {
    /// It refused with a code.
    #[error("CardWall refused (code {})", .0.0)]
    Refused(CardWallCode),
    /// It refused the merchant's keys: status 401 or 403.
    #[error("CardWall refused the merchant's keys (status {0})")]
    Keys(u16),
    /// It did not answer, or not in a way that is believed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl CardWallError {
    /// Whether what was asked may have been done all the same.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Refused(code) => !code.is_definite(),
            Self::Keys(_) | Self::Provider(ProviderError::Unavailable(Unavailable::Connect(_))) => false,
            Self::Provider(_) => true,
        }
    }

    /// A fixed word for logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Keys(_) => "keys",
            Self::Provider(error) => error.name(),
        }
    }
}

impl From<ResponseFault> for CardWallError {
    fn from(fault: ResponseFault) -> Self {
        Self::Provider(fault.into())
    }
}

impl From<Unavailable> for CardWallError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Provider(unavailable.into())
    }
}
