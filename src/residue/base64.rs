//! Numbers inside base64 text (RFC 4648, either alphabet): each run of the
//! alphabet is decoded from each of its first four characters, and the result
//! searched as text. One of the four is in step with the encoder, so all three
//! alignments of the number are covered.

use super::search::Hit;
use super::{Encoding, Needles, text};
use zeroize::Zeroizing;

/// Nine digits take this many characters.
const SHORTEST_RUN: usize = 12;
const OUTSIDE: u8 = 0xff;
/// Values of characters; `-` and `_` count as `+` and `/`.
const VALUES: [u8; 256] = values();

/// Finds numbers in base64 text.
pub(super) fn search(bytes: &[u8], needles: &Needles, hits: &mut Vec<Hit>) {
    let mut decoded = Zeroizing::new(Vec::new());
    let mut start = 0;
    for at in 0..=bytes.len() {
        if at < bytes.len() && VALUES[usize::from(bytes[at])] != OUTSIDE {
            continue;
        }
        if at - start >= SHORTEST_RUN {
            (start..start + 4).for_each(|from| search_from(bytes, from..at, &mut decoded, needles, hits));
        }
        start = at + 1;
    }
}

fn search_from(
    bytes: &[u8],
    run: std::ops::Range<usize>,
    decoded: &mut Zeroizing<Vec<u8>>,
    needles: &Needles,
    hits: &mut Vec<Hit>,
) {
    let from = run.start;
    decode(&bytes[run], decoded);
    let first = hits.len();
    text::search(decoded, needles, hits);
    for hit in &mut hits[first..] {
        let last = hit.end - 1;
        hit.encoding = Encoding::Base64;
        // A byte lies in two characters.
        hit.start = from + hit.start / 3 * 4 + hit.start % 3;
        hit.end = from + last / 3 * 4 + last % 3 + 2;
    }
}

/// Bits without regard to the end: what does not fill a byte is left out.
fn decode(run: &[u8], decoded: &mut Vec<u8>) {
    decoded.clear();
    let (mut bits, mut held) = (0_u32, 0);
    for &character in run {
        bits = bits << 6 | u32::from(VALUES[usize::from(character)]);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held & 0xff) as u8);
        }
    }
}

const fn values() -> [u8; 256] {
    let mut values = [OUTSIDE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}
