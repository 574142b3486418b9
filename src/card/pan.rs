//! The primary account number (PAN): ISO/IEC 7812-1, 12 to 19 digits.

use super::Brand;
use super::typed::plain;
use thiserror::Error;
use zeroize::Zeroizing;

/// Fewest digits accepted: the shortest Maestro numbers.
const MIN_DIGITS: usize = 12;
/// Most digits that ISO/IEC 7812-1 allows.
const MAX_DIGITS: usize = 19;

/// Why a typed card number was refused. Always the cardholder's to mend.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PanError {
    /// Nothing was typed.
    #[error("the card number is empty")]
    Empty,
    /// Something other than digits, spaces and dashes.
    #[error("the card number has a character that is not a digit, space or dash")]
    NotDigits,
    /// Fewer than 12 or more than 19 digits.
    #[error("a card number has 12 to 19 digits")]
    Length,
    /// The check digit does not fit (ISO/IEC 7812-1 annex B).
    #[error("the check digit does not fit")]
    Luhn,
}

/// A card number that passed the check digit. Digits only, on the heap, wiped
/// on drop. There is no `Debug`, `Display`, `Clone` or serialization: the only
/// way to the digits is [`Pan::expose_digits`], which a reader can search for.
pub struct Pan {
    digits: Zeroizing<Vec<u8>>,
}

impl Pan {
    /// Reads a number as people write it: digits, Arabic and Persian ones too,
    /// with spaces or dashes between.
    ///
    /// # Errors
    /// [`PanError`], which says what to mend and holds no digit.
    pub fn parse(typed: &[u8]) -> Result<Self, PanError> {
        let mut digits = Zeroizing::new(Vec::with_capacity(MAX_DIGITS));
        for &byte in plain(typed).trim_ascii() {
            match byte {
                b'0'..=b'9' if digits.len() == MAX_DIGITS => return Err(PanError::Length),
                b'0'..=b'9' => digits.push(byte),
                b' ' | b'-' => {}
                _ => return Err(PanError::NotDigits),
            }
        }
        match digits.len() {
            0 => Err(PanError::Empty),
            MIN_DIGITS..=MAX_DIGITS if passes_luhn(&digits) => Ok(Self { digits }),
            MIN_DIGITS..=MAX_DIGITS => Err(PanError::Luhn),
            _ => Err(PanError::Length),
        }
    }

    /// The digits, for the one place that must send them on.
    #[must_use]
    pub fn expose_digits(&self) -> &[u8] {
        &self.digits
    }

    /// The scheme by the number's first digits.
    #[must_use]
    pub fn brand(&self) -> Brand {
        Brand::of(&self.digits)
    }
}

/// The mod-10 check of ISO/IEC 7812-1 annex B over ASCII digits.
#[must_use]
pub fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The family's published test cards, and the seed document's example.
    const PUBLISHED: [&str; 16] = [
        "5890040000000016",
        "5526080000000006",
        "9792072000017956",
        "4766620000000001",
        "4603450000000000",
        "9792023757123604",
        "4987490000000002",
        "5311570000000005",
        "9792020000000001",
        "9792030000000000",
        "5170410000000004",
        "5400360000000003",
        "374427000000003",
        "4475050000000003",
        "5528790000000008",
        "4355093000777068",
    ];

    #[test]
    fn published_test_cards_are_accepted() {
        for number in PUBLISHED {
            assert!(Pan::parse(number.as_bytes()).is_ok(), "{number}");
        }
    }

    #[test]
    fn separators_are_taken_out() {
        let pan = Pan::parse(b" 4355-0930 0077-7068 ").ok().map(|pan| pan.expose_digits().to_vec());
        assert_eq!(pan.as_deref(), Some(b"4355093000777068".as_slice()));
    }

    #[test]
    fn digits_of_other_keyboards_are_the_same_number() {
        for typed in [
            "٤٣٥٥ ٠٩٣٠ ٠٠٧٧ ٧٠٦٨",
            "۴۳۵۵۰۹۳۰۰۰۷۷۷۰۶۸",
            "４３５５-０９３０-００７７-７０６８",
            "4355\u{a0}0930 ٠٠٧٧7068",
        ] {
            let pan = Pan::parse(typed.as_bytes()).ok().map(|pan| pan.expose_digits().to_vec());
            assert_eq!(pan.as_deref(), Some(b"4355093000777068".as_slice()), "{typed}");
        }
    }

    #[test]
    fn one_wrong_digit_is_always_noticed() {
        for place in 0..16 {
            for change in 1..10 {
                let mut digits = *b"4355093000777068";
                digits[place] = (digits[place] - b'0' + change) % 10 + b'0';
                assert_eq!(Pan::parse(&digits).err(), Some(PanError::Luhn));
            }
        }
    }

    #[test]
    fn refusals_say_why() {
        let cases: [(&[u8], PanError); 7] = [
            (b"", PanError::Empty),
            (b" - ", PanError::Empty),
            (b"4355 0930 0077 706x", PanError::NotDigits),
            (b"43550930\x000777068", PanError::NotDigits),
            (b"79927398713", PanError::Length),
            (b"00000000000000000000", PanError::Length),
            (b"4355093000777067", PanError::Luhn),
        ];
        for (typed, why) in cases {
            assert_eq!(Pan::parse(typed).err(), Some(why), "{typed:?}");
        }
    }
}
