//! Secrets that come in environment variables. They are taken out of the
//! environment before anything else runs, and overwritten where the kernel put
//! them: `/proc/PID/environ` (proc(5)) shows that block for the life of the
//! process, to every process of the same user and to whoever collects it.

use std::ffi::{CStr, c_char};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// The variable that may hold the master key.
pub const MASTER_KEY: &str = "VEZNE_MASTER_KEY";
/// The variable that may hold the master key before or after it.
pub const PREVIOUS_MASTER_KEY: &str = "VEZNE_PREVIOUS_MASTER_KEY";
/// The variable that may hold the database role's password.
pub const STORE_PASSWORD: &str = "VEZNE_STORE_PASSWORD";
/// Every variable that holds a secret itself and not a setting.
pub const SECRETS: [&str; 3] = [MASTER_KEY, PREVIOUS_MASTER_KEY, STORE_PASSWORD];

/// A value on its way from the environment to the one who uses it.
type Taken = (&'static str, Zeroizing<Vec<u8>>);

static TAKEN: Mutex<Vec<Taken>> = Mutex::new(Vec::new());

/// Moves the values of [`SECRETS`] out of the environment. To be called first
/// of all in `main`, before there is a second thread.
///
/// # Errors
/// When a secret is set and this is not the only thread, or nothing tells
/// (`/proc` is not there): nothing is changed then.
#[allow(unsafe_code, reason = "the environment is foreign memory")]
pub fn take_secrets() -> io::Result<()> {
    if !is_only_thread() {
        let set = SECRETS.into_iter().find(|name| is_set(name));
        return set
            .map_or(Ok(()), |name| Err(io::Error::other(format!("{name} cannot be wiped: no /proc, or threads"))));
    }
    for name in SECRETS {
        // SAFETY: this is the only thread, as was seen just now, and it starts
        // no other before `take` returns.
        if let Some(value) = unsafe { take(name) }.filter(|value| !value.is_empty()) {
            taken().push((name, value));
        }
    }
    Ok(())
}

/// Whether a secret was in the environment and nobody has asked for it yet.
#[must_use]
pub fn holds(name: &str) -> bool {
    taken().iter().any(|(held, _)| *held == name)
}

/// Hands a secret over, once: its caller wipes the only copy.
#[must_use]
pub fn secret(name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut taken = taken();
    let place = taken.iter().position(|(held, _)| *held == name)?;
    Some(taken.swap_remove(place).1)
}

fn taken() -> MutexGuard<'static, Vec<Taken>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One entry a thread (proc(5)).
fn is_only_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

fn is_set(name: &str) -> bool {
    let value = std::env::var_os(name).map(|value| Zeroizing::new(value.into_vec()));
    value.is_some_and(|value| !value.is_empty())
}

#[allow(unsafe_code, reason = "the C library's list of variables (environ(7)) has no safe name")]
unsafe extern "C" {
    static environ: *const *mut c_char;
}

/// Copies a variable's value, overwrites it wherever the environment has it
/// (nothing forbids the same name twice), and removes the variable.
///
/// # Safety
/// No other thread may run: it could read or change the environment meanwhile.
#[allow(unsafe_code, reason = "the environment is foreign memory")]
unsafe fn take(name: &'static str) -> Option<Zeroizing<Vec<u8>>> {
    let mut found = None;
    // SAFETY: `environ` is null or points to pointers, the last of them null,
    // to C strings in writable memory: the block that execve(2) put on the
    // stack, or the heap. Nobody else touches them while this thread is alone.
    // The mutable slice lies inside its string, before the terminator, and the
    // shared borrow of the string is not used after it was made.
    unsafe {
        let mut place = environ;
        while !place.is_null() && !(*place).is_null() {
            let entry = *place;
            let text = CStr::from_ptr(entry).to_bytes();
            let value = text.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value {
                let (start, length) = (text.len() - value.len(), value.len());
                found.get_or_insert_with(|| Zeroizing::new(value.to_vec()));
                std::slice::from_raw_parts_mut(entry.cast::<u8>().add(start), length).zeroize();
            }
            place = place.add(1);
        }
        std::env::remove_var(name);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_left_alone() {
        // The test runner has its own thread, so this one is not alone.
        assert!(!is_only_thread());
        assert!(take_secrets().is_ok(), "no secret is set");
        assert!(!holds(MASTER_KEY) && secret(MASTER_KEY).is_none());
    }
}
