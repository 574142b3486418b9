//! The last net: masks what looks like a card number in free text.

use crate::card::spot;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

static SCRUBBED: AtomicU64 = AtomicU64::new(0);

/// Card numbers masked since the process started. Anything but 0 is a defect to look for.
pub fn scrubbed() -> u64 {
    SCRUBBED.load(Ordering::Relaxed)
}

/// Replaces every digit of what may be a card number ([`spot`]) by `*`, and
/// counts it. Everything else stays, the length too.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let (masked, count) = masked(text);
    SCRUBBED.fetch_add(count, Ordering::Relaxed);
    masked
}

/// The same for text of others, where a card number is no defect of ours.
pub fn mask(text: &str) -> Cow<'_, str> {
    masked(text).0
}

/// The text, and how many numbers were masked in it.
fn masked(text: &str) -> (Cow<'_, str>, u64) {
    let (mut result, mut count) = (Cow::Borrowed(text), 0);
    // More than once: a masked number is an edge for its neighbours, which can be numbers of their own.
    loop {
        let numbers = spot(&result);
        if numbers.is_empty() {
            return (result, count);
        }
        count += numbers.len() as u64;
        let places = numbers.concat();
        let mask = |(at, letter)| if places.binary_search(&at).is_ok() { '*' } else { letter };
        result = Cow::Owned(result.char_indices().map(mask).collect());
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
            "/tmp/vezne-api-a4355093-0007-7706-8000-435509300077-old/server.pem",
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
