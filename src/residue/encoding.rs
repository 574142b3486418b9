//! The shapes in which a number can lie in memory or in a file.

use std::fmt;

/// How a finding's bytes hold the digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Encoding {
    /// All digits, one ASCII byte each.
    Ascii,
    /// ASCII digits in groups: single spaces, dashes or pluses, or those percent-encoded, between.
    Grouped,
    /// UTF-16, as languages with wide strings and Windows keep text.
    Utf16,
    /// `%34%31…`, as in a URL.
    Percent,
    /// Base64 or base64url (RFC 4648) of any of the above, at any of the three alignments.
    Base64,
    /// Two digits a byte, at either nibble: ISO 8583 and chip data.
    PackedBcd,
    /// The values 0 to 9, one a byte, as a check-digit computation has them.
    DigitBytes,
    /// ASCII, but not all digits of the number.
    Fragment,
    /// A security code, or another short field, inside its multipart part.
    Field,
}

impl Encoding {
    /// Fewest digits in a row that count. Shorter runs of small bytes and
    /// nibbles are everywhere in constant tables and random data.
    pub(super) const fn fewest_digits(self) -> usize {
        match self {
            Self::PackedBcd | Self::DigitBytes => 12,
            _ => super::index::WINDOW,
        }
    }

    /// A name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::Grouped => "grouped",
            Self::Utf16 => "UTF-16",
            Self::Percent => "percent-encoded",
            Self::Base64 => "base64",
            Self::PackedBcd => "packed BCD",
            Self::DigitBytes => "one digit per byte",
            Self::Fragment => "ASCII fragment",
            Self::Field => "form field",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
