//! The secret in a session's URL: 160 random bits, stored as a hash.

use crate::hardening::{Fingerprint, SecretText, random_text};

/// What opens a session's page. Never in logs, traces or the store.
pub struct SessionSecret(SecretText);

impl SessionSecret {
    const RANDOM_BYTES: usize = 20;
    const TEXT_BYTES: usize = 32;

    /// A new secret.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_text("", Self::RANDOM_BYTES))
    }

    /// A secret that was kept sealed; `None` when it cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::fingerprint_of_presented(text).map(|_| Self(SecretText::new(text.to_owned())))
    }

    /// The hash of a secret from a path, or `None` when it cannot be one of ours.
    #[must_use]
    pub fn fingerprint_of_presented(text: &str) -> Option<Fingerprint> {
        let fits = text.len() == Self::TEXT_BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
        fits.then(|| Fingerprint::of(text))
    }

    /// The text for the URL, shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the store keeps.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }
}
