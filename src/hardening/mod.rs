//! What protects secrets and the process.

pub mod allocator;
pub mod headers;
pub mod leave_out;
pub mod limits;
pub mod master_key;
pub mod registers;
pub mod request_head;
pub mod secret;

pub use allocator::WipingAllocator;
pub use master_key::{MasterKey, MasterKeyError, SealContext, Sealed, Sealer};
pub use secret::{Fingerprint, SecretText, random_text};
