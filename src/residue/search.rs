//! Every encoding in one stretch of bytes.

use super::index::WINDOW;
use super::{Encoding, Needles, base64, context, text};
use std::cmp::Reverse;
use std::ops::Range;

/// The most bytes that one needle can take in any encoding: two chunks of a
/// larger whole overlap by this much.
pub(super) const MOST_BYTES: usize = 1024;
/// The unit in which empty memory is passed over.
const BLOCK: usize = 256;

/// A needle's place in a stretch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Hit {
    /// Its number in [`Needles`].
    pub needle: usize,
    /// What it looks like.
    pub encoding: Encoding,
    /// First byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
    /// How many digits (or bytes of a field) are there.
    pub digits: usize,
    /// What stands around it, masked.
    pub context: String,
}

impl Hit {
    pub fn new(needle: usize, encoding: Encoding, range: Range<usize>, digits: usize) -> Self {
        Self { needle, encoding, start: range.start, end: range.end, digits, context: String::new() }
    }
}

/// All needles in a stretch; one copy is one hit, however many parts of it match.
pub(super) fn search(bytes: &[u8], needles: &Needles) -> Vec<Hit> {
    let mut hits = Vec::new();
    if needles.is_empty() {
        return hits;
    }
    for span in spans(bytes) {
        let first = hits.len();
        let part = &bytes[span.clone()];
        text::search(part, needles, &mut hits);
        base64::search(part, needles, &mut hits);
        packed_bcd(part, needles, &mut hits);
        digit_bytes(part, needles, &mut hits);
        fields(part, needles, &mut hits);
        for hit in &mut hits[first..] {
            hit.start += span.start;
            hit.end += span.start;
        }
    }
    let mut hits = merge(hits);
    context::add(bytes, &mut hits);
    hits
}

/// Hits of one needle that overlap are one copy: the part with the most digits
/// names the encoding. A hit inside another's bytes is no copy of its own: cards
/// of one range often share nine digits.
pub(super) fn merge(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_unstable_by_key(|hit| (hit.needle, hit.start, hit.end));
    let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match merged.last_mut() {
            Some(last) if last.needle == hit.needle && hit.start < last.end => {
                if hit.digits > last.digits {
                    (last.encoding, last.digits) = (hit.encoding, hit.digits);
                }
                last.end = last.end.max(hit.end);
            }
            _ => merged.push(hit),
        }
    }
    merged.sort_unstable_by_key(|hit| (hit.start, Reverse(hit.end), Reverse(hit.digits), hit.needle));
    let mut reach = 0;
    merged.retain(|hit| {
        let is_inside = hit.end <= reach;
        reach = reach.max(hit.end);
        !is_inside
    });
    merged
}

/// The parts that are not empty memory, each with a block of what is around it.
fn spans(bytes: &[u8]) -> Vec<Range<usize>> {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (block, content) in bytes.chunks(BLOCK).enumerate() {
        if content == &ZEROS[..content.len()] {
            continue;
        }
        let start = (block * BLOCK).saturating_sub(BLOCK);
        let end = bytes.len().min((block + 2) * BLOCK);
        match spans.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => spans.push(start..end),
        }
    }
    spans
}

/// Two digits a byte. The stream is of nibbles, so that both alignments are one.
fn packed_bcd(bytes: &[u8], needles: &Needles, hits: &mut Vec<Hit>) {
    const FEWEST: usize = Encoding::PackedBcd.fewest_digits();
    let nibble = |at: usize| bytes.get(at / 2).map(|byte| if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
    let digit = |at: usize| nibble(at).filter(|digit| *digit <= 9);
    let (mut run, mut value) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        for (half, nibble) in [byte >> 4, byte & 15].into_iter().enumerate() {
            value = value << 4 | u64::from(nibble);
            run = if nibble <= 9 { run + 1 } else { 0 };
            if run >= WINDOW {
                needles.match_digits(value, at * 2 + half, FEWEST, digit, |needle, first, last| {
                    let range = first / 2..last / 2 + 1;
                    hits.push(Hit::new(needle, Encoding::PackedBcd, range, last - first + 1));
                });
            }
        }
    }
}

/// One digit a byte, as a number from 0 to 9.
fn digit_bytes(bytes: &[u8], needles: &Needles, hits: &mut Vec<Hit>) {
    const FEWEST: usize = Encoding::DigitBytes.fewest_digits();
    let digit = |at: usize| bytes.get(at).copied().filter(|digit| *digit <= 9);
    let (mut run, mut value) = (0, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        if byte > 9 {
            run = 0;
            continue;
        }
        value = value << 4 | u64::from(byte);
        run += 1;
        if run >= WINDOW {
            needles.match_digits(value, at, FEWEST, digit, |needle, first, last| {
                hits.push(Hit::new(needle, Encoding::DigitBytes, first..last + 1, last - first + 1));
            });
        }
    }
}

fn fields(bytes: &[u8], needles: &Needles, hits: &mut Vec<Hit>) {
    if !needles.has_fields() {
        return;
    }
    for (at, &byte) in bytes.iter().enumerate() {
        if needles.field_ends_with(byte) {
            needles.match_field(&bytes[..=at], |hit| hits.push(hit));
        }
    }
}
