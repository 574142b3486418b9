//! The master key, the keys derived from it, and sealing of secrets at rest.

use super::secret::{SecretText, fill_random};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hkdf, hmac};
use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const KEY_ID_BYTES: usize = 4;
const VERSION: u8 = 1;

/// Why a master key was refused, or a sealed record could not be opened.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum MasterKeyError {
    /// Not 32 bytes in base64.
    #[error("a master key is 32 random bytes in base64 (make one with: openssl rand -base64 32)")]
    Shape,
    /// The record was sealed under another master key.
    #[error("sealed under another master key")]
    OtherKey,
    /// The record was changed, moved to another row, or cut.
    #[error("a sealed record does not open: it was changed or belongs to another row")]
    Forged,
}

/// 32 bytes from which every other key of this service is derived (HKDF-SHA256, RFC 5869).
pub struct MasterKey {
    derived: hkdf::Prk,
    id: [u8; KEY_ID_BYTES],
}

impl MasterKey {
    /// Reads a key as it is written in its file or variable.
    ///
    /// # Errors
    /// [`MasterKeyError::Shape`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let decoded = BASE64.decode(text.trim().as_bytes()).map_err(|_| MasterKeyError::Shape)?;
        let bytes = Zeroizing::new(decoded);
        if bytes.len() != KEY_BYTES {
            return Err(MasterKeyError::Shape);
        }
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vezne master key v1").extract(&bytes);
        let mut named = digest::Context::new(&digest::SHA256);
        named.update(b"vezne master key id");
        named.update(&bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&named.finish().as_ref()[..KEY_ID_BYTES]);
        Ok(Self { derived, id })
    }

    /// A fresh key, as text for its file.
    #[must_use]
    pub fn generate() -> SecretText {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill_random(bytes.as_mut());
        SecretText::new(BASE64.encode(bytes.as_ref()))
    }

    /// What seals and opens records.
    ///
    /// # Errors
    /// [`MasterKeyError::Shape`] when the library refuses the derived key.
    pub fn sealer(&self) -> Result<Sealer, MasterKeyError> {
        let key = self.derive(b"seal")?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| MasterKeyError::Shape)?;
        Ok(Sealer { key, id: self.id })
    }

    /// A key for HMAC-SHA256 under a purpose of its own.
    ///
    /// # Errors
    /// As [`MasterKey::sealer`].
    pub fn mac_key(&self, purpose: &[u8]) -> Result<hmac::Key, MasterKeyError> {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, self.derive(purpose)?.as_ref()))
    }

    fn derive(&self, purpose: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, MasterKeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.derived
            .expand(&[purpose], hkdf::HKDF_SHA256)
            .and_then(|expanded| expanded.fill(key.as_mut()))
            .map_err(|_| MasterKeyError::Shape)?;
        Ok(key)
    }
}

/// The row and column that a sealed value belongs to; a value moved to another
/// row does not open.
#[derive(Clone, Copy)]
pub struct SealContext<'a> {
    /// The record's id.
    pub record: &'a str,
    /// The column.
    pub field: &'a str,
}

impl SealContext<'_> {
    fn text(self) -> String {
        format!("vezne-seal-v1\n{}\n{}", self.record, self.field)
    }
}

/// A sealed value: version, key id, nonce, ciphertext, tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// A value as the store gives it back.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// AES-256-GCM with random nonces (NIST SP 800-38D) under a derived key.
pub struct Sealer {
    key: RandomizedNonceKey,
    id: [u8; KEY_ID_BYTES],
}

impl Sealer {
    /// Seals a secret to its row and column.
    ///
    /// # Errors
    /// [`MasterKeyError::Forged`] when the library fails, which it has no reason to.
    pub fn seal(&self, context: SealContext<'_>, secret: &str) -> Result<Sealed, MasterKeyError> {
        let mut body = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        body.extend_from_slice(secret.as_bytes());
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(context.text()), &mut *body)
            .map_err(|_| MasterKeyError::Forged)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(Sealed(sealed))
    }

    /// Opens what [`Sealer::seal`] made, for the same row and column only.
    ///
    /// # Errors
    /// [`MasterKeyError::OtherKey`] and [`MasterKeyError::Forged`].
    pub fn open(&self, context: SealContext<'_>, sealed: &Sealed) -> Result<SecretText, MasterKeyError> {
        let (version, rest) = sealed.0.split_first().ok_or(MasterKeyError::Forged)?;
        if *version != VERSION || rest.len() < KEY_ID_BYTES + NONCE_BYTES {
            return Err(MasterKeyError::Forged);
        }
        let (id, rest) = rest.split_at(KEY_ID_BYTES);
        if id != self.id {
            return Err(MasterKeyError::OtherKey);
        }
        let (nonce, body) = rest.split_at(NONCE_BYTES);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| MasterKeyError::Forged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let opened =
            self.key.open_in_place(nonce, Aad::from(context.text()), &mut body).map_err(|_| MasterKeyError::Forged)?;
        let text = std::str::from_utf8(opened).map_err(|_| MasterKeyError::Forged)?;
        Ok(SecretText::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: SealContext<'_> = SealContext { record: "ses_1", field: "card_token" };

    fn sealer() -> Sealer {
        MasterKey::parse(MasterKey::generate().expose()).unwrap().sealer().unwrap()
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing_on_the_way() {
        let keeper = sealer();
        let sealed = keeper.seal(ROW, "a card token").unwrap();
        assert_eq!(keeper.open(ROW, &sealed).map(|text| text.expose().to_owned()), Ok("a card token".to_owned()));
        assert!(!String::from_utf8_lossy(sealed.as_bytes()).contains("card"));
    }

    #[test]
    fn another_row_key_or_byte_does_not_open() {
        let keeper = sealer();
        let sealed = keeper.seal(ROW, "a card token").unwrap();
        let elsewhere = SealContext { record: "ses_2", ..ROW };
        assert_eq!(keeper.open(elsewhere, &sealed).err(), Some(MasterKeyError::Forged));
        assert_eq!(sealer().open(ROW, &sealed).err(), Some(MasterKeyError::OtherKey));
        for place in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[place] ^= 1;
            assert!(keeper.open(ROW, &Sealed::from_bytes(bytes)).is_err(), "byte {place}");
        }
        for length in 0..sealed.as_bytes().len() {
            let cut = Sealed::from_bytes(sealed.as_bytes()[..length].to_vec());
            assert!(keeper.open(ROW, &cut).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_key_of_another_shape_is_refused() {
        for text in ["", "short", "AAAA", "zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4"] {
            assert_eq!(MasterKey::parse(text).err(), Some(MasterKeyError::Shape), "{text}");
        }
    }
}
