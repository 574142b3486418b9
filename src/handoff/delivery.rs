//! One callback: its body, its signatures, and what its answer means.

use super::result::rfc3339;
use super::{HandoffError, Results, SignedResult};
use crate::config::CallbackConfig;
use crate::egress::{Answer, CallError, ConnectError};
use crate::hardening::SecretText;
use crate::session::{Session, Violation};
use crate::store::{Delivery, DeliveryOutcome, SecretKind};
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The longest wait that a `Retry-After` may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// A callback as it goes over the wire (Standard Webhooks 1.0).
pub struct Message {
    /// Content type, user agent and the three `webhook-` headers.
    pub headers: HeaderMap,
    /// JSON: the event's type, its time, and the result as `data`.
    pub body: String,
}

impl Message {
    /// The body says the same at every attempt; the timestamp and signatures
    /// are this attempt's.
    pub(super) async fn new(results: &Results, delivery: &Delivery, now: Timestamp) -> Result<Self, HandoffError> {
        let data = match &delivery.violation {
            Some(violation) => told_of(&delivery.session, violation),
            None => told_of_end(&delivery.session, &results.of(&delivery.session).await?),
        };
        let keys = results.secrets(&delivery.session.merchant, SecretKind::Webhook).await?;
        Self::signed(delivery, data, &keys, now).ok_or(HandoffError::NoSecret(SecretKind::Webhook.name()))
    }

    /// Signs a result's message with each of the merchant's live keys; `None`
    /// without a usable one.
    #[must_use]
    pub fn sign(delivery: &Delivery, result: &SignedResult, keys: &[SecretText], now: Timestamp) -> Option<Self> {
        Self::signed(delivery, told_of_end(&delivery.session, result), keys, now)
    }

    fn signed(delivery: &Delivery, mut data: Map<String, Value>, keys: &[SecretText], now: Timestamp) -> Option<Self> {
        data.insert("metadata".to_owned(), json!(delivery.session.metadata));
        let created_at = rfc3339(delivery.created_at);
        let body = json!({ "type": delivery.kind, "timestamp": created_at, "data": Value::Object(data) }).to_string();
        let id = delivery.event.as_str();
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

/// What is told of a session's end: its result, and why it failed.
fn told_of_end(session: &Session, result: &SignedResult) -> Map<String, Value> {
    let mut fields = result.to_json();
    fields.extend(session.failure.as_ref().map(|failure| ("failure".to_owned(), json!(failure))));
    fields
}

/// What is told of a violation. It is no result: it has no status and no
/// signature of its own, so that none can be made of it.
fn told_of(session: &Session, violation: &Violation) -> Map<String, Value> {
    let fields = [
        ("session", json!(session.id)),
        ("conversationId", json!(session.conversation_id)),
        ("directive", json!(violation.directive.name())),
        ("blocked", json!(violation.blocked.name())),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `v1,` and the base64 of HMAC-SHA256 under the bytes that `whsec_` encodes.
fn signature(key: &SecretText, signed: &str) -> Option<String> {
    let bytes = zeroize::Zeroizing::new(BASE64.decode(key.expose().strip_prefix("whsec_")?.as_bytes()).ok()?);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), signed.as_bytes());
    Some(format!("v1,{}", BASE64.encode(tag.as_ref())))
}

/// What an attempt's answer means. Only 2xx is success; a redirect is a failure
/// and is never followed; `Retry-After` can lengthen the wait, not shorten it.
pub(super) fn outcome(
    config: &CallbackConfig,
    attempt: u32,
    answer: &Result<Answer, CallError>,
    jitter: f64,
) -> DeliveryOutcome {
    let (reason, asked) = match answer {
        Ok(answer) if (200..300).contains(&answer.status) => return DeliveryOutcome::Delivered,
        Ok(answer) if (300..400).contains(&answer.status) => ("redirect", None),
        Ok(answer) => ("status", answer.retry_after),
        Err(CallError::Timeout | CallError::Connect(ConnectError::Timeout)) => ("timeout", None),
        Err(CallError::Dropped(_)) => ("dropped", None),
        Err(CallError::Connect(ConnectError::Refused(_))) => ("address_refused", None),
        Err(CallError::Connect(ConnectError::Port(_))) => ("port_refused", None),
        Err(CallError::Connect(ConnectError::Resolve(_))) => ("name_not_found", None),
        Err(CallError::Connect(ConnectError::Tls(_))) => ("tls", None),
        Err(CallError::Connect(_)) => ("connect", None),
    };
    failed(config, attempt, reason, asked, jitter)
}

/// The schedule's next wait, or the end of the schedule.
pub(super) fn failed(
    config: &CallbackConfig,
    attempt: u32,
    reason: &'static str,
    asked: Option<Duration>,
    jitter: f64,
) -> DeliveryOutcome {
    match config.retry.get(attempt.saturating_sub(1) as usize) {
        Some(wait) => {
            let wait = wait.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
            DeliveryOutcome::Retry { after: wait.max(asked.unwrap_or_default().min(MAX_RETRY_AFTER)), reason }
        }
        None => DeliveryOutcome::Abandoned { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> CallbackConfig {
        let retry = vec![Duration::from_secs(10), Duration::from_secs(100)];
        CallbackConfig { timeout: Duration::from_secs(1), ca_file: None, retry }
    }

    #[allow(clippy::unnecessary_wraps, reason = "what `outcome` takes")]
    fn answered(status: u16, retry_after: Option<u64>) -> Result<Answer, CallError> {
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body: Vec::new() })
    }

    fn wait(attempt: u32, answer: &Result<Answer, CallError>, jitter: f64) -> Option<(u64, &'static str)> {
        match outcome(&config(), attempt, answer, jitter) {
            DeliveryOutcome::Retry { after, reason } => Some((after.as_secs(), reason)),
            DeliveryOutcome::Delivered | DeliveryOutcome::Abandoned { .. } => None,
        }
    }

    #[test]
    fn only_2xx_is_success() {
        for status in [200, 202, 204, 299] {
            assert!(matches!(outcome(&config(), 1, &answered(status, None), 0.5), DeliveryOutcome::Delivered));
        }
        assert_eq!(wait(1, &answered(302, None), 0.5), Some((10, "redirect")));
        assert_eq!(wait(1, &answered(500, None), 0.5), Some((10, "status")));
        assert_eq!(wait(1, &Err(CallError::Timeout), 0.5), Some((10, "timeout")));
    }

    #[test]
    fn waits_follow_the_schedule_with_jitter_and_end() {
        let failed = answered(500, None);
        assert_eq!(wait(1, &failed, 0.0), Some((8, "status")));
        assert_eq!(wait(1, &failed, 1.0), Some((12, "status")));
        assert_eq!(wait(2, &failed, 0.5), Some((100, "status")));
        assert!(matches!(outcome(&config(), 3, &failed, 0.5), DeliveryOutcome::Abandoned { reason: "status" }));
    }

    #[test]
    fn retry_after_lengthens_within_a_bound() {
        assert_eq!(wait(1, &answered(503, Some(60)), 0.5), Some((60, "status")));
        assert_eq!(wait(2, &answered(503, Some(60)), 0.5), Some((100, "status")));
        assert_eq!(wait(1, &answered(503, Some(10_000_000)), 0.5), Some((86_400, "status")));
    }

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
