//! The card-token service's signature against tests/vectors/card_token.json,
//! which other implementations can read, too.

use serde::Deserialize;
use vezne::provider::Credentials;
use vezne::provider::card_token::signature::sign;
use vezne::sandbox::signature::{SignedCall, SigningKey};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    public_key: String,
    secret_key: String,
    conversation_id: String,
    nonce: u64,
    signature: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../vectors/card_token.json")).unwrap()
}

#[test]
fn the_client_signs_as_published() {
    assert_eq!(vectors().len(), 3);
    for vector in vectors() {
        let credentials = Credentials::parse(&vector.public_key, &vector.secret_key, "1").unwrap();
        assert_eq!(sign(&credentials, &vector.conversation_id, vector.nonce).as_str(), vector.signature);
    }
}

#[test]
fn the_sandbox_signs_and_verifies_as_published() {
    for vector in vectors() {
        let key = SigningKey::from_base64(&vector.secret_key).unwrap();
        let (public_key, nonce) = (&vector.public_key, vector.nonce.to_string());
        let call = SignedCall { public_key, nonce: &nonce, conversation_id: &vector.conversation_id };
        assert_eq!(key.sign(&call), vector.signature);
        assert!(key.verify(&call, &vector.signature));
        let later = (vector.nonce + 1).to_string();
        assert!(!key.verify(&SignedCall { nonce: &later, ..call }, &vector.signature));
    }
}
