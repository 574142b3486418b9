//! What an intruder would try first, tried from inside: the proof that the
//! measures hold. `vezne hardening-self-test` makes each attempt in a process of its own.

use super::{Account, Plan, dumpable};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use rustix::process::{Pid, Resource, geteuid, getppid, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;
use std::fs::{self, File};
use std::io::{self, Error};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::ptr;

/// A page: what is mapped to be made executable.
const PAGE: usize = 4096;
/// Bytes that are read of another process's memory.
const PEEK: usize = 8;

/// What an attempt needs to know. Found out before the hardening.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// A listener on loopback whose port the configuration does not name.
    pub stranger: SocketAddr,
    /// An address of the parent's memory that can be read.
    parents_memory: usize,
    /// A file outside of the store's folder, in one that everybody may write to.
    outside: PathBuf,
}

impl Surroundings {
    /// Looks around.
    ///
    /// # Errors
    /// When the parent's memory cannot be seen.
    pub fn look(stranger: SocketAddr) -> io::Result<Self> {
        let parent = getppid().map_or(0, Pid::as_raw_pid);
        let maps = fs::read_to_string(format!("/proc/{parent}/maps"))?;
        let start = maps.split('-').next().and_then(|text| usize::from_str_radix(text, 16).ok());
        let outside = std::env::temp_dir().join(format!("vezne-self-test-{}", std::process::id()));
        Ok(Self { stranger, parents_memory: start.unwrap_or_default(), outside })
    }
}

/// One thing to try.
pub struct Attempt {
    /// Its name on the command line.
    pub name: &'static str,
    /// Tries. `Ok` means that it is allowed.
    pub run: fn(&Surroundings) -> io::Result<()>,
}

/// All of them.
pub const ATTEMPTS: [Attempt; 21] = [
    Attempt { name: "read-shadow", run: |_| File::open("/etc/shadow").map(drop) },
    Attempt { name: "read-passwd", run: |_| File::open("/etc/passwd").map(drop) },
    Attempt { name: "list-root", run: |_| fs::read_dir("/").map(drop) },
    Attempt { name: "write-outside", run: |around| write_outside(around) },
    Attempt { name: "exec", run: |_| Err(Command::new("/bin/true").exec()) },
    Attempt { name: "fork", run: |_| fork() },
    Attempt { name: "spawn", run: |_| Command::new("/bin/true").status().map(drop) },
    Attempt { name: "connect", run: |around| TcpStream::connect(around.stranger).map(drop) },
    Attempt { name: "bind", run: |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop) },
    Attempt { name: "raw-socket", run: |_| call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_RAW.into(), 1]) },
    Attempt { name: "ptrace-parent", run: |_| call(libc::SYS_ptrace, [libc::PTRACE_SEIZE.into(), parent(), 0]) },
    Attempt { name: "read-parents-memory", run: read_parents_memory },
    Attempt { name: "signal-parent", run: |_| call(libc::SYS_kill, [parent(), 0, 0]) },
    Attempt { name: "memfd", run: |_| memfd() },
    Attempt { name: "map-executable", run: |_| map(ProtFlags::READ | ProtFlags::EXEC).map(drop) },
    Attempt { name: "make-executable", run: |_| make_executable() },
    Attempt {
        name: "io-uring",
        run: |_| Err(from_missing_argument(libc::SYS_io_uring_setup)).or_else(is_a_bad_address),
    },
    Attempt { name: "bpf", run: |_| Err(from_missing_argument(libc::SYS_bpf)).or_else(is_a_bad_address) },
    Attempt { name: "new-namespace", run: |_| call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0]) },
    Attempt { name: "become-root", run: |_| become_root() },
    Attempt { name: "core-file", run: |_| dump_core() },
];

/// The attempt of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attempt> {
    ATTEMPTS.iter().find(|attempt| attempt.name == name)
}

/// Becomes a user that is not root, without any other measure: who looks at the
/// process from outside. With `dumpable` the process is as open as after an exec.
///
/// # Errors
/// When there is no such user, or the system refuses.
pub fn become_neighbour(plan: &Plan, dumpable: bool) -> io::Result<()> {
    if geteuid().is_root() {
        // nobody's number on every distribution, where no user is configured.
        let account = Account::find(plan.user.as_deref().unwrap_or("65534"));
        account.and_then(|account| account.assume(CapabilitySet::empty())).map_err(Error::other)?;
    }
    if dumpable { dumpable::allow() } else { Ok(()) }
}

