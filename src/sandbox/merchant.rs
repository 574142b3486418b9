//! The sandbox's own merchants and keys.

use super::private_file;
use super::signature::SigningKey;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use zeroize::Zeroizing;

/// What a payment provider gives a merchant for its card-token service.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SandboxMerchant {
    /// Base64 text that names the merchant.
    pub public_key: String,
    /// Base64 text that signs its calls.
    pub secret_key: String,
    /// The merchant's number.
    pub merchant_number: String,
}

impl SandboxMerchant {
    /// A new merchant with random keys.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self> {
        Ok(Self {
            public_key: BASE64.encode(&*random::<16>()?),
            secret_key: BASE64.encode(&*random::<32>()?),
            merchant_number: random::<8>()?.iter().map(|byte| char::from(b'0' + byte % 10)).collect(),
        })
    }

    /// `apikeyprivate` and `apiclientprivate` of this merchant's saved cards: made
    /// from its secret key, so that there is nothing more to keep.
    #[must_use]
    pub fn cardwall_keys(&self) -> [String; 2] {
        let key = hmac::Key::new(HMAC_SHA256, self.secret_key.as_bytes());
        ["apikeyprivate", "apiclientprivate"].map(|name| BASE64.encode(hmac::sign(&key, name.as_bytes()).as_ref()))
    }
}

/// Everything secret that a sandbox has: its merchants, and the key that turns
/// card numbers into tokens.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SandboxKeys {
    token_key: String,
    merchants: Vec<SandboxMerchant>,
}

impl SandboxKeys {
    /// Keys for these merchants, with a random token key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(merchants: Vec<SandboxMerchant>) -> Result<Self> {
        Ok(Self { token_key: BASE64.encode(&*random::<32>()?), merchants })
    }

    /// Reads the keys from a file, which is made with one merchant when absent.
    ///
    /// # Errors
    /// A file that cannot be read, written or understood.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        if let Some(text) = private_file::read(path)? {
            let keys: Self = serde_json::from_slice(&text)
                .map_err(|error| Error::new(ErrorKind::InvalidData, format!("{}: {error}", path.display())))?;
            if keys.merchants.is_empty() {
                return Err(Error::new(ErrorKind::InvalidData, format!("{}: no merchants", path.display())));
            }
            return Ok(keys);
        }
        let keys = Self::generate(vec![SandboxMerchant::generate()?])?;
        private_file::write(path, &Zeroizing::new(serde_json::to_vec_pretty(&keys)?))?;
        Ok(keys)
    }

    /// The merchants whose calls are answered; never empty when read from a file.
    #[must_use]
    pub fn merchants(&self) -> &[SandboxMerchant] {
        &self.merchants
    }

    pub(super) fn token_key(&self) -> Result<hmac::Key> {
        let bytes = Zeroizing::new(BASE64.decode(self.token_key.as_bytes()).map_err(|_| no_base64("tokenKey"))?);
        Ok(hmac::Key::new(HMAC_SHA256, &bytes))
    }
}

/// A merchant as the service looks it up.
pub(super) struct KnownMerchant {
    pub public_key: String,
    pub number: String,
    pub signing_key: SigningKey,
}

impl KnownMerchant {
    pub fn new(merchant: &SandboxMerchant) -> Result<Self> {
        Ok(Self {
            public_key: merchant.public_key.clone(),
            number: merchant.merchant_number.clone(),
            signing_key: SigningKey::from_base64(&merchant.secret_key).ok_or_else(|| no_base64("secretKey"))?,
        })
    }
}

fn no_base64(name: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the sandbox's {name} is not base64"))
}

fn random<const LENGTH: usize>() -> Result<Zeroizing<[u8; LENGTH]>> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    rand::fill(&mut *bytes).map_err(|_| Error::other("the system has no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testing::TempDir;

    #[test]
    fn keys_are_made_once_and_read_back() {
        let directory = TempDir::new();
        let path = directory.join("sandbox.json");
        let first = SandboxKeys::open_or_create(&path).unwrap();
        let second = SandboxKeys::open_or_create(&path).unwrap();
        assert!(first.merchants() == second.merchants() && first.token_key == second.token_key);
        let merchant = &first.merchants()[0];
        assert_eq!(BASE64.decode(merchant.secret_key.as_bytes()).unwrap().len(), 32);
        assert!(merchant.merchant_number.len() == 8 && merchant.merchant_number.bytes().all(|b| b.is_ascii_digit()));
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        let directory = TempDir::new();
        let path = directory.join("sandbox.json");
        std::fs::write(&path, "{}").unwrap();
        assert!(SandboxKeys::open_or_create(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"{}");
    }
}
