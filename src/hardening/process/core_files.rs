//! No core files: one would hold whatever card was on its way.

use super::Finding;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Sets the limit of core files to nothing, soft and hard. A `core_pattern` that
/// is a pipe ignores the limit; [`super::dumpable`] stops that one.
pub(super) fn forbid() -> Finding {
    match setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        Ok(()) => Finding::achieved("core_files", "limited to 0 bytes"),
        Err(error) => Finding::missing("core_files", format!("{error}; set LimitCORE=0 for the unit")),
    }
}
