//! A look at a thread's registers by ptrace(2): stop, copy, let go.
//!
//! The thread is seized, not attached, so it gets no signal and a job-control
//! stop stays what it was. If this process ends in between, the kernel lets go.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Register set numbers of elf.h.
const NT_PRSTATUS: libc::c_int = 1;
const NT_X86_XSTATE: libc::c_int = 0x202;
/// More than any processor saves today: AVX-512 and AMX take 11 KiB.
const MOST_STATE: usize = 64 * 1024;
/// A thread in an uninterruptible sleep does not stop until that ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// A thread that stands still until this is dropped. It belongs to the thread
/// that stopped it: ptrace answers no other.
pub struct Tracee {
    thread: libc::pid_t,
    /// A signal that was on its way when the thread stopped, and goes on with it.
    signal: libc::c_int,
    _of_this_thread: std::marker::PhantomData<*const ()>,
}

/// What became of stopping a thread.
pub enum Stopped {
    /// It stands.
    Thread(Tracee),
    /// It ended before it could be stopped.
    Ended,
}

impl Tracee {
    /// Stops a thread.
    ///
    /// # Errors
    /// Not permitted, traced by another already, or it does not stop in five seconds.
    pub fn stop(thread: i32) -> io::Result<Stopped> {
        match request(libc::PTRACE_SEIZE, thread, 0, 0) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(Stopped::Ended),
            other => other?,
        }
        // From here on a drop lets go, also when what follows fails.
        let mut tracee = Self { thread, signal: 0, _of_this_thread: std::marker::PhantomData };
        match request(libc::PTRACE_INTERRUPT, thread, 0, 0) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(Stopped::Ended),
            other => other?,
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match wait(thread)? {
                Some(status) if libc::WIFSTOPPED(status) => {
                    // With an event in the third byte it is our stop; without, a signal is being delivered.
                    tracee.signal = if status >> 16 == 0 { libc::WSTOPSIG(status) } else { 0 };
                    return Ok(Stopped::Thread(tracee));
                }
                Some(_) => return Ok(Stopped::Ended),
                None if Instant::now() > deadline => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, format!("thread {thread} did not stop")));
                }
                None => sleep(Duration::from_micros(200)),
            }
        }
    }

    /// The general registers.
    ///
    /// # Errors
    /// The thread was killed meanwhile.
    pub fn general_registers(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        self.register_set(NT_PRSTATUS)
    }

    /// Floating point, MMX and vector registers, as `xsave` lays them out in its
    /// standard format (Intel SDM volume 1, section 13.4).
    ///
    /// # Errors
    /// The thread was killed meanwhile, or the machine has no such set.
    pub fn extended_state(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        self.register_set(NT_X86_XSTATE)
    }

    #[allow(unsafe_code, reason = "ptrace has no safe form")]
    fn register_set(&self, set: libc::c_int) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut state = Zeroizing::new(vec![0_u8; MOST_STATE]);
        let mut filled = libc::iovec { iov_base: state.as_mut_ptr().cast(), iov_len: state.len() };
        // SAFETY: the kernel writes at most iov_len bytes to iov_base, which is
        // that many bytes of a vector that outlives the call and is not looked
        // at during it, and sets iov_len to what it wrote.
        let done = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, self.thread, set, &raw mut filled) };
        if done == -1 {
            return Err(io::Error::last_os_error());
        }
        state.truncate(filled.iov_len);
        Ok(state)
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // A thread that is gone needs no letting go.
        let _ = request(libc::PTRACE_DETACH, self.thread, 0, self.signal);
    }
}

/// A request that takes and gives numbers only.
#[allow(unsafe_code, reason = "ptrace has no safe form")]
fn request(request: libc::c_uint, thread: libc::pid_t, address: usize, data: libc::c_int) -> io::Result<()> {
    // SAFETY: SEIZE, INTERRUPT and DETACH read and write no memory of this
    // process: address and data are options or a signal's number.
    match unsafe { libc::ptrace(request, thread, address, libc::c_long::from(data)) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The thread's change of state, if there is one by now.
#[allow(unsafe_code, reason = "waiting for a thread that is no child takes __WALL, which no safe form has")]
fn wait(thread: libc::pid_t) -> io::Result<Option<libc::c_int>> {
    let mut status = 0;
    // SAFETY: writes one int, to a place that is ours for the whole call.
    match unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL | libc::WNOHANG) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ => Ok(Some(status)),
    }
}

/// Where the parts of vector registers lie in the extended state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VectorLayout {
    /// Bits 128 to 255 of registers 0 to 15 (AVX).
    pub high_ymm: Option<usize>,
    /// Bits 256 to 511 of registers 0 to 15 (AVX-512).
    pub high_zmm: Option<usize>,
    /// Registers 16 to 31 in full (AVX-512).
    pub upper_zmm: Option<usize>,
}

impl VectorLayout {
    /// The layout of the processor that this runs on.
    ///
    /// # Errors
    /// Another architecture than `x86_64`.
    pub fn of_this_machine() -> io::Result<Self> {
        #[cfg(target_arch = "x86_64")]
        return Ok(Self { high_ymm: offset(2), high_zmm: offset(6), upper_zmm: offset(7) });
        #[cfg(not(target_arch = "x86_64"))]
        Err(io::Error::new(io::ErrorKind::Unsupported, "only those of x86_64 are known"))
    }

    /// How many vector registers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        if self.upper_zmm.is_some() { 32 } else { 16 }
    }

    /// The widest of them, in bytes.
    #[must_use]
    pub fn widest(&self) -> usize {
        match (self.high_zmm, self.high_ymm) {
            (Some(_), _) => 64,
            (None, Some(_)) => 32,
            (None, None) => 16,
        }
    }
}

/// Where a component of the extended state begins: leaf 0DH, EBX (Intel SDM volume 1, section 13.2).
#[cfg(target_arch = "x86_64")]
fn offset(component: u32) -> Option<usize> {
    use std::arch::x86_64::__cpuid_count;
    let highest = __cpuid_count(0, 0).eax;
    let offset = if highest < 0xd { 0 } else { __cpuid_count(0xd, component).ebx };
    usize::try_from(offset).ok().filter(|offset| *offset != 0)
}
