//! The registers of a process's threads. A copy routine leaves up to 64 bytes
//! in the vector registers of a thread that then sleeps for hours.

use super::process::each_thread;
use super::search::{Hit, search};
use super::{Needles, Place, Report};
use crate::hardening::tracee::{Stopped, Tracee, VectorLayout};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::Range;
use zeroize::Zeroizing;

/// The widest register, in bytes.
const WIDEST: usize = 64;
/// Where `fxsave` keeps the low halves of the vector registers, and the eight
/// of MMX (Intel SDM volume 1, table 10-2).
const XMM: Range<usize> = 160..416;
const MMX: usize = 32;

/// Searches the registers of every thread and says how many threads there were.
pub(super) fn scan(pid: u32, needles: &Needles, report: &mut Report) -> io::Result<usize> {
    let layout = VectorLayout::of_this_machine()?;
    let mut threads = 0;
    each_thread(pid, |thread| {
        let Stopped::Thread(tracee) = Tracee::stop(thread)? else { return Ok(()) };
        let general = tracee.general_registers()?;
        let extended = tracee.extended_state()?;
        // The thread goes on before the search begins.
        drop(tracee);
        threads += 1;
        let name = fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm")).unwrap_or_default();
        for (register, hit) in search_thread(&general, &extended, &layout, needles) {
            let place = Place::Register { thread, name: name.trim_end().to_owned(), register };
            report.take(&place, vec![hit], needles);
        }
        Ok(())
    })?;
    Ok(threads)
}

fn search_thread(general: &[u8], extended: &[u8], layout: &VectorLayout, needles: &Needles) -> Vec<(String, Hit)> {
    let mut found: Vec<_> =
        search(general, needles).into_iter().map(|hit| ("general registers".to_owned(), hit)).collect();
    let mmx: Zeroizing<Vec<u8>> = Zeroizing::new(
        (0..8).filter_map(|register| extended.get(MMX + register * 16..)?.get(..8)).flatten().copied().collect(),
    );
    found.extend(search(&mmx, needles).into_iter().map(|hit| ("MMX registers".to_owned(), hit)));
    found.extend(search_vectors(&assemble(extended, layout), layout, needles));
    found
}

/// Every vector register in full, one after another, 64 bytes each: the low
/// halves, the high halves and the upper sixteen lie apart in the saved state.
fn assemble(extended: &[u8], layout: &VectorLayout) -> Zeroizing<Vec<u8>> {
    let mut registers = Zeroizing::new(vec![0; layout.count() * WIDEST]);
    let mut copy = |from: Option<usize>, size: usize, first: usize, at: usize| {
        let Some(area) = from.and_then(|from| extended.get(from..from + size * 16)) else { return };
        for (register, part) in area.chunks_exact(size).enumerate() {
            let start = (first + register) * WIDEST + at;
            registers[start..start + size].copy_from_slice(part);
        }
    };
    copy(Some(XMM.start), 16, 0, 0);
    copy(layout.high_ymm, 16, 0, 16);
    copy(layout.high_zmm, 32, 0, 32);
    copy(layout.upper_zmm, 64, 16, 0);
    registers
}

/// Searches registers one after another as a copy of 16, 32 or 64 bytes a time
/// leaves them. What a wider look has found does not count again in a narrower one.
fn search_vectors(registers: &[u8], layout: &VectorLayout, needles: &Needles) -> Vec<(String, Hit)> {
    let mut found = Vec::new();
    let mut known = HashSet::new();
    for (width, kind) in [(64, "zmm"), (32, "ymm"), (16, "xmm")] {
        if width > layout.widest() {
            continue;
        }
        let view: Zeroizing<Vec<u8>> =
            Zeroizing::new(registers.chunks_exact(WIDEST).flat_map(|register| &register[..width]).copied().collect());
        for hit in search(&view, needles) {
            let place = |at: usize| (hit.needle, at / width * WIDEST + at % width);
            if (hit.start..hit.end).any(|at| known.contains(&place(at))) {
                continue;
            }
            known.extend((hit.start..hit.end).map(place));
            let (first, last) = (hit.start / width, (hit.end - 1) / width);
            let name = if first == last { format!("{kind}{first}") } else { format!("{kind}{first} to {kind}{last}") };
            found.push((name, Hit { start: hit.start % width, end: hit.start % width + (hit.end - hit.start), ..hit }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &[u8; 16] = b"4111117390268547";
    /// Offsets that processors have.
    const AVX: VectorLayout = VectorLayout { high_ymm: Some(576), high_zmm: None, upper_zmm: None };
    const AVX_512: VectorLayout = VectorLayout { high_ymm: Some(576), high_zmm: Some(1152), upper_zmm: Some(1664) };
    const SSE: VectorLayout = VectorLayout { high_ymm: None, high_zmm: None, upper_zmm: None };

    /// Where the number lies in a saved state that has it at these places.
    fn found(layout: VectorLayout, pieces: &[(usize, &[u8])]) -> Vec<(String, usize, usize)> {
        let mut state = vec![0; 2688];
        for (at, piece) in pieces {
            state[*at..*at + piece.len()].copy_from_slice(piece);
        }
        let mut needles = Needles::new();
        needles.add_number(0, NUMBER).unwrap();
        let hits = search_thread(&[0xff; 216], &state, &layout, &needles);
        hits.into_iter().map(|(name, hit)| (name, hit.start, hit.digits)).collect()
    }

    #[test]
    fn halves_that_are_kept_apart_are_one_register() {
        let halves: [(usize, &[u8]); 2] = [(160 + 2 * 16 + 8, &NUMBER[..8]), (576 + 2 * 16, &NUMBER[8..])];
        assert_eq!(found(AVX, &halves), [("ymm2".to_owned(), 8, 16)]);
        assert_eq!(found(AVX_512, &halves), [("zmm2".to_owned(), 8, 16)], "once, though it is in ymm2 as well");
        assert_eq!(found(SSE, &halves), [], "without AVX that memory is no register");
        let quarters: [(usize, &[u8]); 2] = [(576 + 5 * 16 + 6, &NUMBER[..10]), (1152 + 5 * 32, &NUMBER[10..])];
        assert_eq!(found(AVX_512, &quarters), [("zmm5".to_owned(), 22, 16)]);
    }

    #[test]
    fn a_copy_of_several_registers_is_found_across_them() {
        let two: [(usize, &[u8]); 2] = [(160 + 8, &NUMBER[..8]), (160 + 16, &NUMBER[8..])];
        for layout in [SSE, AVX, AVX_512] {
            assert_eq!(found(layout, &two), [("xmm0 to xmm1".to_owned(), 8, 16)], "{layout:?}");
        }
        let upper: [(usize, &[u8]); 1] = [(1664 + 3 * 64 + 60, NUMBER)];
        assert_eq!(found(AVX_512, &upper), [("zmm19 to zmm20".to_owned(), 60, 16)]);
    }

    #[test]
    fn a_short_state_and_the_old_registers_are_read_too() {
        let state: Vec<u8> = [&[0; 32], &NUMBER[..8], &[0; 8], &NUMBER[8..], &[0; 32]].concat();
        let mut needles = Needles::new();
        needles.add_number(0, NUMBER).unwrap();
        let hits = search_thread(NUMBER, &state, &AVX_512, &needles);
        let names: Vec<_> = hits.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["general registers", "MMX registers"]);
    }
}
