//! The other process of the self-test: puts bytes where it is told to and
//! keeps them there until its input ends. What it is told is masked, so that
//! nothing but the planted bytes themselves can be found in it.

use crate::hardening::parked::{PARKED_BYTES, park_in_vector_register};
use data_encoding::HEXLOWER;
use std::hint::black_box;
use std::io::{self, BufRead, Error, ErrorKind, PipeReader, Write, pipe};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::thread;
use zeroize::Zeroize;

/// Over every byte of an order.
const MASK: u8 = 0xa5;
/// What it says when it has nothing, and when it has everything.
pub(super) const READY: &str = "ready";
pub(super) const PLANTED: &str = "planted";
/// The order that comes last.
pub(super) const ALL: &str = "all";
/// Room on the stack, among the statics and in a mapping of its own.
const ROOM: usize = 4096;
/// Allocators take this much from the system as a mapping of its own.
const MAPPED: usize = 1 << 20;
/// What lies around a planted piece: digits of no number.
const APART: usize = 24;

static STATIC: Mutex<[u8; ROOM]> = Mutex::new([0; ROOM]);

/// Where something is planted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spot {
    Heap,
    Stack,
    Static,
    Mapping,
    Register,
}

impl Spot {
    pub const MEMORY: [Self; 4] = [Self::Heap, Self::Stack, Self::Static, Self::Mapping];

    pub fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Stack => "stack",
            Self::Static => "static",
            Self::Mapping => "mapping",
            Self::Register => "register",
        }
    }
}

/// One line for the planter.
pub(super) fn order(spot: Spot, planted: &[u8]) -> String {
    let mut masked: Vec<u8> = planted.iter().map(|byte| byte ^ MASK).collect();
    let order = format!("{} {}\n", spot.name(), HEXLOWER.encode(&masked));
    masked.zeroize();
    order
}

/// Takes orders from standard input until it ends.
///
/// # Errors
/// An order that cannot be read, or one that does not fit.
pub fn plant() -> io::Result<()> {
    let mut stack = [0_u8; ROOM];
    let mut mapping = vec![0_u8; MAPPED];
    let mut heap = Vec::new();
    let (mut on_stack, mut in_static, mut in_mapping) = (APART, APART, APART);
    let (until, end) = pipe()?;
    say(READY)?;
    let mut lines = io::stdin().lock().lines();
    loop {
        let line = lines.next().ok_or(ErrorKind::UnexpectedEof)??;
        if line == ALL {
            break;
        }
        let (spot, masked) = line.split_once(' ').ok_or(ErrorKind::InvalidData)?;
        let masked = HEXLOWER.decode(masked.as_bytes()).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        match spot {
            "heap" => {
                let mut piece = vec![0; masked.len() + 2 * APART];
                put(&masked, &mut piece, &mut { APART })?;
                heap.push(piece);
            }
            "stack" => put(&masked, &mut stack, &mut on_stack)?,
            "static" => {
                put(&masked, &mut *STATIC.lock().unwrap_or_else(PoisonError::into_inner), &mut in_static)?;
            }
            "mapping" => put(&masked, &mut mapping, &mut in_mapping)?,
            "register" => park(&masked, until.try_clone()?)?,
            _ => return Err(ErrorKind::InvalidData.into()),
        }
    }
    say(PLANTED)?;
    // Until the other side closes.
    lines.by_ref().for_each(drop);
    black_box((&stack, &mapping, &heap));
    drop(end);
    Ok(())
}

fn say(what: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{what}")?;
    output.flush()
}

/// Byte by byte: a copy of several at a time would leave them in a register.
fn put(masked: &[u8], room: &mut [u8], at: &mut usize) -> io::Result<()> {
    let place = room.get_mut(*at..*at + masked.len()).ok_or(ErrorKind::StorageFull)?;
    for (byte, masked) in place.iter_mut().zip(masked) {
        *byte = black_box(masked ^ MASK);
    }
    *at += masked.len() + APART;
    Ok(())
}

/// Puts at most 16 bytes into a register of a thread that then sleeps: across
/// its two halves where it has two.
fn park(masked: &[u8], until: PipeReader) -> io::Result<()> {
    let masked = masked.to_vec();
    let thread = thread::Builder::new().name("parked".to_owned());
    thread.spawn(move || {
        let mut bytes = [0; PARKED_BYTES];
        put(&masked, &mut bytes, &mut first_byte()).and_then(|()| park_in_vector_register(&mut bytes, until.as_fd()))
    })?;
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn first_byte() -> usize {
    if std::arch::is_x86_feature_detected!("avx") { 8 } else { 0 }
}

#[cfg(not(target_arch = "x86_64"))]
fn first_byte() -> usize {
    0
}
