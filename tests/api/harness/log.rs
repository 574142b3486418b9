//! What any code of this process logs, at every level of detail and before
//! anything is scrubbed.

use std::io::{Result, Write};
use std::sync::{Mutex, Once};
use tracing::Level;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

/// From now on every line is kept.
pub fn keep_log() {
    INSTALLED.call_once(|| tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(|| Lines).init());
}

/// What was kept so far.
pub fn logged() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        LINES.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
