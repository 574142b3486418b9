//! What is kept of a callback's answer: `card token \n body`.

use super::input::{lines, text};
use super::scrub::card_in;
use vezne::handoff::kept_of;

/// Short, on one line, without a card number and without the token.
pub fn check(data: &[u8]) {
    let ([token], body) = lines(data);
    let Some(token) = text(token) else { return };
    let kept = kept_of(body, Some(token));
    assert!(kept.len() <= 256, "{} bytes of {}", kept.len(), body.len());
    assert!(!kept.contains(char::is_control), "{kept:?}");
    assert_eq!(card_in(&kept), None, "left in {kept:?}");
    // A shorter one is in words that have nothing to do with it.
    let is_token = token.len() >= 8 && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
    assert!(!is_token || !kept.contains(token), "{token:?} in {kept:?}");
}
