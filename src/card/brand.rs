//! The card schemes and the one table of number ranges, which the page uses too.

use serde::{Deserialize, Serialize};

/// A card scheme. An unknown or ambiguous number is never refused for it: the
/// brand picks an icon, a grouping and the length of the security code.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Brand {
    /// Troy, the scheme of Turkey's Bankalararası Kart Merkezi.
    Troy,
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// Maestro.
    Maestro,
    /// American Express: fifteen digits, a code of four.
    Amex,
    /// Diners Club International.
    Diners,
    /// Discover outside Turkey.
    Discover,
    /// JCB.
    Jcb,
    /// China `UnionPay`.
    Unionpay,
    /// None of the table's ranges.
    Unknown,
}

impl Brand {
    /// The scheme whose range the number's first digits fall in.
    #[must_use]
    pub fn of(digits: &[u8]) -> Self {
        RANGES.iter().find(|range| range.holds(digits)).map_or(Self::Unknown, |range| range.brand)
    }

    /// The lower-case name used in results, templates and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Troy => "troy",
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Maestro => "maestro",
            Self::Amex => "amex",
            Self::Diners => "diners",
            Self::Discover => "discover",
            Self::Jcb => "jcb",
            Self::Unionpay => "unionpay",
            Self::Unknown => "unknown",
        }
    }

    /// How many digits the security code may have.
    #[must_use]
    pub fn cvv_lengths(self) -> &'static [usize] {
        match self {
            Self::Amex => &[4],
            Self::Unknown => &[3, 4],
            _ => &[3],
        }
    }

    /// Where the printed number has its gaps, as sizes of the groups.
    #[must_use]
    pub fn groups(self) -> &'static [u8] {
        match self {
            Self::Amex => &[4, 6, 5],
            Self::Diners => &[4, 6, 4],
            _ => &[4, 4, 4, 4, 3],
        }
    }
}

/// One row of the table: numbers whose first digits, as many as `low` has, lie
/// between `low` and `high`.
#[derive(Clone, Copy, Debug)]
pub struct BrandRange {
    /// Lowest prefix, inclusive.
    pub low: &'static str,
    /// Highest prefix, inclusive, as long as `low`.
    pub high: &'static str,
    /// The scheme.
    pub brand: Brand,
}

impl BrandRange {
    fn holds(&self, digits: &[u8]) -> bool {
        digits
            .get(..self.low.len())
            .is_some_and(|prefix| (self.low.as_bytes()..=self.high.as_bytes()).contains(&prefix))
    }
}

/// The table: the first row that holds a number names its brand, so narrow
/// rows stand before the wide ones that contain them.
///
/// Gone through on 2026-11-21. Sources: the ISO/IEC 7812 register and the
/// schemes' public range notes; for Troy, BKM (9792) and Discover's network
/// bulletins (65: cards issued in Turkey carry Troy at home and Discover
/// abroad); the gateway family's published test cards.
pub const RANGES: &[BrandRange] = &[
    row("9792", "9792", Brand::Troy),
    row("65", "65", Brand::Troy),
    row("34", "34", Brand::Amex),
    row("37", "37", Brand::Amex),
    row("4", "4", Brand::Visa),
    row("51", "55", Brand::Mastercard),
    row("2221", "2720", Brand::Mastercard),
    row("6011", "6011", Brand::Discover),
    row("644", "649", Brand::Discover),
    row("62", "62", Brand::Unionpay),
    row("81", "81", Brand::Unionpay),
    row("3528", "3589", Brand::Jcb),
    row("300", "305", Brand::Diners),
    row("3095", "3095", Brand::Diners),
    row("36", "36", Brand::Diners),
    row("38", "39", Brand::Diners),
    row("50", "50", Brand::Maestro),
    row("56", "58", Brand::Maestro),
    row("6", "6", Brand::Maestro),
];

const fn row(low: &'static str, high: &'static str, brand: Brand) -> BrandRange {
    BrandRange { low, high, brand }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_cards_show_their_brand() {
        let cases = [
            ("9792072000017956", Brand::Troy),
            ("6500520000000001", Brand::Troy),
            ("4355093000777068", Brand::Visa),
            ("5528790000000008", Brand::Mastercard),
            ("2221000000000009", Brand::Mastercard),
            ("2720990000000007", Brand::Mastercard),
            ("2721000000000004", Brand::Unknown),
            ("374427000000003", Brand::Amex),
            ("5890040000000016", Brand::Maestro),
            ("6759649826438453", Brand::Maestro),
            ("6011000990139424", Brand::Discover),
            ("6200000000000005", Brand::Unionpay),
            ("3530111333300000", Brand::Jcb),
            ("36227206271667", Brand::Diners),
            ("1000000000000008", Brand::Unknown),
        ];
        for (number, brand) in cases {
            assert_eq!(Brand::of(number.as_bytes()), brand, "{number}");
        }
    }

    #[test]
    fn rows_are_well_formed_and_none_is_shadowed() {
        for (place, range) in RANGES.iter().enumerate() {
            assert!(range.low.len() == range.high.len() && range.low <= range.high, "{range:?}");
            let first = RANGES.iter().position(|other| other.holds(range.low.as_bytes()));
            assert_eq!(first, Some(place), "{range:?} is hidden by an earlier row");
        }
    }
}
