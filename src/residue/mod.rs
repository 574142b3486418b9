//! Looking for card data where none may be left: in the memory and the
//! registers of a living process, in its logs and in its store.
//!
//! ```text
//! Needles ──▶ search (one stretch of bytes, every encoding) ──▶ Report
//!               ▲ process: mappings, registers of every thread
//!               ▲ files: a file, a folder
//! ```
//!
//! The numbers that are looked for are in the scanning process only, so it must
//! never scan itself. A report names a card by its label and shows no digit.
//! docs/residue.md tells what the search covers and how to run it.

mod base64;
mod cards;
mod chunks;
mod context;
mod encoding;
mod files;
mod index;
mod maps;
mod needles;
mod planter;
mod plants;
mod process;
mod registers;
mod report;
mod search;
mod self_test;
#[cfg(test)]
mod tests;
mod text;

pub use cards::RandomCards;
pub use encoding::Encoding;
pub use files::{scan_bytes, scan_file, scan_folder};
pub use needles::{Needles, Secret, Unusable};
pub use planter::plant;
pub use process::scan_process;
pub use report::{Finding, Place, Registers, Report, Skipped};
pub use self_test::{PLANT_COMMAND, SelfTestError, SelfTested, self_test, self_test_shapes, self_test_with_spoiled};
