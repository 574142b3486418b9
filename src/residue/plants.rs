//! The shapes that the self-test plants: every encoding that the search knows.

use super::Encoding;
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use zeroize::Zeroizing;

/// One way to write a number down.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// A name for people, one for each shape.
    pub name: &'static str,
    /// What the search must call it.
    pub encoding: Encoding,
    /// How many of the number's digits the search must see at least.
    pub fewest_digits: usize,
    write: fn(&[u8], &mut Vec<u8>),
}

const fn shape(name: &'static str, encoding: Encoding, fewest_digits: usize, write: fn(&[u8], &mut Vec<u8>)) -> Shape {
    Shape { name, encoding, fewest_digits, write }
}

/// All of them.
pub const SHAPES: [Shape; 14] = [
    shape("ASCII", Encoding::Ascii, 16, |number, out| out.extend_from_slice(number)),
    shape("groups with spaces", Encoding::Grouped, 16, |number, out| grouped(number, b' ', out)),
    shape("groups with dashes", Encoding::Grouped, 16, |number, out| grouped(number, b'-', out)),
    shape("UTF-16LE", Encoding::Utf16, 16, |number, out| out.extend(number.iter().flat_map(|&digit| [digit, 0]))),
    shape("percent-encoded", Encoding::Percent, 16, |number, out| {
        out.extend(number.iter().flat_map(|&digit| [b'%', b'3', digit]));
    }),
    shape("base64, first alignment", Encoding::Base64, 16, |number, out| base64(b"", number, out)),
    shape("base64, second alignment", Encoding::Base64, 16, |number, out| base64(b"=", number, out)),
    shape("base64, third alignment", Encoding::Base64, 16, |number, out| base64(b"n=", number, out)),
    shape("base64url beside its own characters", Encoding::Base64, 16, |number, out| {
        let text = [&[0xfb, 0xff, 0xbf], number, &[0xfb, 0xff]].concat();
        out.extend_from_slice(Zeroizing::new(BASE64URL_NOPAD.encode(&Zeroizing::new(text))).as_bytes());
    }),
    shape("packed BCD, whole bytes", Encoding::PackedBcd, 16, packed),
    shape("packed BCD, shifted by a nibble", Encoding::PackedBcd, 16, |number, out| {
        packed(&[&[b'0' + 0xd], number, &[b'0' + 0xf]].concat(), out);
    }),
    shape("one digit per byte", Encoding::DigitBytes, 16, |number, out| {
        out.extend(number.iter().map(|digit| digit - b'0'));
    }),
    shape("fragment of nine, first", Encoding::Fragment, 9, |number, out| out.extend_from_slice(&number[..9])),
    shape("fragment of nine, last", Encoding::Fragment, 9, |number, out| {
        out.extend_from_slice(&number[number.len() - 9..]);
    }),
];

/// A number of 16 ASCII digits in a shape.
#[must_use]
pub fn encode(number: &[u8], shape: Shape) -> Zeroizing<Vec<u8>> {
    let mut planted = Zeroizing::new(Vec::with_capacity(64));
    (shape.write)(number, &mut planted);
    planted
}

fn grouped(number: &[u8], separator: u8, out: &mut Vec<u8>) {
    for (index, group) in number.chunks(4).enumerate() {
        out.extend((index > 0).then_some(separator));
        out.extend_from_slice(group);
    }
}

fn base64(before: &[u8], number: &[u8], out: &mut Vec<u8>) {
    let text = Zeroizing::new([before, number, b"&e"].concat());
    out.extend_from_slice(Zeroizing::new(BASE64_NOPAD.encode(&text)).as_bytes());
}

fn packed(digits: &[u8], out: &mut Vec<u8>) {
    out.extend(digits.chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')));
}
