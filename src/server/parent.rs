//! For a process that was started by another one of the same program.

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::io::{Error, ErrorKind, Result};

/// Ends this process with SIGTERM, which drains, when its parent dies in any
/// way, `kill -9` included. Linux.
///
/// # Errors
/// When the parent, whose process id is given, is gone already.
pub fn end_with_parent(parent: u32) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // The parent may have died before the line above: then nobody will signal.
    let expected = i32::try_from(parent).ok().and_then(Pid::from_raw);
    if expected.is_some() && getppid() == expected {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::NotConnected, format!("process {parent} is not this one's parent")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_that_is_gone_is_noticed() {
        assert!(end_with_parent(0).is_err());
        assert!(end_with_parent(u32::MAX).is_err());
        // Signals of the test runner's own parent are left as they were.
        set_parent_process_death_signal(None).unwrap();
    }
}
