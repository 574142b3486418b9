//! Credentials as they rest: JSON, sealed by the caller.

use super::{Credentials, CredentialsError};
use crate::hardening::SecretText;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why stored credentials do not read back.
#[derive(Debug, Error)]
pub enum StoredCredentialsError {
    /// Not the JSON that was written.
    #[error("stored credentials are not readable")]
    Shape,
    /// A field that is refused now.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    public_key: String,
    secret_key: Zeroizing<String>,
    merchant_number: String,
}

/// The credentials as JSON, to be sealed.
///
/// # Errors
/// [`CredentialsError`] when a field cannot be used.
pub fn write_credentials(
    public_key: &str,
    secret_key: &SecretText,
    merchant_number: &str,
) -> Result<SecretText, StoredCredentialsError> {
    Credentials::parse(public_key, secret_key.expose(), merchant_number)?;
    let record = Record {
        public_key: public_key.to_owned(),
        secret_key: Zeroizing::new(secret_key.expose().to_owned()),
        merchant_number: merchant_number.to_owned(),
    };
    serde_json::to_string(&record).map(SecretText::new).map_err(|_| StoredCredentialsError::Shape)
}

/// Credentials back from the text that [`write_credentials`] made.
///
/// # Errors
/// [`StoredCredentialsError`].
pub fn read_credentials(text: &SecretText) -> Result<Credentials, StoredCredentialsError> {
    let record: Record = serde_json::from_str(text.expose()).map_err(|_| StoredCredentialsError::Shape)?;
    Ok(Credentials::parse(&record.public_key, &record.secret_key, &record.merchant_number)?)
}
