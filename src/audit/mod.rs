//! The audit trail: who did what, on which id, when, with which outcome (PCI DSS
//! 10.2), in chains in which every entry holds the hash of the one before. Pure:
//! what entries and chains are, and how one tells that they were changed. The
//! format is in `docs/audit.md`.

mod chain;
mod entry;
mod exported;
mod verify;

pub use chain::{ChainId, ChainRecord, Hash, Head, anchors_digest};
pub use entry::{Action, Actor, Entry, Note, Outcome};
pub use exported::exported_heads;
pub use verify::{Anchors, ChainCheck, Finding};
