//! The process itself: what ends it.

use rustix::process::{Signal, set_parent_process_death_signal};
use std::io;

/// Ends this process with SIGTERM when its parent ends, however that ends, so
/// that a demo that is killed leaves no servers behind.
///
/// # Errors
/// The system's refusal.
pub fn end_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::TERM))?)
}
