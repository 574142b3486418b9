//! Finding what looks like a card number in what other systems say.
//!
//! A run is decimal digits with at most one space or dash between two of them,
//! as card numbers are printed.

use std::ops::Range;

/// Whether the bytes hold a run of at least `least` digits that `known` does
/// not hold too. `known` is what was sent openly and may come back: a
/// conversation id can be a long number.
#[must_use]
pub fn holds_foreign_run(bytes: &[u8], known: &[u8], least: usize) -> bool {
    let expected: Vec<_> = runs(known, least).collect();
    runs(bytes, least).any(|found| !expected.iter().any(|run| known[run.clone()] == bytes[found.clone()]))
}

/// The text with an asterisk for each digit of every run of at least `least`.
/// Digits of other scripts count: a card number may be quoted in them.
#[must_use]
pub fn mask_runs(text: &str, least: usize) -> String {
    // One byte a character keeps positions equal; only the digits' kind matters here.
    let kinds: Vec<u8> = text.chars().map(kind).collect();
    let runs: Vec<_> = runs(&kinds, least).collect();
    let hidden = |place: usize| kinds[place] == b'0' && runs.iter().any(|run| run.contains(&place));
    text.chars().enumerate().map(|(place, character)| if hidden(place) { '*' } else { character }).collect()
}

fn kind(character: char) -> u8 {
    match character {
        digit if digit.is_numeric() => b'0',
        space if space.is_whitespace() => b' ',
        // Hyphens, dashes and minus signs, full width too.
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => b'-',
        _ => b'x',
    }
}

/// The places of all runs of at least `least` digits, from their first digit to their last.
fn runs(bytes: &[u8], least: usize) -> impl Iterator<Item = Range<usize>> {
    let mut place = 0;
    std::iter::from_fn(move || {
        while place < bytes.len() {
            let (run, digits) = run_at(bytes, place);
            place = run.end.max(place + 1);
            if digits >= least {
                return Some(run);
            }
        }
        None
    })
}

/// The run that starts at `start`, and how many digits it has.
fn run_at(bytes: &[u8], start: usize) -> (Range<usize>, usize) {
    let (mut end, mut digits, mut place) = (start, 0, start);
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                end = place + 1;
            }
            b' ' | b'-' if digits > 0 && end == place => {}
            _ => break,
        }
        place += 1;
    }
    (start..end, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_grouped_or_not() {
        for text in ["4355093000777068", "\"no\":\"4355 0930 0077\"", "x4-3-5-5-0-9-3-0-0-0-7-7y", "435509300077 7068"]
        {
            assert!(holds_foreign_run(text.as_bytes(), b"", 12), "{text}");
        }
        for text in ["", "43550930007", "435509 - 300077", "435509  300077", "2026-11-21T22:29:08", "435509.300077"] {
            assert!(!holds_foreign_run(text.as_bytes(), b"", 12), "{text}");
        }
    }

    #[test]
    fn what_was_sent_openly_may_come_back() {
        let id = b"order-1732190400000";
        assert!(!holds_foreign_run(br#"{"conversationId":"order-1732190400000"}"#, id, 12));
        assert!(holds_foreign_run(br#"{"conversationId":"order-1732190400000","c":"4355093000777068"}"#, id, 12));
        assert!(holds_foreign_run(b"17321904000001", id, 12));
    }

    #[test]
    fn masking_keeps_everything_else() {
        let cases = [
            ("Kart 4355 0930 0077 7068 reddedildi", "Kart **** **** **** **** reddedildi"),
            ("12345678 ok", "12345678 ok"),
            ("123456789", "*********"),
            ("çok 43550930007, 7068", "çok ***********, 7068"),
            ("٤٣٥٥٠٩٣٠٠٠٧٧", "************"),
            ("4355\u{2009}0930\u{202f}0077\u{3000}7068", "****\u{2009}****\u{202f}****\u{3000}****"),
            ("4355\u{2212}0930\u{2011}0077\u{ff0d}7068", "****\u{2212}****\u{2011}****\u{ff0d}****"),
            ("", ""),
        ];
        for (text, masked) in cases {
            assert_eq!(mask_runs(text, 9), masked);
        }
    }
}
