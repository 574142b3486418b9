//! API keys: the bearer tokens of merchants' servers.

use crate::hardening::{Fingerprint, SecretText, random_text};
use serde::{Deserialize, Serialize};

/// Which provider credentials a key, and every session made with it, uses.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Test cards at the provider's test system, or at the sandbox.
    Test,
    /// Real cards.
    Live,
}

impl Mode {
    /// `test` or `live`, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// `vz_test_…` or `vz_live_…` with 256 random bits. Shown once, kept as a hash.
pub struct ApiKey {
    mode: Mode,
    secret: SecretText,
}

impl ApiKey {
    const RANDOM_BYTES: usize = 32;
    const TEXT_BYTES: usize = 8 + 52;

    /// A new key.
    #[must_use]
    pub fn generate(mode: Mode) -> Self {
        Self { mode, secret: random_text(Self::prefix(mode), Self::RANDOM_BYTES) }
    }

    /// The hash under which a presented bearer token would be stored, or `None`
    /// when it cannot be one of ours.
    #[must_use]
    pub fn fingerprint_of_presented(text: &str) -> Option<Fingerprint> {
        let known = [Mode::Test, Mode::Live].into_iter().any(|mode| text.starts_with(Self::prefix(mode)));
        (known && text.len() == Self::TEXT_BYTES).then(|| Fingerprint::of(text))
    }

    /// The key itself, to be shown to its owner once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.secret.fingerprint()
    }

    /// Which mode it opens.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    fn prefix(mode: Mode) -> &'static str {
        match mode {
            Mode::Test => "vz_test_",
            Mode::Live => "vz_live_",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presented_key_is_recognised_by_its_shape() {
        let key = ApiKey::generate(Mode::Live);
        assert_eq!(ApiKey::fingerprint_of_presented(key.expose()), Some(key.fingerprint()));
        let cut = &key.expose()[..59];
        for text in ["", "vz_test_", "vz_prod_0123", cut, &key.expose().replace("vz_live", "vz_prod")] {
            assert!(ApiKey::fingerprint_of_presented(text).is_none(), "{text}");
        }
    }
}