/// Opens another process's memory, or what it maps.
///
/// # Errors
/// When that is refused.
pub fn peek(pid: u32) -> io::Result<()> {
    File::open(format!("/proc/{pid}/mem")).or_else(|_| File::open(format!("/proc/{pid}/maps"))).map(drop)
}

fn write_outside(around: &Surroundings) -> io::Result<()> {
    fs::write(&around.outside, "x")?;
    fs::remove_file(&around.outside)
}

fn parent() -> i64 {
    getppid().map_or(0, Pid::as_raw_pid).into()
}

fn become_root() -> io::Result<()> {
    rustix::thread::set_thread_res_uid(rustix::process::Uid::ROOT, None, None)?;
    Ok(())
}

/// Ends by SIGABRT. Whether that leaves a core is for the parent to see.
fn dump_core() -> io::Result<()> {
    let hard = getrlimit(Resource::Core).maximum;
    // Fails behind the filter, where the limit is what it is.
    let _ = setrlimit(Resource::Core, rustix::process::Rlimit { current: hard, maximum: hard });
    std::process::abort()
}

/// A system call with three numbers.
#[allow(unsafe_code, reason = "raw system calls are what is tried")]
fn call(number: libc::c_long, [first, second, third]: [i64; 3]) -> io::Result<()> {
    // SAFETY: none of the calls that are made here takes a pointer, or is given
    // another one than null: no memory of this process is read or written.
    let result = unsafe { libc::syscall(number, first, second, third, 0_i64, 0_i64) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// Calls with a null pointer: whoever may call is told that the address is bad.
fn from_missing_argument(number: libc::c_long) -> Error {
    call(number, [1, 0, 8]).err().unwrap_or_else(|| Error::from_raw_os_error(libc::EFAULT))
}

fn is_a_bad_address(error: Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::EFAULT) { Ok(()) } else { Err(error) }
}

#[allow(unsafe_code, reason = "a file in memory is what is tried")]
fn memfd() -> io::Result<()> {
    // SAFETY: the name is static text with its end; the new descriptor is left to the process's end.
    let file = unsafe { libc::memfd_create(c"x".as_ptr(), 0) };
    if file < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

#[allow(unsafe_code, reason = "fork has no safe wrapper")]
fn fork() -> io::Result<()> {
    // SAFETY: this process has one thread; the child does nothing but exit.
    match unsafe { libc::fork() } {
        // SAFETY: ends the child at once, without anything that runs at exit.
        0 => unsafe { libc::_exit(0) },
        child if child > 0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

#[allow(unsafe_code, reason = "another process's memory is what is tried")]
fn read_parents_memory(around: &Surroundings) -> io::Result<()> {
    let mut bytes = [0_u8; PEEK];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: PEEK };
    let remote = libc::iovec { iov_base: ptr::without_provenance_mut(around.parents_memory), iov_len: PEEK };
    let parent = getppid().map_or(0, Pid::as_raw_pid);
    // SAFETY: `local` describes `bytes`, which lives until the call returns; the
    // remote address is another process's and is not touched here.
    let read = unsafe { libc::process_vm_readv(parent, &raw const local, 1, &raw const remote, 1, 0) };
    if read < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

#[allow(unsafe_code, reason = "an executable mapping is what is tried")]
fn map(protection: ProtFlags) -> io::Result<*mut libc::c_void> {
    // SAFETY: a new private mapping at an address of the kernel's choice; nothing runs in it.
    Ok(unsafe { mmap_anonymous(ptr::null_mut(), PAGE, protection, MapFlags::PRIVATE) }?)
}

#[allow(unsafe_code, reason = "executable memory is what is tried")]
fn make_executable() -> io::Result<()> {
    let page = map(ProtFlags::READ | ProtFlags::WRITE)?;
    // SAFETY: the page was mapped above, is this function's own, and nothing refers to it.
    Ok(unsafe { mprotect(page, PAGE, MprotectFlags::READ | MprotectFlags::EXEC) }?)
}
