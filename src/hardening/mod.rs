//! What protects secrets and the process.

pub mod allocator;
pub mod environment;
pub mod headers;
pub mod key_file;
mod keyring;
pub mod leave_out;
pub mod limits;
mod master_key;
pub mod parked;
pub mod process;
pub mod registers;
pub mod request_head;
mod seal;
pub mod secret;
pub mod stack;
pub mod tracee;

pub use allocator::WipingAllocator;
pub use keyring::{KeyringError, Mac, MasterKeys};
pub use master_key::{MasterKey, MasterKeyError, MasterKeyId};
pub use seal::{SealContext, Sealed, Sealer};
pub use secret::{Fingerprint, SecretText, random_text};
