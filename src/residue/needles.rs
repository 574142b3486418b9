//! What is looked for, and where it stands in the stretch at hand.

use super::Encoding;
use super::index::{Index, MAX_NEEDLES, WINDOW, WINDOW_MASK};
use super::search::Hit;
use thiserror::Error;
use zeroize::Zeroizing;

/// A window's digits must be this varied: shorter variety matches constant tables.
const FEWEST_DIFFERENT_DIGITS: usize = 4;
const MOST_DIGITS: usize = 31;
const FIELD_TAIL: usize = 8;
/// A field with its context; bounds the overlap of two chunks.
pub(super) const MOST_FIELD_BYTES: usize = 256;

/// Which part of a card a needle is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Secret {
    /// The card number.
    Number,
    /// The security code.
    Code,
    /// The expiry as it was typed.
    Expiry,
}

impl Secret {
    /// A name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Code => "code",
            Self::Expiry => "expiry",
        }
    }
}

/// Why something cannot be looked for.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Unusable {
    /// Not 9 to 31 ASCII digits.
    #[error("a number that is looked for has 9 to 31 digits")]
    Digits,
    /// Repeated or counting digits throughout: it would be found in every constant table.
    #[error("the number's digits are too regular to be told from constant tables")]
    Regular,
    /// Not 8 to 256 bytes.
    #[error("a field that is looked for has 8 to 256 bytes")]
    Field,
    /// Over eight million needles.
    #[error("too many needles")]
    TooMany,
}

/// One thing that is looked for.
struct Needle {
    label: usize,
    secret: Secret,
    /// Digit values for a number; the bytes themselves for a field.
    content: Zeroizing<Vec<u8>>,
}

/// The card data that a scan looks for. A label, such as the card's place in a
/// list, stands for each card in reports. Wiped on drop; never printed.
pub struct Needles {
    all: Vec<Needle>,
    windows: Index,
    fields: Index,
    field_ends: [bool; 256],
}

impl Default for Needles {
    fn default() -> Self {
        Self::new()
    }
}

impl Needles {
    /// Nothing to look for yet.
    #[must_use]
    pub fn new() -> Self {
        Self { all: Vec::new(), windows: Index::new(), fields: Index::new(), field_ends: [false; 256] }
    }

    /// Looks for a card number: 9 to 31 ASCII digits, in every encoding.
    ///
    /// # Errors
    /// [`Unusable`]; nothing was added.
    pub fn add_number(&mut self, label: usize, digits: &[u8]) -> Result<(), Unusable> {
        self.add_digits(label, Secret::Number, digits)
    }

    /// Looks for a security code. Nine digits and more are distinctive and are
    /// looked for in every encoding; shorter ones as the value of the form field
    /// `cvv` or of the provider's field `Cvv`, in a multipart body (RFC 7578).
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn add_code(&mut self, label: usize, code: &[u8]) -> Result<(), Unusable> {
        if code.len() >= WINDOW {
            return self.add_digits(label, Secret::Code, code);
        }
        for head in [b"name=\"cvv\"\r\n\r\n", b"name=\"Cvv\"\r\n\r\n"] {
            let mut field = Zeroizing::new(Vec::with_capacity(head.len() + code.len()));
            field.extend_from_slice(head);
            field.extend_from_slice(code);
            self.add_field(label, Secret::Code, &field)?;
        }
        Ok(())
    }

