//! Taking one part of the memory hygiene out, to show what it is there for:
//! `vezne serve --danger-leave-out PART`, in builds with the emulator only. A
//! production build has neither the switch nor the question.

/// A part that can be left out (docs/residue.md).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "sandbox", derive(clap::ValueEnum))]
pub enum Part {
    /// The allocator wipes what is freed.
    Allocator,
    /// Answers to cards end their connection.
    ConnectionClose,
    /// Request heads are copied out of the read buffer, without what nobody reads.
    Heads,
    /// Heads that failed to parse leave the pool with their connection.
    PoolScrub,
    /// Vector registers are cleared.
    Registers,
    /// The stack is overwritten when a connection ends.
    Stack,
    /// An upstream connection whose answer may hold a card is not used again.
    UpstreamRetirement,
}

#[cfg(feature = "sandbox")]
mod switches {
    use super::Part;
    use std::sync::atomic::{AtomicU8, Ordering};

    static LEFT_OUT: AtomicU8 = AtomicU8::new(0);

    /// Takes a part out, for the rest of the process's life.
    pub fn leave_out(part: Part) {
        LEFT_OUT.fetch_or(1 << part as u8, Ordering::Relaxed);
    }

    /// Whether the part does its work.
    #[inline]
    pub fn is_in(part: Part) -> bool {
        LEFT_OUT.load(Ordering::Relaxed) & (1 << part as u8) == 0
    }
}

#[cfg(feature = "sandbox")]
pub use switches::{is_in, leave_out};

/// Always: nothing can be left out of a production build.
#[cfg(not(feature = "sandbox"))]
#[inline]
pub const fn is_in(_part: Part) -> bool {
    true
}
