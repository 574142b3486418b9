//! The provider's answer: `status \n conversation id \n body`. In the body
//! `@SIGNATURE@` and `@ID@` stand for what an honest provider repeats, which no
//! fuzzer would guess.

use super::input::{lines, text};
use super::numbers::stretches;
use serde_json::Value;
use std::sync::OnceLock;
use vezne::provider::card_token::answer::{Answer, Failure, read};
use vezne::provider::card_token::signature::{Signature, sign};
use vezne::provider::{CardToken, Credentials};

/// Reads an answer and judges what was believed.
pub fn check(data: &[u8]) {
    let ([status, id], body) = lines(data);
    let (Some(status), Some(id)) = (text(status).and_then(|text| text.parse().ok()), text(id)) else { return };
    let body = replace(body, b"@SIGNATURE@", signature().as_str().as_bytes());
    let body = replace(&body, b"@ID@", id.as_bytes());
    match read(status, &body, signature(), id) {
        Ok(Answer::Token(token)) => proved_itself(&token, status, &body, id),
        Ok(Answer::Failure(failure)) => is_fit_to_show(&failure, status, &body),
        Err(error) => assert!(!error.name().is_empty()),
    }
}

fn signature() -> &'static Signature {
    static SIGNATURE: OnceLock<Signature> = OnceLock::new();
    SIGNATURE.get_or_init(|| {
        let credentials = Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap();
        sign(&credentials, "order-1", 1_732_190_400_000)
    })
}

/// A token comes from a 200 that says success and repeats signature and id.
fn proved_itself(token: &CardToken, status: u16, body: &[u8], id: &str) {
    let Some(said) = plain_reading(body) else { return };
    assert_eq!(status, 200);
    assert_eq!(said["signature"].as_str(), Some(signature().as_str()));
    assert_eq!(said["conversationId"].as_str(), Some(id));
    assert_eq!(said["cardToken"].as_str(), Some(token.expose()));
    assert!(is_flag(&said, true));
    assert!((1..=512).contains(&token.expose().len()) && token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
}

/// A failure says so; its code is short and its message one safe line.
fn is_fit_to_show(failure: &Failure, status: u16, body: &[u8]) {
    let Some(said) = plain_reading(body) else { return };
    assert!(status == 200 || (400..=499).contains(&status));
    assert!(is_flag(&said, false));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    assert!((1..=8).contains(&failure.code.len()) && failure.code.bytes().all(plain));
    let Some(message) = &failure.message else { return };
    let message = message.as_str();
    assert!((1..=200).contains(&message.chars().count()) && !message.contains(char::is_control), "{message:?}");
    for run in stretches(message, char::is_numeric, " \u{a0}\u{202f}\u{2009}-\u{2011}\u{2013}\u{2212}") {
        assert!(run.chars().count() < 9, "{run} is left in {message:?}");
    }
}

/// The whole answer. Fields that the protocol does not name are skipped without
/// being read, so a few of them make a whole reading fail: other encodings, half
/// of a surrogate pair, numbers that no double holds.
fn plain_reading(body: &[u8]) -> Option<Value> {
    serde_json::from_str(&String::from_utf8_lossy(body)).ok()
}

/// Whether the answer's flag, in either spelling, is as given and not both ways.
fn is_flag(said: &Value, wanted: bool) -> bool {
    let flags = [&said["isSucceeded"], &said["isSucceed"]].map(Value::as_bool);
    flags.contains(&Some(wanted)) && !flags.contains(&Some(!wanted))
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            replaced.extend_from_slice(to);
            rest = after;
        } else {
            replaced.push(*first);
            rest = after;
        }
    }
    replaced
}
