//! The card form: `content type \n cuts \n body`.
//!
//! Whatever comes, no more than the bound is taken; what is accepted stands in
//! the body as it was read, whatever the pieces in which it came, and a plain
//! second reader that accepts the body too reads the same.

use super::input::{body, lines, run, text};
use super::multipart;
use super::numbers::typed_digits;
use actix_web::test::TestRequest;
use vezne::card::Month;
use vezne::intake::{BoundedBody, Form, FormFault, MAX_BODY, read_card};

/// The form's fields and the longest value that each may have.
const FIELDS: [(&str, usize); 6] =
    [("formToken", 96), ("cardNumber", 120), ("expiry", 27), ("expiryMonth", 6), ("expiryYear", 12), ("cvv", 12)];

/// Reads the form as it comes in pieces and whole.
pub fn check(data: &[u8]) {
    let ([content_type, cuts], bytes) = lines(data);
    let Some(content_type) = text(content_type) else { return };
    let pieces = read(content_type, bytes, cuts);
    let whole = read(content_type, bytes, &[]);
    assert_eq!(pieces.is_ok(), whole.is_ok(), "{:?} in pieces, {:?} whole", pieces.err(), whole.err());
    let (Ok(form), Ok(whole)) = (pieces, whole) else { return };
    for (name, longest) in FIELDS {
        assert_eq!((form.has(name), form.value(name)), (whole.has(name), whole.value(name)), "{name}");
        assert!(form.value(name).len() <= longest && text(form.value(name)).is_some(), "{name}");
        assert!(!form.has(name) || stands_in(bytes, form.value(name)), "{name} is not in the body");
    }
    agrees_with_the_plain_reader(content_type, bytes, &form);
    holds_a_card_or_says_why_not(&form);
}

/// Reads a body cut as `cuts` say.
///
/// # Errors
/// As [`Form::read`].
pub fn read(content_type: &str, bytes: &[u8], cuts: &[u8]) -> Result<Form, FormFault> {
    let source = body(bytes, cuts);
    let request = TestRequest::post().insert_header(("content-length", bytes.len().min(MAX_BODY).to_string()));
    let Ok(kind) = actix_web::http::header::HeaderValue::from_str(content_type) else {
        return Err(FormFault::NotMultipart);
    };
    let request = request.insert_header(("content-type", kind)).to_http_request();
    let bounded = BoundedBody::new(source.payload, MAX_BODY);
    let form = run(Form::read(&request, &bounded));
    assert!(source.taken.get() <= MAX_BODY + source.longest, "{} bytes were taken", source.taken.get());
    assert!(form.is_err() || source.taken.get() == bytes.len(), "accepted without having been read to its end");
    form
}

/// Whether a value stands in the body between a part's head and a delimiter.
fn stands_in(body: &[u8], value: &[u8]) -> bool {
    let framed = [b"\n\r\n", value, b"\r\n--"].concat();
    multipart::find(body, &framed).is_some()
}

fn agrees_with_the_plain_reader(content_type: &str, bytes: &[u8], form: &Form) {
    let Some((_, boundary)) = content_type.split_once("boundary=") else { return };
    let boundary = boundary.trim_matches('"');
    if let Some(place) = multipart::find(bytes, format!("--{boundary}--").as_bytes()) {
        let rest = &bytes[place + boundary.len() + 4..];
        assert!(matches!(rest, b"" | b"\r\n"), "{} bytes behind the end", rest.len());
    }
    let Some(parts) = multipart::parse(bytes, boundary) else { return };
    assert_eq!(parts.len(), FIELDS.iter().filter(|(name, _)| form.has(name)).count());
    for (name, value) in parts {
        assert!(form.has(&name), "{name} was dropped");
        assert_eq!(form.value(&name), value, "{name}");
    }
}

fn holds_a_card_or_says_why_not(form: &Form) {
    match read_card(form, Month::new(2026, 11).unwrap()) {
        Ok(card) => {
            assert_eq!(Some(card.pan().expose_digits()), typed_digits(form.value("cardNumber")).as_deref());
            assert_eq!(Some(card.cvv().expose_digits()), typed_digits(form.value("cvv")).as_deref());
        }
        Err(problems) => assert!((1..=3).contains(&problems.len())),
    }
}
