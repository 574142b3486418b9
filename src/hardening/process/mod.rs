//! What the process may still do once it serves: as little as that takes.
//!
//! ```text
//! addresses bound ─▶ user ─▶ core files, dumps ─▶ privileges ─▶ memory ─▶ files, network ─▶ system calls
//!                    (not root any more)                        (locked)   (landlock)        (seccomp)
//! ```
//!
//! [`harden`] is called once, before any thread exists: threads inherit all of
//! it when they start later. What a kernel lacks is told, not hidden; whether it
//! matters is the caller's decision (`hardening = "prefer"` or `"require"`).

pub mod attempts;
mod core_files;
mod dumpable;
mod landlock;
mod memory_lock;
mod plan;
mod privileges;
mod report;
mod seccomp;
mod syscalls;
mod user;

pub use plan::Plan;
pub use report::{Finding, Outcome, Report};
pub use user::{Account, UserError};

use thiserror::Error;

/// Why the process must not go on, whatever the configuration prefers.
#[derive(Debug, Error)]
pub enum HardeningError {
    /// A thread that exists already would escape.
    #[error("hardening: {0} threads exist already")]
    Threads(usize),
    /// `server.user` is set and cannot be become.
    #[error("server.user: {0}")]
    User(#[from] UserError),
}

/// Takes from this process whatever it does not need to serve, for ever.
///
/// # Errors
/// [`HardeningError`]; the process may be half hardened then and should end. A
/// measure that fails is no error but a [`Finding`].
pub fn harden(plan: &Plan) -> Result<Report, HardeningError> {
    // Without /proc there is no telling; where it is, a defect of ours shows.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        return Err(HardeningError::Threads(threads));
    }
    // Needs root's privileges, which go next.
    let memory = memory_lock::Allowance::raise();
    let user = user::leave_root(plan.user.as_deref(), memory)?;
    Ok(Report(vec![
        user,
        core_files::forbid(),
        // After the user: a change of user sets it anew.
        dumpable::forbid(),
        privileges::forbid_new(),
        memory_lock::lock(memory),
        landlock::restrict(plan),
        // Last: it forbids what the others are made with.
        seccomp::restrict(plan),
    ]))
}
