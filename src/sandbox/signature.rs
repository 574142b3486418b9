//! The card-token service's signature, as the service computes it
//! (docs/protocols/card-token.md, "Signature").
//!
//! Written from the protocol's text and not shared with the client: two
//! writings that agree on the same vectors are a check of both.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64;

/// A merchant's secret key in both roles it plays: the decoded bytes key the
/// HMAC, the base64 text is part of the second message.
pub struct SigningKey {
    text: String,
    key: hmac::Key,
}

impl SigningKey {
    /// Takes the secret key's base64 text. `None` when it is not base64.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = zeroize::Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
        Some(Self { text: text.to_owned(), key: hmac::Key::new(HMAC_SHA256, &bytes) })
    }

    /// Whether `signature` (base64) belongs to a call, in constant time.
    #[must_use]
    pub fn verify(&self, call: &SignedCall<'_>, signature: &str) -> bool {
        let Ok(claimed) = BASE64.decode(signature.as_bytes()) else { return false };
        hmac::verify(&self.key, self.message(call).as_bytes(), &claimed).is_ok()
    }

    /// The signature (base64) that a correct client sends for a call.
    #[must_use]
    pub fn sign(&self, call: &SignedCall<'_>) -> String {
        BASE64.encode(hmac::sign(&self.key, self.message(call).as_bytes()).as_ref())
    }

    fn message(&self, call: &SignedCall<'_>) -> zeroize::Zeroizing<String> {
        let SignedCall { public_key, nonce, conversation_id } = call;
        let mut first = hmac::Context::with_key(&self.key);
        first.update(public_key.as_bytes());
        first.update(nonce.as_bytes());
        let security_data = BASE64.encode(first.sign().as_ref());
        zeroize::Zeroizing::new([self.text.as_str(), conversation_id, nonce, &security_data].concat())
    }
}

/// What a signature covers, as the form's text.
pub struct SignedCall<'a> {
    /// `publicKey`, base64 text as given.
    pub public_key: &'a str,
    /// `nonce`, milliseconds since 1970.
    pub nonce: &'a str,
    /// `conversationId`.
    pub conversation_id: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// publicKey, secretKey, conversationId, nonce, signature.
    const VECTORS: [[&str; 5]; 3] = [
        [
            "nJ9BY8qOviwltPILpxlLXw==",
            "zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4=",
            "969109305",
            "1732190400000",
            "KGAZ3ejVoVzkmMdnngaF0OW1fhbhta0EjBMb9N2XZ38=",
        ],
        [
            "PQgYbFGLUB9b7UOnSVANKw==",
            "04imxkEX31IaLYEq0ZjR/5SXo+jEBkHn",
            "test123456",
            "1763712000123",
            "y20K5woq/fw5jaIXcPsLXKs226+pA0+9KA3zw8aWw08=",
        ],
        [
            "iMCWZ1hzzfhC6sH/n7WRqg==",
            "b6jn2couuV3nQ4veylMinP4vYQsxqhlt",
            "sipariş-42",
            "1795305600999",
            "aJua8dQ9cNmxxfgGG7kSIQm7EzXSMR2KtkT4GZdxhuQ=",
        ],
    ];

    #[test]
    fn the_protocols_vectors_are_met() {
        for [public_key, secret_key, conversation_id, nonce, signature] in VECTORS {
            let key = SigningKey::from_base64(secret_key).unwrap();
            let call = SignedCall { public_key, nonce, conversation_id };
            assert_eq!(key.sign(&call), signature);
            assert!(key.verify(&call, signature));
        }
    }

    #[test]
    fn every_covered_part_matters() {
        let [public_key, secret_key, conversation_id, nonce, signature] = VECTORS[0];
        let key = SigningKey::from_base64(secret_key).unwrap();
        let call = |public_key, nonce, conversation_id| SignedCall { public_key, nonce, conversation_id };
        assert!(!key.verify(&call(VECTORS[1][0], nonce, conversation_id), signature));
        assert!(!key.verify(&call(public_key, "1732190400001", conversation_id), signature));
        assert!(!key.verify(&call(public_key, nonce, "969109306"), signature));
        assert!(!key.verify(&call(public_key, nonce, conversation_id), VECTORS[1][4]));
        assert!(!key.verify(&call(public_key, nonce, conversation_id), "not base64"));
        assert!(!key.verify(&call(public_key, nonce, conversation_id), ""));
        let other = SigningKey::from_base64(VECTORS[1][1]).unwrap();
        assert!(!other.verify(&call(public_key, nonce, conversation_id), signature));
    }

    #[test]
    fn a_secret_key_that_is_not_base64_is_refused() {
        assert!(SigningKey::from_base64("not base64!").is_none());
    }
}
