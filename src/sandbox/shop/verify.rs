//! What a merchant checks before it believes a result or a callback.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::Deserialize;

/// A callback's timestamp may be this far from the shop's clock, in seconds.
const TOLERANCE: i64 = 300;

/// A session's result: the same fields in a return URL, a callback and the API.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionResult {
    pub session: String,
    pub status: String,
    pub conversation_id: String,
    pub timestamp: String,
    pub token_digest: String,
    pub signature: String,
    pub card_token: Option<String>,
    pub card: Option<Card>,
}

/// What the shop learns of a card.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    pub brand: String,
    pub last_four: String,
}

impl SessionResult {
    /// Whether the window signed this result, and signed it for this token if
    /// there is one.
    pub fn is_genuine(&self, signing_secret: &str) -> bool {
        let Self { session, status, conversation_id, timestamp, token_digest, .. } = self;
        let text = ["vezne-result-v1", session, status, conversation_id, timestamp, token_digest].join("\n");
        let key = hmac::Key::new(HMAC_SHA256, signing_secret.as_bytes());
        let signed = BASE64URL_NOPAD
            .decode(self.signature.as_bytes())
            .is_ok_and(|signature| hmac::verify(&key, text.as_bytes(), &signature).is_ok());
        signed && self.card_token.as_ref().is_none_or(|token| *token_digest == digest_of(token))
    }
}

fn digest_of(token: &str) -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, token.as_bytes()).as_ref())
}

/// The three headers of Standard Webhooks.
pub struct WebhookHeaders<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`, seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or several `v1,<base64>` with spaces between.
    pub signature: &'a str,
}

impl WebhookHeaders<'_> {
    /// Whether the window sent this body within five minutes of `now` (seconds).
    pub fn vouch_for(&self, body: &[u8], webhook_secret: &str, now: i64) -> bool {
        let fresh = self.timestamp.parse::<i64>().is_ok_and(|sent| sent.abs_diff(now) <= TOLERANCE.unsigned_abs());
        let key = webhook_secret.strip_prefix("whsec_").and_then(|key| BASE64.decode(key.as_bytes()).ok());
        let Some(key) = key.filter(|_| fresh) else { return false };
        let key = hmac::Key::new(HMAC_SHA256, &key);
        let text = [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", body].concat();
        self.signature
            .split(' ')
            .filter_map(|one| BASE64.decode(one.strip_prefix("v1,")?.as_bytes()).ok())
            .any(|signature| hmac::verify(&key, &text, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart from any code of this project.
    fn completed() -> SessionResult {
        SessionResult {
            session: "ses_01".into(),
            status: "completed".into(),
            conversation_id: "order-1".into(),
            timestamp: "2026-11-21T10:00:00Z".into(),
            token_digest: "SvL9MY6l1lC-esTN2nFNADHoRjX7j3B9sprbz4GxEsE".into(),
            signature: "PyZ_cNME45QSHFaP3cODeu3Jlde7P2xjcPFnJUaoqYk".into(),
            card_token: Some("dG9rZW4=".into()),
            card: None,
        }
    }

    #[test]
    fn a_genuine_result_passes_with_and_without_its_token() {
        assert!(completed().is_genuine("vzsig_test"));
        assert!(SessionResult { card_token: None, ..completed() }.is_genuine("vzsig_test"));
        let failed = SessionResult {
            status: "failed".into(),
            token_digest: String::new(),
            signature: "ayfQCqzNn6QZOd_3bHXbfZnjNsYEhduLxByv00en8Gk".into(),
            card_token: None,
            ..completed()
        };
        assert!(failed.is_genuine("vzsig_test"));
    }

    #[test]
    fn a_changed_result_does_not() {
        let changes: [fn(&mut SessionResult); 7] = [
            |result| result.session.push('2'),
            |result| result.status = "failed".into(),
            |result| result.conversation_id = "order-2".into(),
            |result| result.timestamp = "2026-11-21T10:00:01Z".into(),
            |result| result.token_digest.clear(),
            |result| result.signature = String::new(),
            |result| result.card_token = Some("b3RoZXI=".into()),
        ];
        for change in changes {
            let mut result = completed();
            change(&mut result);
            assert!(!result.is_genuine("vzsig_test"), "{result:?}");
        }
        assert!(!completed().is_genuine("vzsig_other"));
    }

    #[test]
    fn callbacks_are_checked_as_standard_webhooks_says() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (id, body, now) = ("evt_1", r#"{"type":"session.completed"}"#, 1_795_305_600);
        let signer = standardwebhooks::Webhook::new(secret).unwrap();
        let signature = signer.sign(id, now, body.as_bytes()).unwrap();
        let timestamp = now.to_string();
        let check = |id, timestamp, signature: &str, body: &str, secret, now| {
            WebhookHeaders { id, timestamp, signature }.vouch_for(body.as_bytes(), secret, now)
        };
        assert!(check(id, &timestamp, &signature, body, secret, now));
        assert!(check(id, &timestamp, &format!("v1,AAAA v2,x {signature}"), body, secret, now + 300));
        assert!(!check(id, &timestamp, &signature, body, secret, now + 301));
        assert!(!check(id, &timestamp, &signature, body, secret, now - 301));
        assert!(!check("evt_2", &timestamp, &signature, body, secret, now));
        assert!(!check(id, "1795305601", &signature, body, secret, now));
        assert!(!check(id, &timestamp, &signature, "{}", secret, now));
        assert!(!check(id, &timestamp, &signature, body, "whsec_AAAA", now));
        assert!(!check(id, &timestamp, "", body, secret, now));
    }
}
