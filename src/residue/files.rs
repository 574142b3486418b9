//! Logs, store files, answers: what a process has written down.

use super::chunks::Chunks;
use super::search::search;
use super::{Needles, Place, Report};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Searches a stretch of memory of this process, such as an answer that a client read.
#[must_use]
pub fn scan_bytes(bytes: &[u8], needles: &Needles) -> Report {
    let mut report = Report { bytes: bytes.len() as u64, ..Report::default() };
    report.take(&Place::Bytes, search(bytes, needles), needles);
    report
}

/// Searches a file.
///
/// # Errors
/// It cannot be opened or read.
pub fn scan_file(path: &Path, needles: &Needles) -> io::Result<Report> {
    let file = File::open(path)?;
    let mut failure = None;
    // To its end, wherever that is by then: a log grows.
    let chunks = Chunks::search(0..u64::MAX, needles, |buffer, at| {
        file.read_at(buffer, at).or_else(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return Err(error);
            }
            failure = Some(error);
            Ok(0)
        })
    });
    let mut report = Report { bytes: chunks.bytes_read, files: 1, ..Report::default() };
    report.take(&Place::File { path: path.to_owned() }, chunks.hits, needles);
    failure.map_or(Ok(report), Err)
}

/// Searches every regular file below a folder; links are not followed.
///
/// # Errors
/// The folder, or a file in it, cannot be read. A file that vanishes meanwhile is no error.
pub fn scan_folder(folder: &Path, needles: &Needles) -> io::Result<Report> {
    let mut report = Report::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let found = match () {
            () if kind.is_dir() => scan_folder(&entry.path(), needles),
            () if kind.is_file() => scan_file(&entry.path(), needles),
            () => continue,
        };
        match found {
            Ok(found) => report.add(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}
