//! Logs: structured, of allow-listed fields, without card data. Metrics, whose
//! labels are fixed text.
//!
//! ```text
//! event ──▶ level ──▶ allow-list of field names ──▶ scrubber ──▶ one line on standard output
//! ```
//!
//! What keeps card data out is that nothing here is ever given any (PCI DSS
//! 3.3.1, 10.3); the scrubber is the last net below that rope.

mod fields;
mod line;
mod logs;
pub mod metrics;
mod scrub;

pub use fields::{ALLOWED, dropped};
pub use logs::{init, layer};
pub use metrics::Metrics;
pub use scrub::{mask, scrub, scrubbed};
