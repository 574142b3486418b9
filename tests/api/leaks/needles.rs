//! What is searched for: each secret in every writing that a careless line of
//! code could give it.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};
use std::collections::{HashMap, HashSet};

/// Part of a card number that nobody may have: one digit more than the truncation keeps.
const PIECE: usize = 9;

/// A secret in one of its writings.
struct Needle {
    what: String,
    writing: &'static str,
    text: String,
}

/// So much of a needle's beginning is looked up at each place of a text.
const START: usize = 4;

/// Everything that was secret, by the beginnings of its writings.
#[derive(Default)]
pub struct Needles(HashMap<Vec<u8>, Vec<Needle>>);

impl Needles {
    /// Adds a secret text.
    pub fn secret(&mut self, what: &str, text: &str) {
        assert!(text.len() >= 8, "{what} is too short to be told from other text");
        self.add(what, "as it is", text.to_owned());
        let listed: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        self.add(what, "a list of bytes", listed.join(", "));
        for (writing, format) in [("percent-encoded", "%"), ("escaped", "\\x"), ("escaped twice", "\\u00")] {
            for hex in [HEXLOWER.encode(text.as_bytes()), HEXUPPER.encode(text.as_bytes())] {
                let pairs: Vec<_> = hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
                self.add(what, writing, format!("{format}{}", pairs.join(format)));
            }
        }
        let in_query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        self.add(what, "in a query", in_query);
        for hex in [HEXLOWER, HEXUPPER] {
            self.add(what, "hexadecimal", hex.encode(text.as_bytes()));
        }
        for encoding in [BASE64_NOPAD, BASE64URL_NOPAD] {
            (0..3).for_each(|shift| self.add(what, "base64", inside_base64(&encoding, text, shift)));
        }
        self.add(what, "UTF-16", text.chars().flat_map(|letter| [letter, '\0']).collect());
        self.add(what, "backwards", text.chars().rev().collect());
    }

    /// Adds a card number: as a secret, grouped, and in pieces.
    pub fn card_number(&mut self, number: &str) {
        self.secret("card number", number);
        for size in [1, 2, 3, 4, 5, 6, 8] {
            for separator in [" ", "-", ".", "_", "\u{a0}", ", ", "\\n"] {
                let groups: Vec<_> = number.as_bytes().chunks(size).map(String::from_utf8_lossy).collect();
                self.add("card number", "grouped", groups.join(separator));
            }
        }
        for piece in number.as_bytes().windows(PIECE).map(String::from_utf8_lossy) {
            // A row of zeros is in many a number.
            if piece.bytes().collect::<HashSet<_>>().len() >= 4 {
                self.add("card number", "a piece of nine digits", piece.into_owned());
            }
        }
    }

    /// Adds a security code: three digits are found everywhere, so it counts beside its name.
    pub fn code(&mut self, code: &str) {
        for (before, after) in [("cvv\"\r\n\r\n", ""), ("cvv=", ""), ("cvv\":\"", ""), ("cvv\": \"", ""), ("\"", "\"")]
        {
            self.add("security code", "beside its name", format!("{before}{code}{after}"));
        }
    }

    fn add(&mut self, what: &str, writing: &'static str, text: String) {
        let same_start = self.0.entry(text.as_bytes()[..START].to_vec()).or_default();
        if !same_start.iter().any(|known| known.text == text) {
            same_start.push(Needle { what: what.to_owned(), writing, text });
        }
    }

    /// Each kind of secret that a text holds, with the first line that does.
    pub fn found_in(&self, place: &str, text: &str) -> Vec<String> {
        let mut found = HashMap::new();
        for (at, start) in text.as_bytes().windows(START).enumerate() {
            let here = |needle: &&Needle| text.as_bytes()[at..].starts_with(needle.text.as_bytes());
            for needle in self.0.get(start).into_iter().flatten().filter(here) {
                found.entry(needle.what.as_str()).or_insert_with(|| tell(place, text, at, needle));
            }
        }
        found.into_values().collect()
    }
}

fn tell(place: &str, text: &str, at: usize, needle: &Needle) -> String {
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let line: String = text[start..].lines().next().unwrap_or_default().chars().take(600).collect();
    format!("{place}: {} ({}: {:?}) in: {line}", needle.what, needle.writing, needle.text)
}

/// The letters of a base64 text that are this secret's alone, when so many bytes of
/// something else stand before it.
fn inside_base64(encoding: &Encoding, text: &str, shift: usize) -> String {
    let bytes = [vec![b'?'; shift], text.as_bytes().to_vec()].concat();
    let encoded = encoding.encode(&bytes);
    encoded[(shift * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

#[test]
fn every_writing_is_found() {
    let mut needles = Needles::default();
    needles.card_number("4355093000777068");
    needles.secret("key", "zA3R20e1+NcW/PZ=");
    needles.code("931");
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    for leak in [
        "x4355093000777068x".to_owned(),
        "4355 0930 0077 7068".to_owned(),
        "4355-0930-0077-7068".to_owned(),
        "435509 300077 7068".to_owned(),
        "a piece: 093000777".to_owned(),
        "%34%33%35%35%30%39%33%30%30%30%37%37%37%30%36%38".to_owned(),
        base64("4355093000777068"),
        base64("n=4355093000777068"),
        base64("no=4355093000777068&"),
        format!("{:?}", b"4355093000777068"),
        format!("{:?}", b"4355093000777068".to_vec()),
        format!("{:x?}", "4355093000777068".to_owned()),
        "key=zA3R20e1%2BNcW%2FPZ%3D".to_owned(),
        HEXUPPER.encode(b"zA3R20e1+NcW/PZ="),
        "{\"cvv\":\"931\"}".to_owned(),
    ] {
        assert!(!needles.found_in("x", &format!("before\n{leak}\nafter")).is_empty(), "{leak}");
    }
    for innocent in ["43550930 ending 7068", "931 ms", "2026-11-22T01:22:58.931Z"] {
        assert_eq!(needles.found_in("x", innocent), Vec::<String>::new());
    }
}
