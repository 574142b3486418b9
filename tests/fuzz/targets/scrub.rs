//! The log's last net: any text.

use super::input::text;
use super::numbers::is_card;
use vezne::telemetry::scrub;

/// Nothing that could be a card number is left; the rest is as it was; a second
/// pass finds nothing more.
pub fn check(data: &[u8]) {
    let Some(said) = text(data) else { return };
    let scrubbed = scrub(said);
    assert_eq!(scrubbed.len(), said.len());
    for (before, after) in said.bytes().zip(scrubbed.bytes()) {
        assert!(before == after || (after == b'*' && before.is_ascii_digit()));
    }
    assert_eq!(card_in(&scrubbed), None, "left in {scrubbed:?} of {said:?}");
    assert_eq!(scrub(&scrubbed), scrubbed, "scrubbed twice");
}

/// A card number in a text, if there is one outside of the UUIDs, with single
/// spaces or dashes between its digits or none.
pub fn card_in(text: &str) -> Option<String> {
    let bytes = without_uuids(text);
    (0..bytes.len()).filter(|&start| bytes[start].is_ascii_digit()).find_map(|start| {
        let mut digits = Vec::new();
        let mut last = start;
        for (at, &byte) in bytes.iter().enumerate().skip(start) {
            match byte {
                b'0'..=b'9' => {
                    digits.push(byte);
                    last = at;
                }
                b' ' | b'-' if last + 1 == at => continue,
                _ => break,
            }
            if digits.len() > 19 {
                break;
            }
            if is_card(&digits) {
                return String::from_utf8(digits).ok();
            }
        }
        None
    })
}

/// The text with its UUIDs (RFC 9562, with dashes or without, at least one
/// letter) crossed out, those with a name and a dash around them too: they are
/// left alone on purpose.
fn without_uuids(text: &str) -> Vec<u8> {
    let before = text.as_bytes();
    let mut after = before.to_vec();
    for start in 0..before.len() {
        for (length, dashes) in [(36, [8, 13, 18, 23].as_slice()), (32, &[])] {
            let Some(word) = before.get(start..start + length) else { continue };
            let is_shaped = (0..length)
                .all(|at| if dashes.contains(&at) { word[at] == b'-' } else { word[at].is_ascii_hexdigit() });
            let is_free =
                |at: Option<usize>| at.and_then(|at| before.get(at)).is_none_or(|byte| !byte.is_ascii_hexdigit());
            let is_whole = is_free(start.checked_sub(1)) && is_free(Some(start + length));
            if is_shaped && is_whole && word.iter().any(u8::is_ascii_alphabetic) {
                after[start..start + length].fill(b'x');
            }
        }
    }
    after
}
