//! The two-pass HMAC-SHA256 that a call is signed with
//! (docs/protocols/card-token.md, "Signature").

use crate::provider::Credentials;
use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE64;

/// A signature in base64. It authenticates one call and is no secret once sent.
#[derive(Clone, Debug)]
pub struct Signature(String);

impl Signature {
    /// The text as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text is this signature, in time that does not depend on where
    /// they differ.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), text.as_bytes()).is_ok()
    }
}

/// Signs a call. `nonce` is Unix time in milliseconds.
#[must_use]
pub fn sign(credentials: &Credentials, conversation_id: &str, nonce: u64) -> Signature {
    let secret = &credentials.secret_key;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_bytes());
    let nonce = nonce.to_string();
    let security_data = authenticate(&key, &[&credentials.public_key, &nonce]);
    Signature(authenticate(&key, &[secret.expose_text(), conversation_id, &nonce, &security_data]))
}

/// The base64 of the HMAC over the parts in a row, without a joined copy of them.
fn authenticate(key: &hmac::Key, parts: &[&str]) -> String {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part.as_bytes());
    }
    BASE64.encode(context.sign().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Public key, secret key, conversation id, nonce, security data, signature.
    type Vector = (&'static str, &'static str, &'static str, u64, &'static str, &'static str);

    /// Computed independently of this code.
    const VECTORS: [Vector; 3] = [
        (
            "nJ9BY8qOviwltPILpxlLXw==",
            "zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4=",
            "969109305",
            1_732_190_400_000,
            "SPKEyUoueZgxWezQH6aTqmhZPiZANW2UVEVKKMEqWrM=",
            "KGAZ3ejVoVzkmMdnngaF0OW1fhbhta0EjBMb9N2XZ38=",
        ),
        (
            "PQgYbFGLUB9b7UOnSVANKw==",
            "04imxkEX31IaLYEq0ZjR/5SXo+jEBkHn",
            "test123456",
            1_763_712_000_123,
            "K/OtlCRwNdTFPQHXQC4Z4w0NnP/mizeVWLrGL7JqWoA=",
            "y20K5woq/fw5jaIXcPsLXKs226+pA0+9KA3zw8aWw08=",
        ),
        (
            "iMCWZ1hzzfhC6sH/n7WRqg==",
            "b6jn2couuV3nQ4veylMinP4vYQsxqhlt",
            "sipariş-42",
            1_795_305_600_999,
            "q9jxLFBuZ1RILY25Ka0W1IBdY/HR/J24ZQmYkvdegvM=",
            "aJua8dQ9cNmxxfgGG7kSIQm7EzXSMR2KtkT4GZdxhuQ=",
        ),
    ];

    #[test]
    fn vectors() {
        for (public, secret, conversation_id, nonce, security_data, signature) in VECTORS {
            let credentials = Credentials::parse(public, secret, "1").unwrap();
            let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.secret_key.expose_bytes());
            assert_eq!(authenticate(&key, &[public, &nonce.to_string()]), security_data);
            assert_eq!(sign(&credentials, conversation_id, nonce).as_str(), signature);
        }
    }

    #[test]
    fn only_the_same_text_matches() {
        let signature = Signature("c2ln".to_owned());
        assert!(signature.matches("c2ln"));
        for other in ["", "c2lN", "c2ln=", "c2l"] {
            assert!(!signature.matches(other), "{other:?}");
        }
    }
}