    /// Looks for these very bytes, 8 to 256 of them: a short secret with enough
    /// around it to be told from anything else. The same bytes under a second
    /// label stay with the first.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn add_field(&mut self, label: usize, secret: Secret, bytes: &[u8]) -> Result<(), Unusable> {
        if !(FIELD_TAIL..=MOST_FIELD_BYTES).contains(&bytes.len()) {
            return Err(Unusable::Field);
        }
        let key = tail_key(bytes);
        let mut is_known = false;
        self.fields.lookup(key, |needle, _| is_known |= self.all[needle].content.as_slice() == bytes);
        if is_known {
            return Ok(());
        }
        let needle = self.push(label, secret, bytes.iter().copied())?;
        self.fields.insert(key, needle, 0);
        self.field_ends[usize::from(bytes[bytes.len() - 1])] = true;
        Ok(())
    }

    /// How many numbers and fields are looked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn add_digits(&mut self, label: usize, secret: Secret, digits: &[u8]) -> Result<(), Unusable> {
        if !(WINDOW..=MOST_DIGITS).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Unusable::Digits);
        }
        if !digits.windows(WINDOW).any(is_distinctive) {
            return Err(Unusable::Regular);
        }
        let needle = self.push(label, secret, digits.iter().map(|digit| digit - b'0'))?;
        for (offset, window) in digits.windows(WINDOW).enumerate().filter(|(_, window)| is_distinctive(window)) {
            let key = window.iter().fold(0, |key, digit| key << 4 | u64::from(digit - b'0'));
            self.windows.insert(key, needle, offset);
        }
        Ok(())
    }

    fn push(&mut self, label: usize, secret: Secret, bytes: impl Iterator<Item = u8>) -> Result<usize, Unusable> {
        if self.all.len() == MAX_NEEDLES {
            return Err(Unusable::TooMany);
        }
        let mut content = Zeroizing::new(Vec::with_capacity(MOST_FIELD_BYTES.min(bytes.size_hint().0)));
        content.extend(bytes);
        self.all.push(Needle { label, secret, content });
        Ok(self.all.len() - 1)
    }

    /// Label, kind and length of a needle.
    pub(super) fn describe(&self, needle: usize) -> (usize, Secret, usize) {
        let Needle { label, secret, content } = &self.all[needle];
        (*label, *secret, content.len())
    }

    pub(super) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether a field can end with this byte.
    #[inline]
    pub(super) fn field_ends_with(&self, byte: u8) -> bool {
        self.field_ends[usize::from(byte)]
    }

    /// The field that ends where `before` does.
    pub(super) fn match_field(&self, before: &[u8], mut hit: impl FnMut(Hit)) {
        if before.len() < FIELD_TAIL {
            return;
        }
        self.fields.lookup(tail_key(before), |needle, _| {
            let content = &self.all[needle].content;
            if before.ends_with(content) {
                let range = before.len() - content.len()..before.len();
                hit(Hit::new(needle, Encoding::Field, range, content.len()));
            }
        });
    }

    /// The numbers of which a stream of digits holds a part around its window
    /// that ends with the digit at `last`: (needle, first, last) of each part of
    /// at least `fewest` digits. `value` is that window.
    #[inline]
    pub(super) fn match_digits(
        &self,
        value: u64,
        last: usize,
        fewest: usize,
        digit_at: impl Fn(usize) -> Option<u8>,
        mut found: impl FnMut(usize, usize, usize),
    ) {
        self.windows.lookup(value & WINDOW_MASK, |needle, offset| {
            let digits = &self.all[needle].content;
            let first = last + 1 - WINDOW;
            let is = |at: Option<usize>, digit: u8| at.and_then(&digit_at) == Some(digit);
            let before = (1..=offset).take_while(|back| is(first.checked_sub(*back), digits[offset - back])).count();
            let rest = &digits[offset + WINDOW..];
            let after = rest.iter().zip(last + 1..).take_while(|(digit, at)| is(Some(*at), **digit)).count();
            if before + WINDOW + after >= fewest.min(digits.len()) {
                found(needle, first - before, last + after);
            }
        });
    }
}

/// Whether random text or a constant table is unlikely to hold these digits:
/// four different ones, and not counting up or down.
pub(super) fn is_distinctive(digits: &[u8]) -> bool {
    let mut seen = [false; 256];
    for digit in digits {
        seen[usize::from(*digit)] = true;
    }
    let steps = |by: u8| digits.windows(2).filter(|pair| pair[1] == pair[0].wrapping_add(by)).count();
    let most = digits.len() * 2 / 3;
    seen.iter().filter(|seen| **seen).count() >= FEWEST_DIFFERENT_DIGITS && steps(1) < most && steps(255) < most
}

/// A key for the last eight bytes; never zero.
fn tail_key(bytes: &[u8]) -> u64 {
    let tail = bytes[bytes.len() - FIELD_TAIL..].iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    (tail.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 28) | 1
}
