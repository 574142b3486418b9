//! A living process: what it can read itself, and the registers of its threads.

use super::chunks::Chunks;
use super::maps::Mapping;
use super::{Needles, Place, Registers, Report, Skipped, registers};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::FileExt;

/// Searches every readable mapping of a process, then the general and vector
/// registers of every thread. The process goes on meanwhile; each thread is
/// stopped for as long as copying its registers takes. A process that moves a
/// number about while it is searched can escape, so search one that is at rest.
///
/// # Errors
/// The process is gone, is this one, or may not be looked at: that takes root,
/// or the same user where `PR_SET_DUMPABLE` and Yama's `ptrace_scope` allow it.
/// Registers alone that cannot be had are no error but said in the report.
pub fn scan_process(pid: u32, needles: &Needles) -> io::Result<Report> {
    if pid == std::process::id() {
        return Err(Error::new(ErrorKind::InvalidInput, "this process holds what it looks for"));
    }
    let mut report = Report::default();
    scan_memory(pid, needles, &mut report)?;
    report.registers = match registers::scan(pid, needles, &mut report) {
        Ok(threads) => Registers::Scanned(threads),
        Err(error) => Registers::NotScanned(error.to_string()),
    };
    Ok(report)
}

fn scan_memory(pid: u32, needles: &Needles, report: &mut Report) -> io::Result<()> {
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mappings = Mapping::of(pid)?;
    if mappings.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "the process has ended"));
    }
    let (skipped, readable): (Vec<_>, Vec<_>) =
        mappings.into_iter().partition(|mapping| mapping.reason_to_skip().is_some());
    for mapping in skipped {
        let why = mapping.reason_to_skip().unwrap_or_default().to_owned();
        report.skipped.push(Skipped { bytes: mapping.len(), what: mapping.name, why });
    }
    for row in Mapping::rows(readable) {
        let (Some(first), Some(last)) = (row.first(), row.last()) else { continue };
        let mut chunks = Chunks::search(first.start..last.end, needles, |buffer, at| memory.read_at(buffer, at));
        report.bytes += chunks.bytes_read;
        if chunks.bytes_skipped > 0 {
            let (what, why) = (first.name.clone(), "could not be read".to_owned());
            report.skipped.push(Skipped { what, why, bytes: chunks.bytes_skipped });
        }
        for Mapping { start, end, name, permissions } in row {
            report.mappings += 1;
            let place = Place::Memory { mapping: name, permissions, range: start..end };
            let hits = chunks.hits.extract_if(.., |hit| (start..end).contains(&(hit.start as u64)));
            report.take(&place, hits.collect(), needles);
        }
    }
    Ok(())
}

/// Calls `visit` with each thread of a process, those that start meanwhile included.
pub(super) fn each_thread(pid: u32, mut visit: impl FnMut(i32) -> io::Result<()>) -> io::Result<()> {
    let mut visited = HashSet::new();
    loop {
        let before = visited.len();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(thread) = thread.filter(|thread| visited.insert(*thread)) {
                visit(thread)?;
            }
        }
        if visited.len() == before {
            return Ok(());
        }
    }
}
