//! What calls that have returned left on the stack.
//!
//! The cryptographic library decrypts the last, incomplete block of a TLS record
//! through a context on the stack and does not wipe it. Where a record ends just
//! behind a card's number, up to fifteen digits stay there until a later call
//! goes as deep.

use super::leave_out::{Part, is_in};
use std::hint::black_box;

/// More than a connection's work takes: decryption was seen 34 KB below a
/// thread's first frame.
const DEPTH: usize = 64 * 1024;

/// Overwrites the stack below its caller. To be called when a connection ends,
/// whatever way, from above all of its frames.
#[inline(never)]
#[allow(clippy::large_stack_arrays, reason = "its purpose")]
pub fn scrub() {
    if is_in(Part::Stack) {
        black_box(&mut [0_u8; DEPTH]);
    }
}

/// Does [`scrub`] when it is dropped, by a panic too.
pub struct ScrubOnDrop;

impl Drop for ScrubOnDrop {
    fn drop(&mut self) {
        scrub();
    }
}
