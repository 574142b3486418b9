//! The card verification code: CVV2, CVC2, CID. Sensitive authentication data,
//! never kept after the call it was typed for (PCI DSS 3.3.1.2).

use super::Brand;
use super::typed::plain;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a typed code was refused. Always the cardholder's to mend.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CvvError {
    /// Nothing was typed.
    #[error("the security code is empty")]
    Empty,
    /// Something other than digits.
    #[error("the security code has a character that is not a digit")]
    NotDigits,
    /// The brand asks for another number of digits.
    #[error("the security code has the wrong number of digits")]
    Length,
}

/// Three or four digits on the heap, wiped on drop.
pub struct Cvv {
    digits: Zeroizing<Vec<u8>>,
}

impl Cvv {
    /// Reads a code of three or four digits; whether the length fits the card
    /// is known only together with its number, see [`super::Card::new`].
    ///
    /// # Errors
    /// [`CvvError`], which holds no digit.
    pub fn parse(typed: &[u8]) -> Result<Self, CvvError> {
        let plain = plain(typed);
        let typed = plain.trim_ascii();
        if typed.is_empty() {
            return Err(CvvError::Empty);
        }
        if !typed.iter().all(u8::is_ascii_digit) {
            return Err(CvvError::NotDigits);
        }
        if !(3..=4).contains(&typed.len()) {
            return Err(CvvError::Length);
        }
        let mut digits = Zeroizing::new(Vec::with_capacity(4));
        digits.extend_from_slice(typed);
        Ok(Self { digits })
    }

    /// Whether this code is as long as the brand's cards print it.
    ///
    /// # Errors
    /// [`CvvError::Length`] when it is not.
    pub fn check_length(&self, brand: Brand) -> Result<(), CvvError> {
        if brand.cvv_lengths().contains(&self.digits.len()) { Ok(()) } else { Err(CvvError::Length) }
    }

    /// The digits, for the one place that must send them on.
    #[must_use]
    pub fn expose_digits(&self) -> &[u8] {
        &self.digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_follows_the_brand() {
        let cases: [(&[u8], Brand, bool); 5] = [
            (b"313", Brand::Visa, true),
            (b"3133", Brand::Visa, false),
            (b"3133", Brand::Amex, true),
            (b"313", Brand::Amex, false),
            (b"313", Brand::Unknown, true),
        ];
        for (typed, brand, fits) in cases {
            let checked = Cvv::parse(typed).and_then(|cvv| cvv.check_length(brand));
            assert_eq!(checked.is_ok(), fits, "{typed:?} {brand:?}");
        }
    }

    #[test]
    fn digits_of_other_keyboards_are_the_same_code() {
        for typed in ["٣١٣", "۳۱۳", " ３１３ "] {
            assert_eq!(
                Cvv::parse(typed.as_bytes()).ok().map(|cvv| cvv.expose_digits().to_vec()),
                Some(b"313".to_vec())
            );
        }
    }

    #[test]
    fn refusals_say_why() {
        let cases: [(&[u8], CvvError); 5] = [
            (b"", CvvError::Empty),
            (b"  ", CvvError::Empty),
            (b"12", CvvError::Length),
            (b"12345", CvvError::Length),
            (b"1x3", CvvError::NotDigits),
        ];
        for (typed, why) in cases {
            assert_eq!(Cvv::parse(typed).err(), Some(why), "{typed:?}");
        }
    }
}
