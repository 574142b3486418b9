//! Cards that are saved at the provider: whose they are, what is known of them,
//! what it takes to save one. Pure.
//!
//! Nothing of it is kept here. The provider has the cards; what comes back of
//! them is masked before it becomes one of these types.

mod code;
mod identity;
mod insurance;
mod relational_ids;

pub use code::UniqueCode;
pub use identity::{IdentityError, IdentityNumber, masked_identity};
pub use insurance::{InsuranceFields, NewInsuranceCard};
pub use relational_ids::{RelationalId, RelationalIdError, RelationalIds};

use crate::card::{Brand, Month};
use serde::{Deserialize, Serialize};

/// A field that cannot be accepted and what would be right; the value is not repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// The field's name in the merchants' API.
    pub field: &'static str,
    /// What would be right.
    pub message: &'static str,
}

/// What a saved card may be charged for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// By insurers: first and last digits with the holder's identity number.
    Insurance,
    /// By shops: the number itself is at the provider.
    Ecommerce,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::Insurance, Self::Ecommerce];

    /// The name in the merchants' API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Insurance => "insurance",
            Self::Ecommerce => "ecommerce",
        }
    }

    /// The scope of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A saved card as it may be shown: masked in every part. No `Debug`: it names
/// its holder.
pub struct SavedCard {
    /// What it may be charged for.
    pub scope: Scope,
    /// Its name until the provider changes it; never to be stored.
    pub code: Option<UniqueCode>,
    /// What the customer calls it.
    pub nickname: Option<String>,
    /// Whose name is on it.
    pub holder_name: Option<String>,
    /// The number's first six or eight digits.
    pub bin: String,
    /// The number's last four.
    pub last_four: String,
    /// The month after which it is refused, where the provider tells.
    pub expiry: Option<Month>,
    /// Whether the provider takes it for expired.
    pub is_expired: bool,
    /// The holder's identity number without its middle.
    pub identity: Option<String>,
}

impl SavedCard {
    /// The scheme that the first digits belong to.
    #[must_use]
    pub fn brand(&self) -> Brand {
        Brand::of(self.bin.as_bytes())
    }
}
