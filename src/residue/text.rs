//! Digits as text: plain, in groups, as UTF-16, percent-encoded, or a mixture.
//! Each run is read into one stream of digits, whatever stands between them.

use super::index::WINDOW;
use super::search::Hit;
use super::{Encoding, Needles};
use zeroize::Zeroizing;

/// How one digit is written.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    Plain,
    Wide,
    Percent,
}

/// One digit of a run.
#[derive(Clone, Copy)]
struct Digit {
    start: usize,
    end: usize,
    form: Form,
    /// Whether something stands between it and the digit before.
    is_apart: bool,
}

/// A run of digits with only single separators between them. Reused from run to run.
#[derive(Default)]
struct Run {
    values: Zeroizing<Vec<u8>>,
    digits: Vec<Digit>,
}

/// Finds numbers that are written as text.
pub(super) fn search(bytes: &[u8], needles: &Needles, hits: &mut Vec<Hit>) {
    let mut run = Run::default();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() && bytes[at] != b'%' {
            at += 1;
            continue;
        }
        let end = run.read(bytes, at);
        run.search(needles, hits);
        at = end.max(at + 1);
    }
}

impl Run {
    /// Reads a run from where it begins to its end; where nothing begins, the end is the beginning.
    fn read(&mut self, bytes: &[u8], mut at: usize) -> usize {
        self.values.clear();
        self.digits.clear();
        let mut is_apart = false;
        while let Some((value, digit)) = digit(bytes, at, is_apart).or_else(|| {
            // A percent sign can only begin a digit or a separator; a run does not begin with one of those.
            let after = (!self.digits.is_empty()).then(|| separator(bytes, at)).flatten()?;
            is_apart = true;
            digit(bytes, after, true)
        }) {
            self.values.push(value);
            self.digits.push(digit);
            at = digit.end;
            is_apart = false;
        }
        at
    }

    fn search(&self, needles: &Needles, hits: &mut Vec<Hit>) {
        let mut value = 0;
        for (at, &digit) in self.values.iter().enumerate() {
            value = value << 4 | u64::from(digit);
            if at + 1 >= WINDOW {
                let digit_at = |at: usize| self.values.get(at).copied();
                needles.match_digits(value, at, WINDOW, digit_at, |needle, first, last| {
                    let digits = &self.digits[first..=last];
                    let encoding = encoding(digits, digits.len() == needles.describe(needle).2);
                    let range = self.digits[first].start..self.digits[last].end;
                    hits.push(Hit::new(needle, encoding, range, digits.len()));
                });
            }
        }
    }
}

/// The digit that begins at `at`.
#[inline]
fn digit(bytes: &[u8], at: usize, is_apart: bool) -> Option<(u8, Digit)> {
    let (value, form, length) = match *bytes.get(at)? {
        byte @ b'0'..=b'9' if bytes.get(at + 1) == Some(&0) => (byte - b'0', Form::Wide, 2),
        byte @ b'0'..=b'9' => (byte - b'0', Form::Plain, 1),
        b'%' => match *bytes.get(at + 1..at + 3)? {
            [b'3', byte @ b'0'..=b'9'] => (byte - b'0', Form::Percent, 3),
            _ => return None,
        },
        _ => return None,
    };
    Some((value, Digit { start: at, end: at + length, form, is_apart }))
}

/// Where the separator that begins at `at` ends: one space, dash or plus (a
/// space in a submitted form), wide or percent-encoded too, or a no-break space.
#[inline]
fn separator(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b' ' | b'-' | b'+' | 0xa0 if bytes.get(at + 1) == Some(&0) => Some(at + 2),
        b' ' | b'-' | b'+' => Some(at + 1),
        0xc2 if bytes.get(at + 1) == Some(&0xa0) => Some(at + 2),
        b'%' => match bytes.get(at + 1..at + 3)? {
            b"20" | b"2D" | b"2d" | b"2B" | b"2b" => Some(at + 3),
            _ => None,
        },
        _ => None,
    }
}

/// What a match is called by its digits. Something before the first does not count,
/// and a zero byte after the last makes nothing wide.
fn encoding(digits: &[Digit], is_whole: bool) -> Encoding {
    let is_any = |form: Form| digits[..digits.len() - 1].iter().any(|digit| digit.form == form);
    if is_any(Form::Percent) {
        Encoding::Percent
    } else if is_any(Form::Wide) {
        Encoding::Utf16
    } else if digits[1..].iter().any(|digit| digit.is_apart) {
        Encoding::Grouped
    } else if is_whole {
        Encoding::Ascii
    } else {
        Encoding::Fragment
    }
}
