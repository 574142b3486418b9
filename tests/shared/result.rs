//! A signed result, verified as a merchant would: from the documentation, with
//! nothing of the service's code.

use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// A query's parameters, each there once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    pub fn of(url: &str) -> Self {
        let pairs: Vec<(String, String)> = Url::parse(url).unwrap().query_pairs().into_owned().collect();
        let query: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(query.len(), pairs.len(), "a parameter twice in {url}");
        Self(query)
    }

    /// A parameter's value, empty when it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    #[allow(dead_code, reason = "not every suite asks")]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// As JSON, to be verified like any other result.
    pub fn json(&self) -> Value {
        serde_json::to_value(&self.0).unwrap()
    }
}

/// Whether the result's signature is right under the merchant's `vzsig_…`, and
/// its digest is the one of the token where there is a token.
pub fn verify(result: &Value, signing_secret: &str) -> bool {
    let text = |name: &str| result[name].as_str().unwrap_or_else(|| panic!("no {name} in {result}"));
    if let Some(token) = result["cardToken"].as_str() {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        if BASE64URL_NOPAD.encode(digest.as_ref()) != text("tokenDigest") {
            return false;
        }
    }
    let lines = ["session", "status", "conversationId", "timestamp", "tokenDigest"].map(text).join("\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, signing_secret.as_bytes());
    let Ok(signature) = BASE64URL_NOPAD.decode(text("signature").as_bytes()) else { return false };
    hmac::verify(&key, format!("vezne-result-v1\n{lines}").as_bytes(), &signature).is_ok()
}
