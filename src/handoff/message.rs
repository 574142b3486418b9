//! A callback as it goes over the wire (Standard Webhooks 1.0): what is told of
//! an event, and its signatures.

use super::result::rfc3339;
use super::{HandoffError, Results, SignedResult};
use crate::hardening::SecretText;
use crate::id::MerchantId;
use crate::merchant::Mode;
use crate::session::{Session, Violation};
use crate::store::{Event, Subject};
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The `data` of a callback: what is told of an event.
pub type Told = Map<String, Value>;

/// A callback with its signatures.
pub struct Message {
    /// Content type, user agent and the three `webhook-` headers.
    pub headers: HeaderMap,
    /// JSON: the event's type, its time, and what is told as `data`.
    pub body: String,
}

impl Message {
    /// Signs what is told of an event with each of the merchant's live keys;
    /// `None` without a usable one. The body says the same at every attempt; the
    /// timestamp and signatures are this attempt's.
    #[must_use]
    pub fn sign(event: &Event, told: Told, keys: &[SecretText], now: Timestamp) -> Option<Self> {
        let created_at = rfc3339(event.created_at);
        let body = json!({ "type": event.kind.name(), "timestamp": created_at, "data": Value::Object(told) });
        let body = body.to_string();
        let id = event.id.as_str();
        let seconds = now.as_second().to_string();
        let signed = format!("{id}.{seconds}.{body}");
        let signatures: Vec<String> = keys.iter().filter_map(|key| signature(key, &signed)).collect();
        if signatures.is_empty() {
            return None;
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("vezne/", env!("CARGO_PKG_VERSION"))));
        let values =
            [("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", &signatures.join(" "))];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Some(Self { headers, body })
    }
}

/// What is told of an event, the same at every attempt and in the API.
///
/// # Errors
/// [`HandoffError`] when the result cannot be signed.
pub async fn told_of(results: &Results, event: &Event, subject: &Subject) -> Result<Told, HandoffError> {
    Ok(match subject {
        Subject::End(session) => told_of_end(session, &results.of(session).await?),
        Subject::Page(session, violation) => told_of_page(session, violation),
        Subject::Ping => told_of_ping(&event.merchant, event.mode),
    })
}

/// What is told of a session's end: its result, and why it failed.
#[must_use]
pub fn told_of_end(session: &Session, result: &SignedResult) -> Told {
    let mut told = result.to_json();
    told.extend(session.failure.as_ref().map(|failure| ("failure".to_owned(), json!(failure))));
    told.insert("metadata".to_owned(), json!(session.metadata));
    told
}

/// What is told of a violation. It is no result: it has no status and no
/// signature of its own, so that none can be made of it.
fn told_of_page(session: &Session, violation: &Violation) -> Told {
    let fields = [
        ("session", json!(session.id)),
        ("conversationId", json!(session.conversation_id)),
        ("directive", json!(violation.directive.name())),
        ("blocked", json!(violation.blocked.name())),
        ("metadata", json!(session.metadata)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a test tells: whose it is.
fn told_of_ping(merchant: &MerchantId, mode: Mode) -> Told {
    [("merchant", json!(merchant)), ("mode", json!(mode))]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// `v1,` and the base64 of HMAC-SHA256 under the bytes that `whsec_` encodes.
fn signature(key: &SecretText, signed: &str) -> Option<String> {
    let bytes = zeroize::Zeroizing::new(BASE64.decode(key.expose().strip_prefix("whsec_")?.as_bytes()).ok()?);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), signed.as_bytes());
    Some(format!("v1,{}", BASE64.encode(tag.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_verifier_accepts_the_signature() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let now = Timestamp::now().as_second();
        let body = r#"{"type":"session.completed"}"#;
        let signature = signature(&SecretText::new(secret.to_owned()), &format!("evt_1.{now}.{body}")).unwrap();
        let mut headers = http::HeaderMap::new();
        for (name, value) in
            [("webhook-id", "evt_1"), ("webhook-timestamp", &now.to_string()), ("webhook-signature", &signature)]
        {
            headers.insert(http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap());
        }
        let verifier = standardwebhooks::Webhook::new(secret).unwrap();
        assert!(verifier.verify(body.as_bytes(), &headers).is_ok());
        assert!(verifier.verify(b"{}", &headers).is_err());
    }
}
