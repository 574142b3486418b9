//! What stands around a hit, so that a developer can tell whose memory it is.
//! Every byte of every hit and every other digit is masked.

use super::Encoding;
use super::search::{Hit, MOST_BYTES};

/// Bytes shown on either side.
const AROUND: usize = 32;

/// Gives each hit its context.
pub(super) fn add(bytes: &[u8], hits: &mut [Hit]) {
    let mut masked: Vec<_> = hits.iter().map(|hit| hit.start..hit.end).collect();
    masked.sort_unstable_by_key(|range| range.start);
    for hit in hits {
        let first = hit.start.saturating_sub(AROUND);
        let last = bytes.len().min(hit.end + AROUND);
        let near_by = masked.partition_point(|range| range.start + MOST_BYTES < first)
            ..masked.partition_point(|range| range.start < last);
        let near_by = &masked[near_by];
        hit.context = (first..last)
            .map(|at| match bytes[at] {
                _ if near_by.iter().any(|range| range.contains(&at)) => '#',
                byte if byte.is_ascii_digit() => '#',
                // What is left of a cut number would be read from these letters.
                byte if byte.is_ascii_alphanumeric() && hit.encoding == Encoding::Base64 => '#',
                byte if byte.is_ascii_graphic() || byte == b' ' => char::from(byte),
                _ => '.',
            })
            .collect();
    }
}
