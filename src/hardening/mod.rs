//! What protects secrets and the process.

pub mod environment;
pub mod headers;
pub mod key_file;
mod keyring;
pub mod limits;
mod master_key;
mod seal;
pub mod secret;

pub use keyring::{KeyringError, Mac, MasterKeys};
pub use master_key::{MasterKey, MasterKeyError, MasterKeyId};
pub use seal::{SealContext, Sealed, Sealer};
pub use secret::{Fingerprint, SecretText, random_text};
