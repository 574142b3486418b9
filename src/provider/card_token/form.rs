//! The outbound form (RFC 7578): nine fields in one buffer that is allocated at
//! its full size, so that no smaller copy of the card is left behind.

use super::signature::Signature;
use crate::provider::TokenizeCall;
use hyper::header::HeaderValue;
use uuid::Uuid;
use zeroize::Zeroizing;

const BEFORE_NAME: &[u8] = b"\r\nContent-Disposition: form-data; name=\"";
const BEFORE_VALUE: &[u8] = b"\"\r\n\r\n";
const BEFORE_BOUNDARY: &[u8] = b"--";
const LINE_END: &[u8] = b"\r\n";

/// Everything that one call sends.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    /// The card and the merchant's keys.
    pub call: TokenizeCall<'a>,
    /// The conversation id of this call, with its suffix where one is due.
    pub conversation_id: &'a str,
    /// Unix time in milliseconds, as signed.
    pub nonce: u64,
    /// Over the three above.
    pub signature: &'a Signature,
}

impl Form<'_> {
    /// The value of `Content-Type`, and the body.
    #[must_use]
    pub fn encode(&self) -> (HeaderValue, Zeroizing<Vec<u8>>) {
        let boundary = format!("vezne-{}", Uuid::now_v7().simple());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        // Visible ASCII always makes a header value; the fallback cannot be reached.
        let content_type =
            HeaderValue::try_from(content_type).unwrap_or(HeaderValue::from_static("multipart/form-data"));
        (content_type, self.body(boundary.as_bytes()))
    }

    fn body(&self, boundary: &[u8]) -> Zeroizing<Vec<u8>> {
        let TokenizeCall { card, credentials, .. } = self.call;
        let month = two_digits(u16::from(card.expiry().month()));
        let year = two_digits(card.expiry().year());
        let nonce = self.nonce.to_string();
        write(
            boundary,
            &[
                ("CardNumber", card.pan().expose_digits()),
                ("ExpireMonth", &month),
                ("ExpireYear", &year),
                ("Cvv", card.cvv().expose_digits()),
                ("PublicKey", credentials.public_key.as_bytes()),
                ("Nonce", nonce.as_bytes()),
                ("Signature", self.signature.as_str().as_bytes()),
                ("ConversationId", self.conversation_id.as_bytes()),
                ("MerchantNumber", credentials.merchant_number.as_bytes()),
            ],
        )
    }
}

fn write(boundary: &[u8], fields: &[(&str, &[u8])]) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(length(boundary, fields)));
    for (name, value) in fields {
        for piece in [BEFORE_BOUNDARY, boundary, BEFORE_NAME, name.as_bytes(), BEFORE_VALUE, value, LINE_END] {
            body.extend_from_slice(piece);
        }
    }
    for piece in [BEFORE_BOUNDARY, boundary, BEFORE_BOUNDARY, LINE_END] {
        body.extend_from_slice(piece);
    }
    body
}

fn length(boundary: &[u8], fields: &[(&str, &[u8])]) -> usize {
    let frame = BEFORE_BOUNDARY.len() + boundary.len() + LINE_END.len();
    let part = frame + BEFORE_NAME.len() + BEFORE_VALUE.len();
    fields.iter().map(|(name, value)| part + name.len() + value.len()).sum::<usize>() + frame + BEFORE_BOUNDARY.len()
}

/// The last two decimal digits.
fn two_digits(number: u16) -> [u8; 2] {
    [number / 10 % 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{Card, Cvv, Expiry, Month, Pan};
    use crate::provider::Credentials;
    use crate::provider::card_token::signature::sign;
    use std::cell::Cell;

    fn encode(conversation_id: &str) -> (String, Zeroizing<Vec<u8>>) {
        let now = Month::new(2026, 11).unwrap();
        let pan = Pan::parse(b"4355093000777068").unwrap();
        let expiry = Expiry::parse(b"1/40", now).unwrap();
        let card = Card::new(pan, expiry, Cvv::parse(b"313").unwrap()).unwrap();
        let credentials = Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap();
        let signature = sign(&credentials, conversation_id, 1_732_190_400_000);
        let call = TokenizeCall {
            card: &card,
            credentials: &credentials,
            conversation_id,
            attempt: 1,
            has_left: &Cell::new(false),
        };
        let form = Form { call, conversation_id, nonce: 1_732_190_400_000, signature: &signature };
        let (content_type, body) = form.encode();
        (content_type.to_str().unwrap().to_owned(), body)
    }

    #[test]
    fn the_nine_fields_as_sent() {
        let (content_type, body) = encode("969109305");
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let (parts, end) = text.rsplit_once(&format!("--{boundary}--")).unwrap();
        assert_eq!(end, "\r\n");
        let fields: Vec<_> = parts
            .split_terminator("\r\n")
            .collect::<Vec<_>>()
            .chunks(4)
            .map(|part| match part {
                [delimiter, head, "", value] if *delimiter == format!("--{boundary}") => {
                    (head.strip_prefix("Content-Disposition: form-data; name=").unwrap(), *value)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let credentials = Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap();
        let signature = sign(&credentials, "969109305", 1_732_190_400_000);
        let expected = [
            ("\"CardNumber\"", "4355093000777068"),
            ("\"ExpireMonth\"", "01"),
            ("\"ExpireYear\"", "40"),
            ("\"Cvv\"", "313"),
            ("\"PublicKey\"", "cHVibGlj"),
            ("\"Nonce\"", "1732190400000"),
            ("\"Signature\"", signature.as_str()),
            ("\"ConversationId\"", "969109305"),
            ("\"MerchantNumber\"", "7001"),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn the_buffer_is_never_moved() {
        for conversation_id in ["1", "sipariş-42", &"x".repeat(5000)] {
            let (_, body) = encode(conversation_id);
            assert_eq!(body.capacity(), body.len(), "allocated once, at exactly its size");
        }
    }

    #[test]
    fn each_form_has_its_own_boundary() {
        assert_ne!(encode("1").0, encode("1").0);
    }
}
