//! A merchant's two private keys at CardWall: checked when they are stored, sent
//! as headers, never shown.

use crate::hardening::SecretText;
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// Longest key, in bytes.
const LONGEST: usize = 256;

/// Which key is wrong and how; the key itself is not repeated.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CardWallKeysError {
    /// Empty, too long, or with something that is not visible ASCII.
    #[error("{0} must have 1 to 256 visible ASCII characters")]
    Key(&'static str),
    /// Stored keys that are not the JSON that was written.
    #[error("stored keys are not readable")]
    Stored,
}

/// `apikeyprivate` and `apiclientprivate`. No `Debug`, no `Clone`; wiped on drop.
pub struct CardWallKeys {
    api_key: SecretText,
    api_client: SecretText,
}

/// The keys as they rest, sealed.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    api_key_private: Zeroizing<String>,
    api_client_private: Zeroizing<String>,
}

impl CardWallKeys {
    /// Checks the two keys that the provider hands a merchant.
    ///
    /// # Errors
    /// [`CardWallKeysError::Key`], which names the key.
    pub fn parse(api_key: &str, api_client: &str) -> Result<Self, CardWallKeysError> {
        Ok(Self { api_key: key("apikeyprivate", api_key)?, api_client: key("apiclientprivate", api_client)? })
    }

    /// The two headers' values, marked as sensitive.
    pub(super) fn headers(&self) -> [HeaderValue; 2] {
        [&self.api_key, &self.api_client].map(|key| {
            // A key's characters always make a header value.
            let mut value = HeaderValue::from_str(key.expose()).unwrap_or(HeaderValue::from_static(""));
            value.set_sensitive(true);
            value
        })
    }
}

/// The keys as JSON, to be sealed.
///
/// # Errors
/// [`CardWallKeysError`] when a key cannot be used.
pub fn write_cardwall_keys(api_key: &SecretText, api_client: &SecretText) -> Result<SecretText, CardWallKeysError> {
    CardWallKeys::parse(api_key.expose(), api_client.expose())?;
    let text = |key: &SecretText| Zeroizing::new(key.expose().to_owned());
    let record = Record { api_key_private: text(api_key), api_client_private: text(api_client) };
    serde_json::to_string(&record).map(SecretText::new).map_err(|_| CardWallKeysError::Stored)
}

/// Keys back from the text that [`write_cardwall_keys`] made.
///
/// # Errors
/// [`CardWallKeysError`].
pub fn read_cardwall_keys(text: &SecretText) -> Result<CardWallKeys, CardWallKeysError> {
    let record: Record = serde_json::from_str(text.expose()).map_err(|_| CardWallKeysError::Stored)?;
    CardWallKeys::parse(&record.api_key_private, &record.api_client_private)
}

fn key(name: &'static str, text: &str) -> Result<SecretText, CardWallKeysError> {
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(SecretText::new(text.to_owned())) } else { Err(CardWallKeysError::Key(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    #[test]
    fn keys_come_back_as_they_were_written() {
        let keys =
            read_cardwall_keys(&write_cardwall_keys(&secret("k-1"), &secret("c/2=")).ok().unwrap()).ok().unwrap();
        let [key, client] = keys.headers();
        assert_eq!((key.to_str().unwrap(), client.to_str().unwrap()), ("k-1", "c/2="));
        assert!(key.is_sensitive() && client.is_sensitive());
    }

    #[test]
    fn a_key_that_is_no_header_value_is_refused_by_name() {
        for bad in ["", "a b", "a\r\nb: c", "anahtarş", &"x".repeat(257)] {
            let refused = |api_key, client| CardWallKeys::parse(api_key, client).err();
            assert_eq!(refused(bad, "c"), Some(CardWallKeysError::Key("apikeyprivate")), "{bad:?}");
            assert_eq!(refused("k", bad), Some(CardWallKeysError::Key("apiclientprivate")), "{bad:?}");
        }
        for stored in ["", "{}", r#"{"apiKeyPrivate":"k"}"#, r#"{"apiKeyPrivate":"k","apiClientPrivate":"c","x":1}"#] {
            assert_eq!(read_cardwall_keys(&secret(stored)).err(), Some(CardWallKeysError::Stored), "{stored}");
        }
    }
}
