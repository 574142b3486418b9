//! The result: the same fields and the same signature in every hand-off, so
//! that one function of the merchant verifies them all (docs/verify.md).

use crate::card::CardSummary;
use crate::hardening::SecretText;
use crate::session::Session;
use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// First line of the signed text: names the format, so that a later one cannot
/// be taken for it.
const FORMAT: &str = "vezne-result-v1";

/// A session's result, signed.
pub struct SignedResult {
    session: String,
    status: &'static str,
    conversation_id: String,
    timestamp: String,
    token_digest: String,
    signature: String,
    card_token: Option<SecretText>,
    card: Option<CardSummary>,
}

impl SignedResult {
    /// Signs a session as it stands. `timestamp` is when it ended, or when it
    /// was created while it has not: the same session always gives the same
    /// result.
    #[must_use]
    pub fn sign(session: &Session, card_token: Option<SecretText>, key: &SecretText) -> Self {
        let token_digest = card_token.as_ref().map(|token| token_digest(token.expose())).unwrap_or_default();
        let timestamp = rfc3339(session.ended_at.unwrap_or(session.created_at));
        let status = session.status.name();
        let text =
            [FORMAT, session.id.as_str(), status, &session.conversation_id, &timestamp, &token_digest].join("\n");
        Self {
            signature: signature(key.expose(), &text),
            session: session.id.to_string(),
            status,
            conversation_id: session.conversation_id.clone(),
            timestamp,
            token_digest,
            card_token,
            card: session.card.clone(),
        }
    }

    /// The signed fields in their published order, as a query carries them.
    #[must_use]
    pub fn signed_fields(&self) -> [(&'static str, &str); 6] {
        [
            ("session", &self.session),
            ("status", self.status),
            ("conversationId", &self.conversation_id),
            ("timestamp", &self.timestamp),
            ("tokenDigest", &self.token_digest),
            ("signature", &self.signature),
        ]
    }

    /// What a body or a message carries, which end in no log and no browser
    /// history: the signed fields, and the token where there is one.
    #[must_use]
    pub fn fields_with_token(&self) -> Vec<(&'static str, &str)> {
        let token = self.card_token().map(|token| ("cardToken", token));
        self.signed_fields().into_iter().chain(token).collect()
    }

    /// The token, for a hand-off that carries it.
    #[must_use]
    pub fn card_token(&self) -> Option<&str> {
        self.card_token.as_ref().map(SecretText::expose)
    }

    /// The result as JSON, token and card included.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields: Map<String, Value> =
            self.signed_fields().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        if let Some(token) = self.card_token() {
            fields.insert("cardToken".to_owned(), json!(token));
        }
        if let Some(card) = &self.card {
            fields.insert("card".to_owned(), json!(card));
        }
        fields
    }
}

/// base64url of the token's SHA-256: binds the signature to the token without
/// putting it into a URL.
fn token_digest(token: &str) -> String {
    BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, token.as_bytes()).as_ref())
}

/// HMAC-SHA256 (RFC 2104) under the signing secret's text as it was given out.
fn signature(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    BASE64URL_NOPAD.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// UTC to the second, as every time in this API is written (RFC 3339).
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hmac and hashlib; the worked example of docs/verify.md.
    #[test]
    fn the_documented_example() {
        let token = "+oc6jxS0ABueLM+QuJnQFrZyV+B4HMHYiMx8yBH/Z90=";
        let digest = token_digest(token);
        assert_eq!(digest, "F3cm-Xaa76M1KzxaWCgYR6yaiordXXIAzHMxf7wKy80");
        let text = [
            "vezne-result-v1",
            "ses_0123456789abcdefghijklmnop",
            "completed",
            "sipariş-42",
            "2026-11-21T22:15:46Z",
            &digest,
        ]
        .join("\n");
        assert_eq!(signature("vzsig_example", &text), "qcmmr7HFBOB5DcRt6p5BEEuNAjZJTbXFIwG_s_eW-hQ");
    }

    #[test]
    fn times_are_whole_seconds_in_utc() {
        let moment = Timestamp::from_millisecond(1_732_190_400_999).unwrap();
        assert_eq!(rfc3339(moment), "2024-11-21T12:00:00Z");
    }
}
