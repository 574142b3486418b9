//! Typed text, whatever keyboard or document it came from, in the ASCII that
//! numbers and dates are read from.

use zeroize::Zeroizing;

/// What stands for a character that no card data has.
const OTHER: u8 = b'?';

/// The text with Arabic-Indic, Persian and full-width digits as `0` to `9`
/// (Unicode gives each of these sets a block that ends in its value), with any
/// kind of space, dash and slash as the plain one, and without the invisible
/// marks that right-to-left text carries when it is copied.
pub(super) fn plain(typed: &[u8]) -> Zeroizing<Vec<u8>> {
    // Never longer than what was typed: no character takes less than one byte.
    let mut plain = Zeroizing::new(Vec::with_capacity(typed.len()));
    for chunk in typed.utf8_chunks() {
        plain.extend(chunk.valid().chars().filter_map(plain_character));
        plain.extend(chunk.invalid().first().map(|_| OTHER));
    }
    plain
}

fn plain_character(character: char) -> Option<u8> {
    match character {
        '\0'..='\x7f' => u8::try_from(character).ok(),
        '٠'..='٩' | '۰'..='۹' | '０'..='９' => {
            u8::try_from(u32::from(character) & 15).ok().map(|value| b'0' + value)
        }
        // Marks of direction, zero-width spaces, the byte order mark (UAX 9 section 2).
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => Some(b'-'),
        '\u{2044}' | '\u{2215}' | '\u{ff0f}' => Some(b'/'),
        space if space.is_whitespace() => Some(b' '),
        _ => Some(OTHER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_marks_of_other_keyboards() {
        for (typed, expected) in [
            ("0123456789", "0123456789"),
            ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
            ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
            ("０１２３４５６７８９", "0123456789"),
            ("\u{202b}٤٣٥٥\u{202c}\u{200f}", "4355"),
            ("4355\u{a0}0930\u{202f}0077\u{3000}7068", "4355 0930 0077 7068"),
            ("4355\u{2011}0930", "4355-0930"),
            ("١١\u{2044}٤٠", "11/40"),
            // Digits of scripts that no card is printed in stay what they are: no digits.
            ("४३५५", "????"),
            ("4x", "4x"),
        ] {
            assert_eq!(plain(typed.as_bytes()).as_slice(), expected.as_bytes(), "{typed}");
        }
        assert_eq!(plain(b"43\xff55").as_slice(), b"43?55");
    }

    #[test]
    fn it_never_grows() {
        let typed = "４３５５٠".repeat(9);
        let plain = plain(typed.as_bytes());
        assert!(plain.len() <= typed.len() && plain.capacity() == typed.len());
    }
}
