//! Finding numbers in text, written apart from the service's own ways.

use vezne::card::Brand;

/// The digits of a typed text as ASCII, Arabic-Indic, Persian and full-width ones
/// too; `None` where something in it is a letter, a digit of another script, or no text.
pub fn typed_digits(typed: &[u8]) -> Option<Vec<u8>> {
    let mut digits = Vec::new();
    for letter in std::str::from_utf8(typed).ok()?.chars() {
        match ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９"]
            .iter()
            .find_map(|script| script.chars().zip(b'0'..).find(|(digit, _)| *digit == letter))
        {
            Some((_, digit)) => digits.push(digit),
            None if letter.is_alphanumeric() => return None,
            None => {}
        }
    }
    Some(digits)
}

/// The check digit of ISO/IEC 7812-1 by a table of doubled digits.
pub fn luhn(digits: &[u8]) -> bool {
    const DOUBLED: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let mut sum = 0;
    for (place, digit) in digits.iter().rev().map(|&byte| usize::from(byte - b'0')).enumerate() {
        sum += if place % 2 == 1 { DOUBLED[digit] } else { u32::try_from(digit).unwrap() };
    }
    sum.is_multiple_of(10)
}

/// Whether a number is as long as its brand's cards are and has their check digit.
pub fn is_card(digits: &[u8]) -> bool {
    let length = match Brand::of(digits) {
        Brand::Unknown => return false,
        Brand::Amex => 15,
        Brand::Diners => 14,
        _ => 16,
    };
    digits.len() == length && luhn(digits)
}

/// The digits of each stretch of nothing but digits with at most one of
/// `separators` between two of them. What `is_digit` takes counts as one.
pub fn stretches(text: &str, is_digit: fn(char) -> bool, separators: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut gap = 0;
    for letter in text.chars() {
        let run = found.last_mut().unwrap();
        if is_digit(letter) {
            run.push(letter);
            gap = 0;
        } else if !run.is_empty() {
            gap += 1;
            if gap > 1 || !separators.contains(letter) {
                found.push(String::new());
                gap = 0;
            }
        }
    }
    found.retain(|run| !run.is_empty());
    found
}
