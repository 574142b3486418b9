//! Card data, parsed once into types that wipe themselves.
//!
//! Pure: no HTTP, no SQL, no clock. Only `intake`, `provider` and `sandbox`
//! may name [`Pan`] or [`Cvv`]; [`Brand`] and [`CardSummary`] hold nothing
//! that PCI DSS calls account data in full and are free to travel.

mod brand;
mod cvv;
pub mod digits;
mod expiry;
mod pan;
mod spot;
mod summary;
mod typed;

pub use brand::{Brand, BrandRange, RANGES};
pub use cvv::{Cvv, CvvError};
pub use expiry::{Expiry, ExpiryError, Month};
pub use pan::{Pan, PanError, passes_luhn};
pub use spot::{holds_card_number, spot, url_holds_card_number};
pub use summary::CardSummary;

/// One card as the cardholder typed it, valid in every field and in the
/// combination of its fields. Wiped when dropped; never cloned.
pub struct Card {
    pan: Pan,
    expiry: Expiry,
    cvv: Cvv,
}

impl Card {
    /// Puts together a card whose code has the length its brand asks for.
    ///
    /// # Errors
    /// [`CvvError`] when the code's length does not fit the number's brand.
    pub fn new(pan: Pan, expiry: Expiry, cvv: Cvv) -> Result<Self, CvvError> {
        cvv.check_length(pan.brand())?;
        Ok(Self { pan, expiry, cvv })
    }

    /// The card number.
    #[must_use]
    pub fn pan(&self) -> &Pan {
        &self.pan
    }

    /// The month after which the card is refused.
    #[must_use]
    pub fn expiry(&self) -> Expiry {
        self.expiry
    }

    /// The verification code.
    #[must_use]
    pub fn cvv(&self) -> &Cvv {
        &self.cvv
    }

    /// What may be shown and kept of this card (PCI DSS 3.4.1).
    #[must_use]
    pub fn summary(&self) -> CardSummary {
        CardSummary::new(&self.pan, self.expiry)
    }
}
