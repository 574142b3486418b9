//! What a scan found, where, and what it could not look at. No digit of a card.

use super::search::Hit;
use super::{Encoding, Needles, Secret};
use std::fmt;
use std::path::PathBuf;

/// Where a copy lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In a process's memory.
    Memory {
        /// A file, `[heap]`, `[stack]` or `anonymous`.
        mapping: String,
        /// Such as `rw-p`.
        permissions: String,
        /// The mapping's addresses.
        range: std::ops::Range<u64>,
    },
    /// In registers of a sleeping thread.
    Register {
        /// The thread's id.
        thread: i32,
        /// The thread's name.
        name: String,
        /// Such as `ymm2`.
        register: String,
    },
    /// In a file.
    File {
        /// Which one.
        path: PathBuf,
    },
    /// In bytes at hand.
    Bytes,
}

/// One copy of a part of a card, or of enough of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// Address of the first byte, or offset in a file, in bytes at hand or in a register.
    pub start: u64,
    /// Bytes that it takes.
    pub length: usize,
    /// How the digits are written.
    pub encoding: Encoding,
    /// Which card, by the label under which it was added.
    pub label: usize,
    /// Which part of it.
    pub secret: Secret,
    /// How many digits (or bytes of a field) are there.
    pub digits: usize,
    /// Of how many.
    pub of: usize,
    /// 32 bytes on either side; the find itself and all other digits masked. It
    /// can hold other secrets of the process.
    pub context: String,
}

/// Something that was not looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// How much of it.
    pub bytes: u64,
}

/// Whether threads' registers were looked at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Registers {
    /// No process was scanned.
    #[default]
    None,
    /// Those of this many threads.
    Scanned(usize),
    /// They were not, and why.
    NotScanned(String),
}

/// The outcome of one scan, or of several together. `{}` prints a line a
/// finding, `{:#}` each finding's context too.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Each copy once.
    pub findings: Vec<Finding>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
    /// Bytes searched.
    pub bytes: u64,
    /// Mappings searched.
    pub mappings: usize,
    /// Files searched.
    pub files: usize,
    /// Registers.
    pub registers: Registers,
}

impl Report {
    /// How many copies there are, of numbers, codes and expiries together.
    #[must_use]
    pub fn copies(&self) -> usize {
        self.findings.len()
    }

    /// How many copies of one part there are.
    #[must_use]
    pub fn copies_of(&self, secret: Secret) -> usize {
        self.findings.iter().filter(|finding| finding.secret == secret).count()
    }

    /// Whether nothing was found. Look at `skipped` and `registers` for what that is worth.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Takes another scan's outcome in.
    pub fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.skipped.extend(other.skipped);
        self.bytes += other.bytes;
        self.mappings += other.mappings;
        self.files += other.files;
        if other.registers != Registers::None {
            self.registers = other.registers;
        }
    }

    pub(super) fn take(&mut self, place: &Place, hits: Vec<Hit>, needles: &Needles) {
        self.findings.extend(hits.into_iter().map(|hit| {
            let (label, secret, of) = needles.describe(hit.needle);
            Finding {
                place: place.clone(),
                start: hit.start as u64,
                length: hit.end - hit.start,
                encoding: hit.encoding,
                label,
                secret,
                digits: hit.digits,
                of,
                context: hit.context,
            }
        }));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(formatter, "{finding}")?;
            if formatter.alternate() {
                writeln!(formatter, "    {}", finding.context)?;
            }
        }
        let Self { findings, skipped, bytes, mappings, files, registers } = self;
        let kib = bytes / 1024;
        write!(formatter, "{} copies in {kib} KiB ({mappings} mappings, {files} files", findings.len())?;
        match registers {
            Registers::None => {}
            Registers::Scanned(threads) => write!(formatter, ", registers of {threads} threads")?,
            Registers::NotScanned(why) => write!(formatter, "; registers not scanned: {why}")?,
        }
        let kib = skipped.iter().map(|skipped| skipped.bytes).sum::<u64>() / 1024;
        write!(formatter, "; {} places of {kib} KiB skipped)", skipped.len())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, start, length, encoding, label, secret, digits, of, .. } = self;
        write!(formatter, "card {label}, {}, {encoding}, {digits} of {of} in {length} bytes at ", secret.name())?;
        match place {
            Place::Memory { mapping, permissions, range } => {
                write!(formatter, "{start:#x}: {mapping} {permissions} {:x}-{:x}", range.start, range.end)
            }
            Place::Register { thread, name, register } => {
                write!(formatter, "byte {start} of {register} in thread {thread} ({name})")
            }
            Place::File { path } => write!(formatter, "byte {start} of {}", path.display()),
            Place::Bytes => write!(formatter, "byte {start}"),
        }
    }
}
