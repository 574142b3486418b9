//! What protects secrets and the process.

pub mod headers;
pub mod limits;
pub mod master_key;
pub mod process;
pub mod secret;

pub use master_key::{MasterKey, MasterKeyError, SealContext, Sealed, Sealer};
pub use secret::{Fingerprint, SecretText, random_text};
