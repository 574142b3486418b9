//! Memory that is never written to swap: a swap partition would keep a card
//! long after the process.
//!
//! Pages are locked as they come to be used (`MCL_ONFAULT`), so the process
//! stays as small as it was. From then on each new mapping counts against the
//! limit of locked memory: below the limit's end, an allocation fails. So memory
//! is locked without a limit or not at all.

use super::Finding;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

const MEASURE: &str = "memory_lock";
/// Stands for the lack of a limit on both sides.
const UNLIMITED: Rlimit = Rlimit { current: None, maximum: None };

/// By what the process may lock all of its memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Allowance {
    /// There is no limit (any more).
    Unlimited,
    /// There is one that could not be raised, and `CAP_IPC_LOCK`, which passes it.
    Capability,
    /// There is one, in bytes.
    Limit(u64),
}

impl Allowance {
    /// Takes the limit away where the process may: as root, mostly.
    pub(super) fn raise() -> Self {
        // Fails without CAP_SYS_RESOURCE, which containers rarely have.
        let raised = setrlimit(Resource::Memlock, UNLIMITED);
        match getrlimit(Resource::Memlock).current {
            None => Self::Unlimited,
            Some(_) if raised.is_err() && may_lock() => Self::Capability,
            Some(limit) => Self::Limit(limit),
        }
    }

    /// What has to be kept for the allowance to last.
    pub(super) fn capability(self) -> CapabilitySet {
        if self == Self::Capability { CapabilitySet::IPC_LOCK } else { CapabilitySet::empty() }
    }
}

fn may_lock() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}

/// Locks what is mapped and what will be.
pub(super) fn lock(allowance: Allowance) -> Finding {
    let by = match allowance {
        Allowance::Unlimited => "without a limit",
        Allowance::Capability => "by CAP_IPC_LOCK",
        Allowance::Limit(bytes) => {
            return Finding::missing(
                MEASURE,
                format!(
                    "at most {} KiB may be locked; set LimitMEMLOCK=infinity for the unit, --ulimit memlock=-1 for \
                     the container",
                    bytes / 1024
                ),
            );
        }
    };
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => Finding::achieved(MEASURE, format!("all memory, {by}")),
        Err(error) => Finding::missing(MEASURE, format!("{error}; give the machine no swap, or encrypt it")),
    }
}
