//! No dumps, and no debugger of the same user: `/proc/PID/mem` and ptrace are
//! root's alone.

use super::Finding;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Makes the process undumpable (`PR_SET_DUMPABLE`, prctl(2)).
pub(super) fn forbid() -> Finding {
    match set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        Ok(()) => Finding::achieved("dumpable", "no core dump, no debugger but root's"),
        Err(error) => Finding::missing("dumpable", error.to_string()),
    }
}

/// Puts it back as it is after an exec: for the self-test's control run.
pub(super) fn allow() -> std::io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}
