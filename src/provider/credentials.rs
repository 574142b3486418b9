//! A merchant's keys at the provider, checked when they are stored, not when a
//! customer pays.

use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

/// Longest value of each field, in bytes.
const MAX_LENGTH: usize = 256;

/// Which field is wrong and how; the value itself is not repeated.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CredentialsError {
    /// A field is empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A field is longer than 256 bytes.
    #[error("{0} is longer than 256 bytes")]
    TooLong(&'static str),
    /// A field holds a line break or another control character.
    #[error("{0} holds a control character")]
    ControlCharacter(&'static str),
    /// The secret key is not standard base64 with padding (RFC 4648 section 4).
    #[error("secretKey is not base64")]
    SecretKey,
}

/// What a call to the provider is signed with (docs/protocols/card-token.md).
pub struct Credentials {
    /// Sent as given.
    pub public_key: String,
    /// Signs; never sent.
    pub secret_key: SecretKey,
    /// The merchant's number at the provider.
    pub merchant_number: String,
}

impl Credentials {
    /// Checks the three values that a provider hands a merchant.
    ///
    /// # Errors
    /// [`CredentialsError`], which names the field.
    pub fn parse(public_key: &str, secret_key: &str, merchant_number: &str) -> Result<Self, CredentialsError> {
        Ok(Self {
            public_key: field("publicKey", public_key)?.to_owned(),
            secret_key: SecretKey::parse(secret_key)?,
            merchant_number: field("merchantNumber", merchant_number)?.to_owned(),
        })
    }
}

/// The signing key in the two forms that the signature needs. No `Debug`;
/// wiped on drop.
pub struct SecretKey {
    text: Zeroizing<String>,
    bytes: Zeroizing<Vec<u8>>,
}

impl SecretKey {
    fn parse(text: &str) -> Result<Self, CredentialsError> {
        let text = field("secretKey", text)?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| CredentialsError::SecretKey)?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), bytes: Zeroizing::new(bytes) })
    }

    /// The base64 text, for the signed message and for sealing at rest.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// The decoded key.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn field<'a>(name: &'static str, value: &'a str) -> Result<&'a str, CredentialsError> {
    match value {
        "" => Err(CredentialsError::Empty(name)),
        long if long.len() > MAX_LENGTH => Err(CredentialsError::TooLong(name)),
        odd if odd.contains(char::is_control) => Err(CredentialsError::ControlCharacter(name)),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(public: &str, secret: &str, number: &str) -> Option<CredentialsError> {
        Credentials::parse(public, secret, number).err()
    }

    #[test]
    fn a_good_set_keeps_text_and_bytes() {
        let credentials = Credentials::parse("cHVibGlj", "c2VjcmV0IQ==", "7001").unwrap();
        assert_eq!(credentials.secret_key.expose_text(), "c2VjcmV0IQ==");
        assert_eq!(credentials.secret_key.expose_bytes(), b"secret!");
    }

    #[test]
    fn the_secret_key_must_be_padded_standard_base64() {
        for secret in ["c2VjcmV0IQ", "c2VjcmV0IQ=", "_-8=", "c2Vj cmV0", "not base64!"] {
            assert_eq!(refusal("p", secret, "1"), Some(CredentialsError::SecretKey), "{secret}");
        }
    }

    #[test]
    fn every_field_is_bounded() {
        let long = "A".repeat(260);
        assert_eq!(refusal("", "QUJD", "1"), Some(CredentialsError::Empty("publicKey")));
        assert_eq!(refusal("p", "", "1"), Some(CredentialsError::Empty("secretKey")));
        assert_eq!(refusal("p", "QUJD", ""), Some(CredentialsError::Empty("merchantNumber")));
        assert_eq!(refusal("p", &long, "1"), Some(CredentialsError::TooLong("secretKey")));
        assert_eq!(refusal("p\r\n", "QUJD", "1"), Some(CredentialsError::ControlCharacter("publicKey")));
        assert_eq!(refusal("p", "QUJD", "1\u{85}"), Some(CredentialsError::ControlCharacter("merchantNumber")));
    }
}
