//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use crate::error::{INVALID_IDEMPOTENCY_KEY, Problem};
use crate::hardening::Fingerprint;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST: usize = 255;

/// A merchant's name for a call. Kept as a hash: what merchants build keys of (an
/// order, an address) is not ours to store.
#[derive(Clone, Copy)]
pub struct IdempotencyKey(pub(super) Fingerprint);

impl IdempotencyKey {
    /// The key of a request, if it has one. Compared byte by byte: the quotes that
    /// the draft writes around a key are part of it here.
    ///
    /// # Errors
    /// A problem, when the header is there twice or holds something else than 1 to
    /// 255 visible ASCII characters.
    pub fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let invalid = |detail: &str| Problem::new(&INVALID_IDEMPOTENCY_KEY).detail(detail);
        let mut values = request.headers().get_all(HEADER);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(invalid("the header is there more than once"));
        }
        let bytes = value.as_bytes();
        if bytes.is_empty() || bytes.len() > LONGEST {
            return Err(invalid("a key has 1 to 255 characters"));
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text =
            text.ok_or_else(|| invalid("a key has visible ASCII characters only: letters, digits, - and such"))?;
        Ok(Some(Self(Fingerprint::of(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    fn read(values: &[&[u8]]) -> Result<Option<[u8; 32]>, String> {
        let mut request = TestRequest::post();
        for value in values {
            request = request.append_header((HEADER, HeaderValue::from_bytes(value).unwrap()));
        }
        let key = IdempotencyKey::of(&request.to_http_request());
        key.map(|key| key.map(|key| *key.0.as_bytes()))
            .map_err(|problem| problem.body(&"https://pay.example/".parse().unwrap(), "")["detail"].to_string())
    }

    #[test]
    fn a_key_is_one_header_of_visible_ascii() {
        assert_eq!(read(&[]), Ok(None));
        let longest = "~".repeat(LONGEST);
        for good in [b"a".as_slice(), b"!", b"8e03978e-40d5-43e8-bc93-6894a57f9324", b"\"quoted\"", longest.as_bytes()]
        {
            assert_eq!(read(&[good]), Ok(Some(*Fingerprint::of(std::str::from_utf8(good).unwrap()).as_bytes())));
        }
        let too_long = "a".repeat(LONGEST + 1);
        for bad in [b"".as_slice(), b"a b", b"a, b", "sipariş".as_bytes(), b"\xff", b"a\tb", too_long.as_bytes()] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
        assert!(read(&[b"a", b"a"]).unwrap_err().contains("more than once"));
    }
}
