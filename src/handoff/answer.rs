//! What is kept of an endpoint's answer, for the merchant to read: its first
//! bytes, with nothing in them that must not be kept. An endpoint can repeat what
//! it was sent, and anything else.

use crate::card::digits::mask_runs;
use crate::id::{EventId, MerchantId, RequestId, SessionId};
use crate::telemetry::mask;

/// How much is kept, in bytes of UTF-8.
const KEPT: usize = 256;
/// Shortest run of digits that may be a part of a card number.
const CARD_LIKE: usize = 12;
/// Shortest word of letters and digits that may be a token or a key.
const TOKEN_LIKE: usize = 16;

/// The first of an answer's body as text on one line: what
/// may be a card number is asterisks, and so is the token and what looks like one.
#[must_use]
pub fn kept_of(body: &[u8], token: Option<&str>) -> String {
    // NUL stands between the letters of text in UTF-16.
    let text: String = String::from_utf8_lossy(body).chars().filter(|letter| *letter != '\0').collect();
    // Groups of digits on lines of their own are a number, too.
    let words = text.split(|letter: char| letter.is_control() || letter == ' ').filter(|word| !word.is_empty());
    let text = words.collect::<Vec<_>>().join(" ");
    let text = match token.filter(|token| !token.is_empty()) {
        Some(token) => text.replace(token, "***"),
        None => text,
    };
    let text = mask_runs(&mask(&mask_tokens(&text)), CARD_LIKE);
    let mut end = text.len().min(KEPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end().to_owned()
}

/// Asterisks for every word that is long and has both letters and digits, in any
/// of the ways in which base64 is written into URLs, JSON and HTML; ids stay.
fn mask_tokens(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "+/=_-%\\&#;.~".contains(letter);
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(|letter| !is_part(letter)) {
        let word = piece.trim_end_matches(|letter| !is_part(letter));
        if is_token_like(word) {
            masked.push_str("***");
            masked.push_str(&piece[word.len()..]);
        } else {
            masked.push_str(piece);
        }
    }
    masked
}

fn is_token_like(word: &str) -> bool {
    let is_id = SessionId::parse(word).is_some()
        || EventId::parse(word).is_some()
        || MerchantId::parse(word).is_some()
        || RequestId::parse(word).is_some();
    word.len() >= TOKEN_LIKE
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !is_id
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::{BASE64, HEXLOWER};

    const TOKEN: &str = "+oc6jxS0ABueLM+QuJnQFrZyV+B4HMHYiMx8yBH/Z90=";

    fn kept(text: &str) -> String {
        kept_of(text.as_bytes(), Some(TOKEN))
    }

    #[test]
    fn what_a_developer_needs_stays() {
        let id = SessionId::generate();
        for text in [
            "",
            "Internal Server Error",
            "{\"error\":\"order 1042 is unknown\",\"code\":17}",
            "<title>502 Bad Gateway</title>",
            "sipariş bulunamadı",
            "/var/www/html/app/vendor/autoload.php on line 42",
            &format!("no order of {id}"),
        ] {
            assert_eq!(kept(text), text);
        }
        assert_eq!(kept_of(&[0xff, b'x'], None), "\u{fffd}x");
    }

    #[test]
    fn control_characters_are_spaces_and_the_rest_is_cut() {
        assert_eq!(kept("a\r\n  b\tc\u{1b}[31m\u{7f}"), "a b c [31m");
        let long = kept(&"ş ".repeat(400));
        assert!(long.len() <= KEPT && long.starts_with("ş ş"), "{long}");
    }

    #[test]
    fn a_card_number_is_masked_however_it_is_written_and_wherever_it_stands() {
        for number in ["4355093000777068", "4355 0930 0077 7068", "4355-0930-0077-7068", "4355\t0930\r\n0077\n  7068"] {
            for at in [0, 1, 230, 240, 250, 255] {
                let kept = kept(&format!("{}{number} is refused", ".".repeat(at)));
                assert!(!kept.contains("435") && !kept.contains("7068"), "{kept}");
            }
        }
    }

    #[test]
    fn the_token_is_masked_in_every_spelling() {
        let slashes = TOKEN.replace('/', "\\/");
        let url: String = url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect();
        let html = TOKEN.replace('+', "&#43;").replace('=', "&#x3d;");
        let base64 = BASE64.encode(format!("{{\"cardToken\":\"{TOKEN}\"}}").as_bytes());
        let utf_16: String = TOKEN.chars().flat_map(|letter| [letter, '\0']).collect();
        let hex = HEXLOWER.encode(TOKEN.as_bytes());
        for spelling in [TOKEN, &slashes, &url, &html, &base64, &utf_16, &hex, &TOKEN[..20]] {
            let kept = kept(&format!("you sent \"{spelling}\""));
            assert_eq!(kept, "you sent \"***\"", "{spelling}");
        }
        assert_eq!(kept_of(b"t-1 was sent", Some("t-1")), "*** was sent");
    }
}
