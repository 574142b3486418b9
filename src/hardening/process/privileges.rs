//! No way back to privileges: set-user-ID programs and file capabilities have
//! no effect (`PR_SET_NO_NEW_PRIVS`, prctl(2)).

use super::Finding;
use rustix::thread::set_no_new_privs;

/// Gives up every privilege that an exec could bring.
pub(super) fn forbid_new() -> Finding {
    match set_no_new_privs(true) {
        Ok(()) => Finding::achieved("privileges", "no_new_privs"),
        Err(error) => Finding::missing("privileges", error.to_string()),
    }
}
