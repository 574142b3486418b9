//! System calls: an allow-list for every thread (seccomp(2)).
//!
//! What is not on the list fails with `EPERM`, which a library survives, and
//! leaves a line in the kernel's audit log: type 1326 with the call's number. What can
//! only be an attack ends the process. `clone3` does not exist any more
//! (`ENOSYS`), so the C library uses `clone`, whose flags a filter can see.

use super::syscalls::{ALLOWED, KILLED, KILLED_OLD};
use super::{Finding, Plan};
use libc::{c_int, c_long, c_ulong, sock_filter, sock_fprog};
use rustix::process::getpid;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::io;

const MEASURE: &str = "seccomp";
/// The low bits of a socket's type; above them are flags (socket(2)).
const SOCKET_TYPE: u64 = 0xf;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Installs the filters on this thread and those that it will start.
pub(super) fn restrict(plan: &Plan) -> Finding {
    let filters = match filters(plan.unix_socket) {
        Ok(filters) => filters,
        Err(error) => return Finding::missing(MEASURE, format!("no list for {}: {error}", std::env::consts::ARCH)),
    };
    for (program, flags) in &filters {
        if let Err(error) = install(program, *flags) {
            return Finding::missing(
                MEASURE,
                format!("{error}; run a kernel with seccomp filters, in a container too"),
            );
        }
    }
    let allowed = ALLOWED.iter().map(|calls| calls.len()).sum::<usize>();
    Finding::achieved(MEASURE, format!("{allowed} system calls, others are refused or end the process"))
}

/// Each with its flags. The strictest answer of all of them counts.
fn filters(unix_socket: bool) -> Result<[(BpfProgram, c_ulong); 3], BackendError> {
    let refusal = |errno: c_int| SeccompAction::Errno(errno.unsigned_abs());
    let no_clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    Ok([
        (compile(no_clone3, SeccompAction::Allow, refusal(libc::ENOSYS))?, 0),
        (compile(killed()?, SeccompAction::Allow, SeccompAction::KillProcess)?, 0),
        // The kernel logs what this one refuses: a call that is missing is found there.
        (compile(allowed(unix_socket)?, refusal(libc::EPERM), SeccompAction::Allow)?, libc::SECCOMP_FILTER_FLAG_LOG),
    ])
}

fn compile(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<BpfProgram, BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, matching, architecture)?.try_into()
}

fn allowed(unix_socket: bool) -> Result<Rules, BackendError> {
    let plain = ALLOWED.iter().copied().flatten().map(|&call| (call, Vec::new()));
    let unsigned = |value: c_int| u64::from(value.unsigned_abs());
    let kind = |family: c_int, kind: c_int| all([is(0, unsigned(family)), masked(1, SOCKET_TYPE, unsigned(kind))]);
    let requests = [libc::FIONBIO, libc::FIOCLEX, libc::FIONREAD, libc::TCGETS];
    let itself = u64::from(getpid().as_raw_nonzero().get().unsigned_abs());
    let mut sockets = vec![
        kind(libc::AF_INET, libc::SOCK_STREAM)?,
        kind(libc::AF_INET, libc::SOCK_DGRAM)?,
        kind(libc::AF_INET6, libc::SOCK_STREAM)?,
        kind(libc::AF_INET6, libc::SOCK_DGRAM)?,
    ];
    if unix_socket {
        sockets.push(kind(libc::AF_UNIX, libc::SOCK_STREAM)?);
    }
    let conditional = [
        (libc::SYS_socket, sockets),
        // How tokio hears of signals.
        (libc::SYS_socketpair, vec![all([is(0, unsigned(libc::AF_UNIX))])?]),
        (libc::SYS_ioctl, requests.into_iter().map(|request| all([is(1, request)])).collect::<Result<_, _>>()?),
        (
            libc::SYS_prctl,
            vec![
                all([is(0, unsigned(libc::PR_SET_NAME))])?,
                // The allocator names its memory.
                all([is(0, unsigned(libc::PR_SET_VMA))])?,
                all([is(0, unsigned(libc::PR_SET_PDEATHSIG))])?,
            ],
        ),
        // Its own limits: that of open files is raised at the start.
        (libc::SYS_prlimit64, vec![all([is(0, 0)])?]),
        (libc::SYS_tgkill, vec![all([is(0, itself)])?]),
    ];
    Ok(plain.chain(conditional).collect())
}

fn killed() -> Result<Rules, BackendError> {
    let plain = KILLED.iter().chain(KILLED_OLD).map(|&call| (call, Vec::new()));
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let conditional = [
        (libc::SYS_mmap, vec![all([masked(2, executable, executable)])?]),
        (libc::SYS_mprotect, vec![all([masked(2, executable, executable)])?]),
        (libc::SYS_pkey_mprotect, vec![all([masked(2, executable, executable)])?]),
        // A process of its own: fork, vfork, posix_spawn.
        (libc::SYS_clone, vec![all([masked(0, thread, 0)])?]),
    ];
    Ok(plain.chain(conditional).collect())
}

type Condition = Result<SeccompCondition, BackendError>;

/// The argument's low half, which is all that the kernel looks at, is this.
fn is(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// The argument's bits of the mask are these.
fn masked(argument: u8, mask: u64, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)
}

fn all<const N: usize>(conditions: [Condition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

/// `seccompiler::apply_filter` cannot ask for a log.
#[allow(unsafe_code, reason = "no safe wrapper installs a filter with flags")]
fn install(program: &[seccompiler::sock_filter], flags: c_ulong) -> io::Result<()> {
    let mut filter: Vec<sock_filter> =
        program.iter().map(|step| sock_filter { code: step.code, jt: step.jt, jf: step.jf, k: step.k }).collect();
    let length = u16::try_from(filter.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let program = sock_fprog { len: length, filter: filter.as_mut_ptr() };
    let flags = flags | libc::SECCOMP_FILTER_FLAG_TSYNC;
    // SAFETY: `program` and the filter that it points to live until the call
    // returns; the kernel copies both and keeps no pointer. `len` is the filter's length.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match result {
        0 => Ok(()),
        // The number of a thread that could not be brought along.
        1.. => Err(io::Error::other("a thread has other filters")),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_allowed_and_killed() {
        let (allowed, killed) = (allowed(true).unwrap(), killed().unwrap());
        for (call, rules) in &killed {
            // Under a condition, those two are right.
            assert!(!allowed.contains_key(call) || !rules.is_empty(), "{call}");
        }
        for call in [libc::SYS_listen, libc::SYS_setuid, libc::SYS_kill, libc::SYS_seccomp, libc::SYS_symlinkat] {
            assert!(!allowed.contains_key(&call), "{call}");
        }
    }

    #[test]
    fn the_filters_compile_for_both_architectures() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            for rules in [allowed(true).unwrap(), killed().unwrap()] {
                let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, architecture);
                let program: BpfProgram = filter.unwrap().try_into().unwrap();
                assert!(program.len() < 4096, "the kernel takes at most 4096 steps");
            }
        }
        assert!(filters(false).is_ok() && filters(true).is_ok());
    }
}
