//! The master key: what it looks like, its name, and what is derived from it.

use super::SecretText;
use super::secret::fill_random;
use aws_lc_rs::{digest, hkdf};
use data_encoding::{BASE64, HEXLOWER};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// A master key, and every key that is derived from one.
pub(super) const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 4;

/// Why a master key was refused, or a sealed record could not be opened.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum MasterKeyError {
    /// Not 32 bytes in base64.
    #[error("a master key is 32 random bytes in base64 (make one with: vezne keys generate FILE)")]
    Shape,
    /// The previous key is the current one.
    #[error("the previous master key is the same as the master key")]
    Same,
    /// The record was sealed under another master key.
    #[error("sealed under another master key")]
    OtherKey,
    /// The record was changed, moved to another row, or cut.
    #[error("a sealed record does not open: it was changed or belongs to another row")]
    Forged,
}

/// Which master key: the first bytes of a hash over it. Tells keys apart, says
/// nothing else of them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MasterKeyId(pub(super) [u8; ID_BYTES]);

impl MasterKeyId {
    pub(super) const BYTES: usize = ID_BYTES;
}

/// Eight hexadecimal digits.
impl fmt::Display for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// 32 bytes from which every other key of this service is derived (HKDF-SHA256,
/// RFC 5869). Wiped on drop: it lives while a process starts, and what stays
/// are the derived keys in their users, [`super::Sealer`] and [`super::Mac`].
pub struct MasterKey {
    derived: hkdf::Prk,
    id: MasterKeyId,
}

impl MasterKey {
    /// Reads a key as it is written in its file or variable.
    ///
    /// # Errors
    /// [`MasterKeyError::Shape`].
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, MasterKeyError> {
        let text = text.as_ref().trim_ascii();
        let room = BASE64.decode_len(text.len()).map_err(|_| MasterKeyError::Shape)?;
        let mut bytes = Zeroizing::new(vec![0; room]);
        let length = BASE64.decode_mut(text, &mut bytes).map_err(|_| MasterKeyError::Shape)?;
        let bytes = &bytes[..length];
        if length != KEY_BYTES {
            return Err(MasterKeyError::Shape);
        }
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vezne master key v1").extract(bytes);
        let mut named = digest::Context::new(&digest::SHA256);
        named.update(b"vezne master key id");
        named.update(bytes);
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&named.finish().as_ref()[..ID_BYTES]);
        Ok(Self { derived, id: MasterKeyId(id) })
    }

    /// A fresh key, as text for its file.
    #[must_use]
    pub fn generate() -> SecretText {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill_random(bytes.as_mut());
        SecretText::new(BASE64.encode(bytes.as_ref()))
    }

    /// What this key is called in sealed records and reports.
    #[must_use]
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    /// A key for one purpose.
    pub(super) fn derive(&self, purpose: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, MasterKeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.derived
            .expand(&[purpose], hkdf::HKDF_SHA256)
            .and_then(|expanded| expanded.fill(key.as_mut()))
            .map_err(|_| MasterKeyError::Shape)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_shape_is_refused() {
        for text in ["", "short", "AAAA", "zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4"] {
            assert_eq!(MasterKey::parse(text).err(), Some(MasterKeyError::Shape), "{text}");
        }
    }

    /// Changing this would leave every record sealed under a key of no name.
    /// Computed with Python's hashlib.
    #[test]
    fn the_name_of_a_key_stays() {
        let key = MasterKey::parse("zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4=\n").unwrap();
        assert_eq!(key.id().to_string(), "4a04c885");
    }
}
