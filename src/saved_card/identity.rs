//! Who a card belongs to: Turkey's national identity number (T.C. kimlik
//! numarası, foreigners' numbers from 99 on included) or tax number (vergi
//! kimlik numarası), each with its check digits.

use zeroize::Zeroizing;

/// Why a text is no identity number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdentityError {
    /// Neither eleven digits nor ten.
    Shape,
    /// The check digits do not fit.
    CheckDigits,
}

impl IdentityError {
    /// What would be right.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Shape => "must have 11 digits (national identity number) or 10 (tax number)",
            Self::CheckDigits => "is not an identity number: its check digits do not fit",
        }
    }
}

/// An identity number whose check digits fit. No `Debug`, no `Display`, no
/// serialization; wiped on drop.
pub struct IdentityNumber(Zeroizing<Vec<u8>>);

impl IdentityNumber {
    /// Takes the eleven digits of a national number or the ten of a tax number.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let digits = text.as_bytes();
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(IdentityError::Shape);
        }
        let fits = match digits {
            national if national.len() == 11 => passes_national(national),
            tax if tax.len() == 10 => passes_tax(tax),
            _ => return Err(IdentityError::Shape),
        };
        if !fits {
            return Err(IdentityError::CheckDigits);
        }
        let mut kept = Zeroizing::new(Vec::with_capacity(digits.len()));
        kept.extend_from_slice(digits);
        Ok(Self(kept))
    }

    /// The digits, for the provider.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Digits are text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first two and the last two digits, the others as asterisks.
    #[must_use]
    pub fn masked(&self) -> String {
        masked_identity(self.expose()).unwrap_or_default()
    }
}

/// Any identity number as it may be shown: the first two and last two characters
/// of eight and more, nothing of a shorter one. `None` for an empty text.
#[must_use]
pub fn masked_identity(text: &str) -> Option<String> {
    const SHOWN: usize = 2;
    let length = text.chars().count();
    let is_shown = |place: usize| length >= 4 * SHOWN && (place < SHOWN || place >= length - SHOWN);
    let mask = |(place, character)| if is_shown(place) { character } else { '*' };
    (length > 0).then(|| text.chars().enumerate().map(mask).collect())
}

/// The tenth digit is seven times the sum of those at odd places less the sum of
/// those at even ones, the eleventh the sum of the first ten; both modulo ten.
fn passes_national(digits: &[u8]) -> bool {
    let value = |place: usize| i32::from(digits[place] - b'0');
    let sum = |places: [usize; 5]| places.into_iter().map(value).sum::<i32>();
    let (odd, even) = (sum([0, 2, 4, 6, 8]), value(1) + value(3) + value(5) + value(7));
    let all: i32 = (0..10).map(value).sum();
    value(0) != 0 && value(9) == (odd * 7 - even).rem_euclid(10) && value(10) == all % 10
}

/// Each of the first nine digits, moved on by its distance from the tenth, is
/// weighed by that power of two modulo nine; the tenth makes the sum a multiple
/// of ten.
fn passes_tax(digits: &[u8]) -> bool {
    let value = |place: usize| u32::from(digits[place] - b'0');
    let weighed = (0..9usize).zip((1..=9u32).rev()).map(|(place, distance)| {
        let moved = (value(place) + distance) % 10;
        if moved == 9 { 9 } else { moved * 2u32.pow(distance) % 9 }
    });
    (weighed.sum::<u32>() + value(9)).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<IdentityError> {
        IdentityNumber::parse(text).err()
    }

    #[test]
    fn numbers_with_right_check_digits_are_taken_and_masked() {
        for (number, masked) in [
            ("10000000146", "10*******46"),
            ("99999999990", "99*******90"),
            ("1234567890", "12******90"),
            ("0010000017", "00******17"),
        ] {
            let identity = IdentityNumber::parse(number).unwrap_or_else(|error| panic!("{number}: {error:?}"));
            assert_eq!((identity.expose(), identity.masked().as_str()), (number, masked));
        }
    }

    #[test]
    fn one_wrong_digit_is_noticed() {
        for number in ["10000000146", "1234567890"] {
            for place in 0..number.len() {
                let mut wrong = number.as_bytes().to_vec();
                wrong[place] = b'0' + (wrong[place] - b'0' + 1) % 10;
                let wrong = String::from_utf8(wrong).unwrap();
                assert_eq!(refusal(&wrong), Some(IdentityError::CheckDigits), "{wrong}");
            }
        }
        assert_eq!(refusal("00000000000"), Some(IdentityError::CheckDigits), "no number begins with 0");
    }

    #[test]
    fn everything_else_is_no_identity_number() {
        for text in ["", "1", "123456789", "100000001466", "1000000014a", " 10000000146", "١٠٠٠٠٠٠٠١٤٦", "10000 000146"]
        {
            assert_eq!(refusal(text), Some(IdentityError::Shape), "{text}");
        }
    }

    #[test]
    fn what_others_call_an_identity_is_masked_as_well() {
        let cases =
            [("", None), ("1234567", Some("*******")), ("12345678", Some("12****78")), ("ışğüöçİI", Some("ış****İI"))];
        for (text, masked) in cases {
            assert_eq!(masked_identity(text).as_deref(), masked);
        }
    }
}
