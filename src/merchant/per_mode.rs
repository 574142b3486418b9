//! Something that each mode has for itself.

use super::Mode;

/// At most one of something for each mode.
#[derive(Clone, Copy, Debug)]
pub struct PerMode<T> {
    /// Test mode's.
    pub test: Option<T>,
    /// Live mode's.
    pub live: Option<T>,
}

impl<T> PerMode<T> {
    /// What a mode has.
    pub fn of(&self, mode: Mode) -> Option<&T> {
        match mode {
            Mode::Test => self.test.as_ref(),
            Mode::Live => self.live.as_ref(),
        }
    }
}

impl<T> Default for PerMode<T> {
    fn default() -> Self {
        Self { test: None, live: None }
    }
}
