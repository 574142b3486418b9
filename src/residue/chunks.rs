//! A long stretch in bounded pieces. Pieces overlap, so that what lies across
//! an edge is whole in one of them; merging makes it one.

use super::Needles;
use super::search::{Hit, MOST_BYTES, merge, search};
use std::io::{self, ErrorKind};
use std::ops::Range;
use zeroize::Zeroizing;

const CHUNK: usize = 1024 * 1024;
const PAGE: u64 = 4096;

/// What was found and how far the reading came.
#[derive(Default)]
pub(super) struct Chunks {
    /// With their places in the whole.
    pub hits: Vec<Hit>,
    pub bytes_read: u64,
    pub bytes_skipped: u64,
}

impl Chunks {
    /// Searches `range`. `read_at` fills as much of a buffer as it can from a
    /// place; nothing read is the end. What fails is skipped page by page.
    pub fn search(
        range: Range<u64>,
        needles: &Needles,
        mut read_at: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    ) -> Self {
        let mut found = Self::default();
        let mut buffer = Zeroizing::new(vec![0; MOST_BYTES + CHUNK]);
        let (mut at, mut kept) = (range.start, 0);
        while at < range.end {
            let room = usize::try_from(range.end - at).unwrap_or(CHUNK).min(CHUNK);
            match read_at(&mut buffer[kept..kept + room], at) {
                Ok(0) => break,
                Ok(read) => {
                    let start = at - kept as u64;
                    found.take(search(&buffer[..kept + read], needles), start);
                    at += read as u64;
                    found.bytes_read += read as u64;
                    let filled = kept + read;
                    kept = filled.min(MOST_BYTES);
                    buffer.copy_within(filled - kept..filled, 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    at = (at / PAGE + 1) * PAGE;
                    kept = 0;
                }
            }
        }
        found.bytes_skipped = (range.end - range.start) - found.bytes_read;
        found.hits = merge(std::mem::take(&mut found.hits));
        found
    }

    fn take(&mut self, hits: Vec<Hit>, start: u64) {
        // Addresses fit: this only runs where pointers have 64 bits, or on files.
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        self.hits.extend(hits.into_iter().map(|hit| Hit {
            start: start.saturating_add(hit.start),
            end: start.saturating_add(hit.end),
            ..hit
        }));
    }
}
