//! Secret text: wiped on drop, never printed, compared in constant time.

use aws_lc_rs::{digest, rand};
use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Lower-case base32hex (RFC 4648 section 7) without padding: one case, no
/// punctuation, keeps the order of the bytes, and almost never a long run of
/// digits that a log scrubber could take for a card number.
pub(crate) static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghijklmnopqrstuv");
    specification.encoding().unwrap_or(data_encoding::BASE32HEX_NOPAD)
});

/// Text that must not be printed: no `Debug`, `Display`, `Clone` or
/// serialization. Wiped on drop.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a secret over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that must use or show it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the text, to look a secret up without keeping it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose())
    }
}

/// SHA-256 of a random secret: enough to recognise it, useless to present it.
/// Only for secrets of 128 random bits and more, which no dictionary holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a presented secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The 32 bytes, as the store keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `prefix` followed by `bytes` random bytes in base32.
///
/// # Panics
/// When the operating system gives no randomness; there is no safe way on.
#[must_use]
pub fn random_text(prefix: &str, bytes: usize) -> SecretText {
    let mut random = Zeroizing::new(vec![0; bytes]);
    fill_random(&mut random);
    SecretText::new(format!("{prefix}{}", BASE32.encode(&random)))
}

/// Fills a buffer from the system's random generator.
///
/// # Panics
/// As [`random_text`].
#[allow(clippy::expect_used)]
pub fn fill_random(buffer: &mut [u8]) {
    rand::fill(buffer).expect("the operating system's random generator answers");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_carry_their_prefix() {
        let (one, two) = (random_text("vz_test_", 32), random_text("vz_test_", 32));
        assert_ne!(one.expose(), two.expose());
        assert!(one.expose().starts_with("vz_test_"));
        assert_eq!(one.expose().len(), 8 + 52);
    }

    #[test]
    fn a_fingerprint_is_sha_256() {
        let hex = data_encoding::HEXLOWER.encode(Fingerprint::of("abc").as_bytes());
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
