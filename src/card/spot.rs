//! Finding card numbers where none belong: in logs, URLs, headers and what
//! merchants send.

use super::{Brand, passes_luhn};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// Fewest digits that are taken for a card number: shorter ones are mostly something else.
const SHORTEST: usize = 13;
/// Most digits that ISO/IEC 7812-1 allows.
const LONGEST: usize = 19;
/// The lengths of a UUID's parts (RFC 9562, section 4), and of one without dashes.
const UUID_PARTS: [&[usize]; 2] = [&[8, 4, 4, 4, 12], &[32]];

/// The digits' places in the text of all that may be a card number, each
/// number by itself: the net that is cast wide.
///
/// 13 to 19 digits with a valid check digit, with single spaces or dashes
/// between, are one if they begin and end where a group of digits does. Inside
/// a group they must also fit a brand's range and length, or every long number
/// would hold one. UUIDs are left alone.
pub fn spot(text: &str) -> Vec<Vec<usize>> {
    if text.bytes().filter(u8::is_ascii_digit).count() < SHORTEST {
        return Vec::new();
    }
    let mut bytes = Zeroizing::new(text.as_bytes().to_vec());
    hide_uuids(&mut bytes);
    rows(&bytes).iter().flat_map(|row| in_row(&bytes, row)).collect()
}

/// Whether the text holds what is most likely a card number: 13 to 19 digits
/// with a valid check digit, in single groups or one, that fit a brand's range
/// and length. Numbers that merchants give to orders rarely do.
pub fn holds_card_number(text: &str) -> bool {
    let numbers = spot(text);
    numbers.iter().any(|places| {
        let digits = Zeroizing::new(places.iter().map(|&at| text.as_bytes()[at]).collect::<Vec<u8>>());
        let is_digit_at = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
        let ends = (places.first(), places.last());
        let is_whole = !is_digit_at(ends.0.and_then(|at| at.checked_sub(1))) && !is_digit_at(ends.1.map(|at| at + 1));
        is_whole && fits_brand(&digits)
    })
}

/// [`holds_card_number`] of any part of a URL, or of its path or query, behind
/// percent-encoding (RFC 3986 section 2.1) and the plus signs of forms.
pub fn url_holds_card_number(url: &str) -> bool {
    url.split(['/', '?', '#'])
        .flat_map(|part| form_urlencoded::parse(part.as_bytes()))
        .any(|(name, value)| holds_card_number(&name) || holds_card_number(&value))
}

/// Overwrites UUIDs, those with a name and a dash around them too. One needs a
/// letter: sixteen digits between dashes are no alibi.
fn hide_uuids(bytes: &mut [u8]) {
    let is_part_of_one = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    for word in bytes.split_mut(|&byte| !is_part_of_one(byte)) {
        let parts: Vec<usize> = word.split(|&byte| byte == b'-').map(<[u8]>::len).collect();
        for shape in UUID_PARTS {
            for first in (0..parts.len()).filter(|&first| parts[first..].starts_with(shape)) {
                let start: usize = parts[..first].iter().map(|length| length + 1).sum();
                let uuid = &mut word[start..start + shape.iter().sum::<usize>() + shape.len() - 1];
                if uuid.iter().any(u8::is_ascii_alphabetic) {
                    uuid.fill(b'x');
                }
            }
        }
    }
}

/// The places of the digits of each stretch that holds nothing but digits and
/// single separators.
fn rows(bytes: &[u8]) -> Vec<Vec<usize>> {
    let digits = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit());
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for at in digits {
        match rows.last_mut() {
            Some(row) if row.last().is_some_and(|&last| is_next(bytes, last, at)) => row.push(at),
            _ => rows.push(vec![at]),
        }
    }
    rows
}

fn is_next(bytes: &[u8], last: usize, at: usize) -> bool {
    at == last + 1 || (at == last + 2 && matches!(bytes[last + 1], b' ' | b'-'))
}

/// The numbers of one row, in their order; those that overlap are one.
fn in_row(bytes: &[u8], row: &[usize]) -> Vec<Vec<usize>> {
    let digits = Zeroizing::new(row.iter().map(|&at| bytes[at]).collect::<Vec<u8>>());
    let is_edge = |place: usize| place == 0 || place == row.len() || row[place] != row[place - 1] + 1;
    let mut found_until = 0;
    let mut found: Vec<Vec<usize>> = Vec::new();
    for start in 0..row.len() {
        let ends = (start + SHORTEST..=start + LONGEST).rev().filter(|&end| end <= row.len());
        let mut fitting = ends.filter(|&end| {
            let window = &digits[start..end];
            passes_luhn(window) && ((is_edge(start) && is_edge(end)) || fits_brand(window))
        });
        let Some(end) = fitting.next() else { continue };
        let new = &row[start.max(found_until)..end.max(found_until)];
        match found.last_mut() {
            Some(last) if start < found_until => last.extend(new),
            _ => found.push(new.to_vec()),
        }
        found_until = found_until.max(end);
    }
    found
}

fn fits_brand(digits: &[u8]) -> bool {
    match Brand::of(digits) {
        Brand::Unknown => false,
        Brand::Amex => digits.len() == 15,
        Brand::Diners => digits.len() == 14,
        _ => digits.len() == 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_told_from_other_long_numbers() {
        for text in [
            "4355093000777068",
            "order 4355 0930 0077 7068",
            "4355-0930-0077-7068",
            "{\"number\":\"9792072000017956\"}",
            "374427000000003",
            "x4355093000777068y",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
        for text in [
            "",
            "order-1042",
            "4355093000777067",
            // Luhn is right, the range is nobody's or the length is another
            "1111111111111117",
            "20261121222536",
            // inside a longer number
            "114355093000777068",
            "0192f0c1-4355-4930-8077-706812345678",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
