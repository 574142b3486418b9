//! The expiry date as printed on the card: a month that is still valid to its end.

use super::typed::plain;
use jiff::Timestamp;
use jiff::tz::Offset;
use thiserror::Error;

/// Cards are not issued for longer than this; a later year is a typing mistake.
const MAX_YEARS_AHEAD: u16 = 20;

/// Why a typed expiry was refused. Always the cardholder's to mend.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ExpiryError {
    /// Nothing was typed.
    #[error("the expiry date is empty")]
    Empty,
    /// Not a month and a year.
    #[error("the expiry date is not MM/YY")]
    Format,
    /// The month has ended.
    #[error("the card has expired")]
    Past,
    /// More than twenty years ahead.
    #[error("the expiry date is too far ahead")]
    TooFar,
}

/// A calendar month. Callers pass the present one in: this module has no clock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// A month by year (four digits) and number (1 to 12).
    #[must_use]
    pub fn new(year: u16, month: u8) -> Option<Self> {
        (1..=12).contains(&month).then_some(Self { year, month })
    }

    /// The month that is not over yet in the last of the world's time zones
    /// (UTC−12): a card is good until its month has ended where its holder is.
    #[must_use]
    pub fn not_over_anywhere(now: Timestamp) -> Self {
        let date = Offset::constant(-12).to_datetime(now);
        Self { year: date.year().unsigned_abs(), month: date.month().unsigned_abs() }
    }

    /// The year, four digits.
    #[must_use]
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }
}

/// The last month in which a card may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expiry(Month);

impl Expiry {
    /// Reads `MM/YY`, `MM/YYYY`, `M/YY`, the same with a dash, a space or no
    /// separator (`MMYY`, `MMYYYY`), with spaces around, and `YYYY-MM`, which
    /// browsers fill in (HTML, `cc-exp`).
    ///
    /// # Errors
    /// [`ExpiryError`] when it is no date, past, or over twenty years ahead.
    pub fn parse(typed: &[u8], now: Month) -> Result<Self, ExpiryError> {
        let plain = plain(typed);
        let typed = plain.trim_ascii();
        if typed.is_empty() {
            return Err(ExpiryError::Empty);
        }
        let (first, second) = match typed.iter().position(|&byte| is_separator(byte)) {
            Some(at) => (&typed[..at], after_separators(&typed[at..])),
            None if matches!(typed.len(), 4 | 6) => typed.split_at(2),
            None => return Err(ExpiryError::Format),
        };
        let year_comes_first = first.len() == 4 && first.starts_with(b"20");
        if year_comes_first { Self::read(second, first, now) } else { Self::read(first, second, now) }
    }

    /// Reads a month (`1` to `12`) and a year (`YY` or `YYYY`) from two fields.
    ///
    /// # Errors
    /// As [`Expiry::parse`].
    pub fn from_parts(month: &[u8], year: &[u8], now: Month) -> Result<Self, ExpiryError> {
        let (month, year) = (plain(month), plain(year));
        let (month, year) = (month.trim_ascii(), year.trim_ascii());
        if month.is_empty() && year.is_empty() {
            return Err(ExpiryError::Empty);
        }
        Self::read(month, year, now)
    }

    fn read(month: &[u8], year: &[u8], now: Month) -> Result<Self, ExpiryError> {
        let month = digits(month, &[1, 2]).and_then(|month| u8::try_from(month).ok());
        let year = match year.len() {
            2 => digits(year, &[2]).map(|short| now.year / 100 * 100 + short),
            _ => digits(year, &[4]),
        };
        let month = year.zip(month).and_then(|(year, month)| Month::new(year, month));
        match month.ok_or(ExpiryError::Format)? {
            month if month < now => Err(ExpiryError::Past),
            month if month.year > now.year + MAX_YEARS_AHEAD => Err(ExpiryError::TooFar),
            month => Ok(Self(month)),
        }
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.0.month
    }

    /// The year, four digits.
    #[must_use]
    pub fn year(self) -> u16 {
        self.0.year
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'-' | b' ')
}

fn after_separators(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_separator(byte));
    start.map_or(&[], |start| &text[start..])
}

/// A decimal number of one of the given lengths, without sign or space.
fn digits(text: &[u8], lengths: &[usize]) -> Option<u16> {
    let plain = lengths.contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    plain.then(|| text.iter().fold(0, |number, byte| number * 10 + u16::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Result<(u8, u16), ExpiryError> {
        let now = Month { year: 2026, month: 11 };
        Expiry::parse(typed.as_bytes(), now).map(|expiry| (expiry.month(), expiry.year()))
    }

    #[test]
    fn the_ways_people_write_it() {
        for typed in ["11/40", "11/2040", "11 / 40", "11-40", "11 40", "1140", "112040", " 11/40 "] {
            assert_eq!(read(typed), Ok((11, 2040)), "{typed:?}");
        }
        for typed in ["2040-11", "2040/11", "١١/٤٠", "۱۱ / ۲۰۴۰", "\u{200f}١١٤٠", "１１／４０"] {
            assert_eq!(read(typed), Ok((11, 2040)), "{typed:?}");
        }
        assert_eq!(read("1/27"), Ok((1, 2027)));
        assert_eq!(read("01/27"), Ok((1, 2027)));
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month() {
        assert_eq!(read("11/26"), Ok((11, 2026)));
        assert_eq!(read("10/26"), Err(ExpiryError::Past));
        assert_eq!(read("12/2025"), Err(ExpiryError::Past));
        assert_eq!(read("12/46"), Ok((12, 2046)));
        assert_eq!(read("01/47"), Err(ExpiryError::TooFar));
    }

    #[test]
    fn a_month_ends_when_it_has_ended_everywhere() {
        let at = |text: &str| Month::not_over_anywhere(text.parse().unwrap());
        assert_eq!(at("2026-12-01T11:59:59Z"), Month { year: 2026, month: 11 });
        assert_eq!(at("2026-12-01T12:00:00Z"), Month { year: 2026, month: 12 });
    }

    #[test]
    fn refusals_say_why() {
        assert_eq!(read(""), Err(ExpiryError::Empty));
        for typed in [
            "13/40", "0/40", "00/40", "11", "11/", "/40", "11/4", "11/040", "1a/40", "111/40", "+1/40", "11/40/1",
            "2040", "1940/11", "2040-13",
        ] {
            assert_eq!(read(typed), Err(ExpiryError::Format), "{typed:?}");
        }
    }

    #[test]
    fn two_fields_read_like_one() {
        let now = Month { year: 2026, month: 11 };
        assert_eq!(Expiry::from_parts(b"3", b"31", now), Expiry::parse(b"03/2031", now));
        let arabic = Expiry::from_parts("٣".as_bytes(), "٢٠٣١".as_bytes(), now);
        assert_eq!(arabic, Expiry::parse(b"03/2031", now));
        assert_eq!(Expiry::from_parts(b"", b"", now), Err(ExpiryError::Empty));
        assert_eq!(Expiry::from_parts(b"3", b"", now), Err(ExpiryError::Format));
    }
}
