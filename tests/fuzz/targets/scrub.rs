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
/// letter) crossed out: they are left alone on purpose.
fn without_uuids(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let in_word = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    let mut start = 0;
    while start < bytes.len() {
        let end = start + bytes[start..].iter().take_while(|byte| in_word(byte)).count();
        let word = &mut bytes[start..end];
        let dashes: Vec<usize> = (0..word.len()).filter(|&at| word[at] == b'-').collect();
        let is_uuid = (word.len() == 36 && dashes == [8, 13, 18, 23]) || (word.len() == 32 && dashes.is_empty());
        if is_uuid && word.iter().any(u8::is_ascii_alphabetic) {
            word.fill(b'x');
        }
        start = end + 1;
    }
    bytes
}
