//! The last net: masks what looks like a card number in free text.

use crate::card::{Brand, passes_luhn};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// Fewest digits that are taken for a card number: shorter ones are mostly something else.
const SHORTEST: usize = 13;
/// Most digits that ISO/IEC 7812-1 allows.
const LONGEST: usize = 19;
/// The lengths of a UUID's parts (RFC 9562, section 4), and of one without dashes.
const UUID_PARTS: [&[usize]; 2] = [&[8, 4, 4, 4, 12], &[32]];

static SCRUBBED: AtomicU64 = AtomicU64::new(0);

/// Card numbers masked since the process started. Anything but 0 is a defect to look for.
pub fn scrubbed() -> u64 {
    SCRUBBED.load(Ordering::Relaxed)
}

/// Replaces every digit of what looks like a card number by `*`, and counts
/// it. Everything else stays, the length too.
///
/// 13 to 19 digits with a valid check digit, with single spaces or dashes
/// between, are one if they begin and end where a group of digits does. Inside
/// a group they must also fit a brand's range and length, or every long number
/// would hold one. UUIDs are left alone.
pub fn scrub(text: &str) -> Cow<'_, str> {
    if text.bytes().filter(u8::is_ascii_digit).count() < SHORTEST {
        return Cow::Borrowed(text);
    }
    let mut bytes = Zeroizing::new(text.as_bytes().to_vec());
    hide_uuids(&mut bytes);
    let mut is_masked = false;
    // A masked number is an edge for its neighbours, which can be numbers of their own.
    loop {
        let masked: Vec<usize> = rows(&bytes).iter().flat_map(|row| masked_in(&bytes, row)).collect();
        if masked.is_empty() {
            break;
        }
        is_masked = true;
        for at in masked {
            bytes[at] = b'*';
        }
    }
    if !is_masked {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.char_indices().map(|(at, letter)| if bytes[at] == b'*' { '*' } else { letter }).collect())
}

/// Overwrites the digits of UUIDs. One needs a letter: sixteen digits between dashes are no alibi.
fn hide_uuids(bytes: &mut [u8]) {
    let is_part_of_one = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    for word in bytes.split_mut(|&byte| !is_part_of_one(byte)) {
        let parts: Vec<usize> = word.split(|&byte| byte == b'-').map(<[u8]>::len).collect();
        if UUID_PARTS.contains(&parts.as_slice()) && word.iter().any(u8::is_ascii_alphabetic) {
            word.fill(b'x');
        }
    }
}

/// The places of the digits of each stretch that holds nothing but digits and
/// single separators.
fn rows(bytes: &[u8]) -> Vec<Vec<usize>> {
    let digits = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit());
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for at in digits {
        match rows.last_mut() {
            Some(row) if row.last().is_some_and(|&last| is_next(bytes, last, at)) => row.push(at),
            _ => rows.push(vec![at]),
        }
    }
    rows
}

fn is_next(bytes: &[u8], last: usize, at: usize) -> bool {
    at == last + 1 || (at == last + 2 && matches!(bytes[last + 1], b' ' | b'-'))
}

/// The places to mask of one row, ascending; counts each stretch of them.
fn masked_in(bytes: &[u8], row: &[usize]) -> Vec<usize> {
    let digits = Zeroizing::new(row.iter().map(|&at| bytes[at]).collect::<Vec<u8>>());
    let is_edge = |place: usize| place == 0 || place == row.len() || row[place] != row[place - 1] + 1;
    let mut masked_until = 0;
    let mut masked = Vec::new();
    for start in 0..row.len() {
        let ends = (start + SHORTEST..=start + LONGEST).rev().filter(|&end| end <= row.len());
        let mut fitting = ends.filter(|&end| {
            let window = &digits[start..end];
            passes_luhn(window) && ((is_edge(start) && is_edge(end)) || fits_brand(window))
        });
        let Some(end) = fitting.next() else { continue };
        if start >= masked_until {
            SCRUBBED.fetch_add(1, Ordering::Relaxed);
        }
        masked.extend(&row[start.max(masked_until)..end.max(masked_until)]);
        masked_until = masked_until.max(end);
    }
    masked
}

