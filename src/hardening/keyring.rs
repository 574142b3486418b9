//! The master keys of a process: the one in force, and while it is being
//! replaced a second one, whose records and tokens still count.

use super::environment;
use super::key_file::{self, KeyFileError};
use super::seal::SealingKey;
use super::{MasterKey, MasterKeyError, MasterKeyId, Sealer};
use crate::config::{KeySource, KeysConfig};
use aws_lc_rs::hmac;
use thiserror::Error;

/// Why there are no keys. The operator's to mend.
#[derive(Debug, Error)]
pub enum KeyringError {
    /// A key file is not used.
    #[error("master key {0}")]
    File(#[from] KeyFileError),
    /// The variable was set when the configuration was read, and has been used up.
    #[error("there is no master key in {0}")]
    Absent(&'static str),
    /// What is there is not a key, or the same key twice.
    #[error("{origin}: {error}")]
    Key {
        /// Where the key came from.
        origin: String,
        /// What is wrong with it.
        error: MasterKeyError,
    },
}

/// The current master key, which seals and signs, and the previous one, which
/// only opens and verifies.
pub struct MasterKeys {
    current: MasterKey,
    previous: Option<MasterKey>,
}

impl MasterKeys {
    /// Reads the keys from where the configuration says. The variables' are
    /// handed over once: a second call finds none.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn load(config: &KeysConfig) -> Result<Self, KeyringError> {
        let current = read(&config.master)?;
        let previous = config.previous.as_ref().map(read).transpose()?;
        let origin = config.previous.as_ref().map(KeySource::to_string).unwrap_or_default();
        Self::new(current, previous).map_err(|error| KeyringError::Key { origin, error })
    }

    /// Two keys, or one.
    ///
    /// # Errors
    /// [`MasterKeyError::Same`]: a copy of the current key replaces nothing.
    pub fn new(current: MasterKey, previous: Option<MasterKey>) -> Result<Self, MasterKeyError> {
        if previous.as_ref().is_some_and(|previous| previous.id() == current.id()) {
            return Err(MasterKeyError::Same);
        }
        Ok(Self { current, previous })
    }

    /// What seals and opens records.
    ///
    /// # Errors
    /// [`MasterKeyError::Shape`] when the library refuses a derived key.
    pub fn sealer(&self) -> Result<Sealer, MasterKeyError> {
        let key = |master: &MasterKey| SealingKey::new(&*master.derive(b"seal")?, master.id());
        Ok(Sealer::new(key(&self.current)?, self.previous.as_ref().map(key).transpose()?))
    }

    /// What signs under a purpose of its own.
    ///
    /// # Errors
    /// As [`MasterKeys::sealer`].
    pub fn mac(&self, purpose: &[u8]) -> Result<Mac, MasterKeyError> {
        let key = |master: &MasterKey| -> Result<MacKey, MasterKeyError> {
            let key = hmac::Key::new(hmac::HMAC_SHA256, master.derive(purpose)?.as_ref());
            Ok(MacKey { key, id: master.id() })
        };
        Ok(Mac { current: key(&self.current)?, previous: self.previous.as_ref().map(key).transpose()? })
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(current: MasterKey) -> Self {
        Self { current, previous: None }
    }
}

fn read(source: &KeySource) -> Result<MasterKey, KeyringError> {
    let text = match source {
        KeySource::File(path) | KeySource::Credential(path) => key_file::read(path)?,
        KeySource::Variable(name) => environment::secret(name).ok_or(KeyringError::Absent(name))?,
    };
    MasterKey::parse(&*text).map_err(|error| KeyringError::Key { origin: source.to_string(), error })
}

/// HMAC-SHA256 (RFC 2104) under keys that every process with the same master
/// keys has.
pub struct Mac {
    current: MacKey,
    previous: Option<MacKey>,
}

/// A derived key and the name of the master key that it comes from.
struct MacKey {
    key: hmac::Key,
    id: MasterKeyId,
}

impl Mac {
    /// The tag of a message, under the current key.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current.key, message)
    }

    /// Whether a tag was made under the current or the previous key. Compares in
    /// constant time.
    #[must_use]
    pub fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        self.keys().any(|key| hmac::verify(&key.key, message, tag).is_ok())
    }

    /// The master key that [`Mac::sign`] uses, by name.
    #[must_use]
    pub fn current(&self) -> MasterKeyId {
        self.current.id
    }

    /// Whether tags that were made under the master key of this name still verify.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.keys().any(|key| key.id.to_string() == name)
    }

    fn keys(&self) -> impl Iterator<Item = &MacKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> MasterKey {
        MasterKey::parse(text).unwrap()
    }

    #[test]
    fn what_either_key_signed_verifies_and_nothing_else() {
        let (first, second) = (MasterKey::generate(), MasterKey::generate());
        let mac = |current: &str, previous: Option<&str>| {
            MasterKeys::new(key(current), previous.map(key)).unwrap().mac(b"a purpose").unwrap()
        };
        let (before, after) = (mac(first.expose(), None), mac(second.expose(), None));
        let both = mac(second.expose(), Some(first.expose()));
        let (old, new) = (before.sign(b"text"), both.sign(b"text"));
        let names = [&before, &after, &both].map(|mac| mac.current().to_string());
        assert_eq!((&names[1], both.knows(&names[0]), after.knows(&names[0])), (&names[2], true, false));
        for (keeper, tag, verifies) in [
            (&both, &old, true),
            (&both, &new, true),
            (&after, &new, true),
            (&after, &old, false),
            (&before, &new, false),
        ] {
            assert_eq!(keeper.verifies(b"text", tag.as_ref()), verifies);
            assert!(!keeper.verifies(b"other", tag.as_ref()));
        }
    }

    #[test]
    fn the_same_key_twice_is_a_mistake() {
        let text = MasterKey::generate();
        assert_eq!(MasterKeys::new(key(text.expose()), Some(key(text.expose()))).err(), Some(MasterKeyError::Same));
    }
}
