//! Sealing of secrets at rest: bound to their row, marked with the key that
//! sealed them, so that a master key can be replaced while records under both
//! are in the store.

use super::master_key::KEY_BYTES;
use super::{MasterKeyError, MasterKeyId, SecretText};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;
const VERSION: u8 = 1;

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

/// A sealed value: version, master key's id, nonce, ciphertext, tag.
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

    /// Which key it says it was sealed under, or `None` when it is no sealed value.
    #[must_use]
    pub fn key(&self) -> Option<MasterKeyId> {
        self.parts().map(|parts| parts.key).ok()
    }

    fn parts(&self) -> Result<Parts<'_>, MasterKeyError> {
        let rest = self.0.strip_prefix(&[VERSION]).ok_or(MasterKeyError::Forged)?;
        let (key, rest) = rest.split_first_chunk::<{ MasterKeyId::BYTES }>().ok_or(MasterKeyError::Forged)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(MasterKeyError::Forged)?;
        Ok(Parts { key: MasterKeyId(*key), nonce: *nonce, body })
    }
}

struct Parts<'a> {
    key: MasterKeyId,
    nonce: [u8; NONCE_BYTES],
    body: &'a [u8],
}

/// AES-256-GCM with random nonces (NIST SP 800-38D) under a derived key. Seals
/// with one key, and opens what that key or the previous one has sealed.
pub struct Sealer {
    current: SealingKey,
    previous: Option<SealingKey>,
}

/// A derived key and the name of the master key that it comes from.
pub(super) struct SealingKey {
    key: RandomizedNonceKey,
    id: MasterKeyId,
}

impl SealingKey {
    pub(super) fn new(key: &[u8; KEY_BYTES], id: MasterKeyId) -> Result<Self, MasterKeyError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| MasterKeyError::Shape)?;
        Ok(Self { key, id })
    }
}

impl Sealer {
    pub(super) fn new(current: SealingKey, previous: Option<SealingKey>) -> Self {
        Self { current, previous }
    }

    /// The master key that new records are sealed under.
    #[must_use]
    pub fn current(&self) -> MasterKeyId {
        self.current.id
    }

    /// The master key whose records still open.
    #[must_use]
    pub fn previous(&self) -> Option<MasterKeyId> {
        self.previous.as_ref().map(|key| key.id)
    }

    /// Seals a secret to its row and column.
    ///
    /// # Errors
    /// [`MasterKeyError::Forged`] when the library fails, which it has no reason to.
    pub fn seal(&self, context: SealContext<'_>, secret: &str) -> Result<Sealed, MasterKeyError> {
        let mut body = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        body.extend_from_slice(secret.as_bytes());
        let key = &self.current;
        let nonce = key
            .key
            .seal_in_place_append_tag(Aad::from(context.text()), &mut *body)
            .map_err(|_| MasterKeyError::Forged)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&key.id.0);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(Sealed(sealed))
    }

    /// Opens what was sealed under the current or the previous key, for the same
    /// row and column only.
    ///
    /// # Errors
    /// [`MasterKeyError::OtherKey`] and [`MasterKeyError::Forged`].
    pub fn open(&self, context: SealContext<'_>, sealed: &Sealed) -> Result<SecretText, MasterKeyError> {
        let parts = sealed.parts()?;
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.find(|key| key.id == parts.key).ok_or(MasterKeyError::OtherKey)?;
        let mut body = Zeroizing::new(parts.body.to_vec());
        let opened = key
            .key
            .open_in_place(Nonce::from(&parts.nonce), Aad::from(context.text()), &mut body)
            .map_err(|_| MasterKeyError::Forged)?;
        let text = std::str::from_utf8(opened).map_err(|_| MasterKeyError::Forged)?;
        Ok(SecretText::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MasterKey, MasterKeys};
    use super::*;

    const ROW: SealContext<'_> = SealContext { record: "ses_1", field: "card_token" };

    fn key(text: &SecretText) -> MasterKey {
        MasterKey::parse(text.expose()).unwrap()
    }

    fn sealer() -> Sealer {
        MasterKeys::from(key(&MasterKey::generate())).sealer().unwrap()
    }

    fn opened(keeper: &Sealer, sealed: &Sealed) -> Result<String, MasterKeyError> {
        keeper.open(ROW, sealed).map(|text| text.expose().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing_on_the_way() {
        let keeper = sealer();
        let sealed = keeper.seal(ROW, "a card token").unwrap();
        assert_eq!(opened(&keeper, &sealed), Ok("a card token".to_owned()));
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
    fn the_previous_key_opens_and_the_current_one_seals() {
        let (first, second) = (MasterKey::generate(), MasterKey::generate());
        let before = MasterKeys::from(key(&first)).sealer().unwrap();
        let after = MasterKeys::from(key(&second)).sealer().unwrap();
        let both = MasterKeys::new(key(&second), Some(key(&first))).unwrap().sealer().unwrap();
        let (old, new) = (before.seal(ROW, "old").unwrap(), both.seal(ROW, "new").unwrap());
        assert_eq!((old.key(), new.key()), (Some(before.current()), Some(after.current())));
        assert_eq!((both.current(), both.previous()), (after.current(), Some(before.current())));
        assert_eq!((opened(&both, &old), opened(&both, &new)), (Ok("old".into()), Ok("new".into())));
        assert_eq!(opened(&after, &new), Ok("new".into()));
        assert_eq!(opened(&after, &old), Err(MasterKeyError::OtherKey));
        // Naming the other key does not make it open.
        let mut renamed = old.as_bytes().to_vec();
        renamed[1..=MasterKeyId::BYTES].copy_from_slice(&after.current().0);
        assert_eq!(opened(&both, &Sealed::from_bytes(renamed)), Err(MasterKeyError::Forged));
    }

    /// Records of the first version open for good. Made with Node's crypto.
    #[test]
    fn a_record_of_the_first_version_opens() {
        let keeper = MasterKeys::from(key(&SecretText::new("zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4=".into())));
        let sealed = data_encoding::HEXLOWER
            .decode(b"014a04c885000102030405060708090a0b88dc0396623cae347cadb8684801e4bb98b402a2033148027fa40241")
            .unwrap();
        assert_eq!(opened(&keeper.sealer().unwrap(), &Sealed::from_bytes(sealed)), Ok("a card token".to_owned()));
    }
}
