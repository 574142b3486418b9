//! What may be shown, kept and handed on of a card.

use super::{Brand, Expiry, Pan};
use serde::{Deserialize, Serialize};

/// Brand, first digits, last four and expiry: the truncation that PCI DSS 3.4.1
/// and the schemes' rules allow (8 + 4 of 16 digits and more, 6 + 4 of 15).
/// A number under 15 digits shows only its last four.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CardSummary {
    brand: Brand,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    bin: Option<String>,
    last_four: String,
    expire_month: u8,
    expire_year: u16,
}

impl CardSummary {
    /// Truncates a number to what may be kept of it.
    pub(super) fn new(pan: &Pan, expiry: Expiry) -> Self {
        let digits = pan.expose_digits();
        let bin_length = match digits.len() {
            16.. => Some(8),
            15 => Some(6),
            _ => None,
        };
        let text = |digits: &[u8]| digits.iter().map(|&byte| char::from(byte)).collect();
        Self {
            brand: pan.brand(),
            bin: bin_length.map(|length| text(&digits[..length])),
            last_four: text(&digits[digits.len() - 4..]),
            expire_month: expiry.month(),
            expire_year: expiry.year(),
        }
    }

    /// The scheme.
    #[must_use]
    pub fn brand(&self) -> Brand {
        self.brand
    }

    /// The number's last four digits.
    #[must_use]
    pub fn last_four(&self) -> &str {
        &self.last_four
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Month;

    #[test]
    fn truncation_follows_the_length() {
        let cases: [(&[u8], Option<&str>, &str); 3] = [
            (b"4355093000777068", Some("43550930"), "7068"),
            (b"374427000000003", Some("374427"), "0003"),
            (b"501800000009", None, "0009"),
        ];
        for (number, bin, last_four) in cases {
            let now = Month::new(2026, 11).unwrap();
            let pan = Pan::parse(number).unwrap();
            let summary = CardSummary::new(&pan, Expiry::parse(b"11/40", now).unwrap());
            assert_eq!((summary.bin.as_deref(), summary.last_four()), (bin, last_four));
        }
    }
}