fn fits_brand(digits: &[u8]) -> bool {
    match Brand::of(digits) {
        Brand::Unknown => false,
        Brand::Amex => digits.len() == 15,
        Brand::Diners => digits.len() == 14,
        _ => digits.len() == 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_card_number_is_masked() {
        let cases = [
            ("4355093000777068", "****************"),
            ("pan=4355093000777068.", "pan=****************."),
            ("x4355 0930 0077 7068y", "x**** **** **** ****y"),
            ("4355-0930-0077-7068", "****-****-****-****"),
            ("3744 270000 00003", "**** ****** *****"),
            ("4 3 5 5 0 9 3 0 0 0 7 7 7 0 6 8", "* * * * * * * * * * * * * * * *"),
            ("43550930 00777068", "******** ********"),
            ("4355093000777068 123 1230", "**************** 123 1230"),
            ("12 4355093000777068", "12 ****************"),
            ("{\"number\":\"9792072000017956\"}", "{\"number\":\"****************\"}"),
            ("ş4355093000777068ğ", "ş****************ğ"),
            ("4355093000777068 5526080000000006", "**************** ****************"),
            // inside a longer number: with the code after it, after an order's number, in the middle
            ("4355093000777068123", "****************123"),
            ("1114355093000777068", "111****************"),
            ("00000435509300077706800000", "00000****************00000"),
            // a masked number is an edge for its neighbours
            ("43550930007770681000000000009", "*****************************"),
            ("10000000000094355093000777068", "*****************************"),
            // the dashes of a UUID are no alibi
            ("43550930-0077-7068", "********-****-****"),
        ];
        for (text, masked) in cases {
            assert_eq!(scrub(text), masked, "{text}");
        }
    }

    #[test]
    fn neither_grouping_nor_neighbours_hide_a_card_number() {
        let grouped = |number: &str, size: usize, separator: &str| {
            number.as_bytes().chunks(size).map(String::from_utf8_lossy).collect::<Vec<_>>().join(separator)
        };
        for number in ["4355093000777068", "5890040000000016", "9792072000017956", "374427000000003"] {
            for (size, separator) in [(16, ""), (4, " "), (4, "-"), (6, " "), (1, "-"), (8, " ")] {
                let written = grouped(number, size, separator);
                for before in ["", "x", "1", "99 ", "id-", "\"", "ü", "0000 ", "20261121222531"] {
                    for after in ["", "x", "1", " 99", "-123", "\"", "ü", " 12 30"] {
                        let text = format!("{before}{written}{after}");
                        let masked = scrub(&text).into_owned();
                        let inside = &masked[before.len()..before.len() + written.len()];
                        assert!(!inside.contains(|letter: char| letter.is_ascii_digit()), "{text} → {masked}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_does_not_stays() {
        for text in [
            "",
            "no digits",
            "4355093000777067",
            "4355  0930  0077  7068",
            "4355_0930_0077_7068",
            "501800000009",
            "2026-11-21T22:25:31.123456789Z",
            "2026-11-21 22:25:31",
            "2026-11-21T22:25:31.123456+03:00",
            "1763764051123",
            "ses_0192f0c1a12344567890112345678901",
            "0192f0c1-4355-0930-0077-706812345678",
            "a4355093-0007-7706-8000-435509300077",
            "127.0.0.1:8443 after 15000 ms, attempt 3 of 11",
            "2001:db8::4355:930:77:7068",
        ] {
            assert_eq!(scrub(text), text);
            assert!(matches!(scrub(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn every_masked_number_is_counted() {
        let before = scrubbed();
        drop(scrub("4355093000777068, 5526080000000006 and 374427000000003"));
        assert!(scrubbed() >= before + 3);
    }
}
