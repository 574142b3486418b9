//! Files and network, as far as the kernel's landlock goes (landlock(7)).
//!
//! | ABI | kernel | adds |
//! | --- | --- | --- |
//! | 1 | 5.13 | files: reading, writing, making, removing, executing |
//! | 2 | 5.19 | moving between folders |
//! | 3 | 6.2 | truncating |
//! | 4 | 6.7 | TCP ports |
//! | 5 | 6.10 | controlling devices |
//! | 6 | 6.12 | abstract UNIX sockets, signals |
//! | 7 | 6.15 | refusals in the audit log |

use super::{Finding, Plan};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::path::Path;

const MEASURE: &str = "landlock";
/// The newest that was tried. What a kernel lacks of it is left out.
const NEWEST: ABI = ABI::V7;
/// The first that has every kind of restriction that is asked for.
const COMPLETE: ABI = ABI::V6;

/// Leaves the files and ports of the plan, and nothing that can be executed.
pub(super) fn restrict(plan: &Plan) -> Finding {
    match try_restrict(plan) {
        Ok(status) => judge(&status.landlock, &plan.ports),
        Err(error) => Finding::missing(MEASURE, format!("{error}; start with `landlock` in the kernel's lsm= list")),
    }
}

fn try_restrict(plan: &Plan) -> Result<RestrictionStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    // What SQLite does in its folder: no subfolders, links, sockets or devices.
    let database = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::Truncate;
    let mut ruleset = match &plan.written {
        Some(folder) => allow(ruleset, folder, database)?,
        None => ruleset,
    };
    for path in plan.read_folders.iter().chain(&plan.read_files) {
        ruleset = allow(ruleset, path, AccessFs::ReadFile.into())?;
    }
    for &port in &plan.ports {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    ruleset.restrict_self()
}

/// A path that is not there needs no rule: whoever reads it finds out.
fn allow(ruleset: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(opened) => ruleset.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(ruleset),
    }
}

fn judge(status: &LandlockStatus, ports: &[u16]) -> Finding {
    let LandlockStatus::Available { effective_abi: abi, kernel_abi } = *status else {
        let why = "this kernel has no landlock, or not in its lsm= list; 5.13 is the first that has it";
        return Finding::missing(MEASURE, why);
    };
    let number = kernel_abi.unwrap_or(abi as i32);
    let listed = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let network = if abi >= ABI::V4 {
        format!("TCP connect to {listed}")
    } else {
        "no rules for TCP before kernel 6.7".to_owned()
    };
    let rest = if abi >= COMPLETE {
        "no devices, signals or abstract sockets of others"
    } else {
        "no rules for signals and abstract sockets before kernel 6.12"
    };
    let detail = format!("ABI {number}: files, {network}, {rest}");
    if abi >= COMPLETE { Finding::achieved(MEASURE, detail) } else { Finding::partial(MEASURE, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardening::process::Outcome;

    #[test]
    fn each_kernel_is_judged_by_what_it_has() {
        let judged =
            |abi: ABI| judge(&LandlockStatus::Available { effective_abi: abi, kernel_abi: None }, &[443, 8444]);
        for abi in [ABI::V1, ABI::V2, ABI::V3] {
            let finding = judged(abi);
            assert_eq!(finding.outcome, Outcome::Partial);
            assert!(finding.detail.contains("no rules for TCP"), "{finding}");
        }
        for abi in [ABI::V4, ABI::V5] {
            let finding = judged(abi);
            assert_eq!(finding.outcome, Outcome::Partial);
            assert!(finding.detail.contains("TCP connect to 443, 8444, no rules for signals"), "{finding}");
        }
        for abi in [ABI::V6, ABI::V7] {
            assert_eq!(judged(abi).outcome, Outcome::Achieved);
        }
        for status in [LandlockStatus::NotEnabled, LandlockStatus::NotImplemented] {
            assert_eq!(judge(&status, &[443]).outcome, Outcome::Missing);
        }
        let newer = LandlockStatus::Available { effective_abi: ABI::V9, kernel_abi: Some(12) };
        assert!(judge(&newer, &[443]).detail.starts_with("ABI 12: "));
    }
}
