//! Forms that are none, and heads that cannot be read, with a card in them.

use crate::forms::{chunked_head, fields, head, post};
use crate::multipart::Form;
use crate::stage::{Attempt, Ending, Exchange};

const ACCEPT: &str = "Accept: text/html\r\n";
const MONTH: &str = "Content-Disposition: form-data; name=\"expiryMonth\"";
const NUMBER: &str = "Content-Disposition: form-data; name=\"cardNumber\"";
/// Over what a form may have.
const LARGE: usize = 20_000;

/// A form that is too large: as a whole, in one field, in chunks without a length.
pub fn oversize(attempt: &Attempt<'_>) -> Exchange {
    let Attempt { card, token, index, .. } = attempt;
    let filling = vec![b'9'; LARGE];
    let repeated = card.number.repeat(LARGE / card.number.len());
    let form = match index % 4 {
        0 => fields(attempt).part("Content-Disposition: form-data; name=\"x\"", &filling),
        1 => Form::new().field("formToken", token).part(NUMBER, repeated.as_bytes()),
        2 => Form::new().part("Content-Disposition: form-data; name=\"x\"", &filling).field("cardNumber", &card.number),
        _ => Form::new().field("cardNumber", &card.number).part(&format!("X-Long: {repeated}\r\n{MONTH}"), b"1"),
    };
    let body = form.finish();
    let bytes = if (index / 4).is_multiple_of(2) {
        post(attempt, ACCEPT, &body)
    } else {
        [chunked_head(attempt).as_bytes(), &one_chunk(&body)].concat()
    };
    Exchange { bytes, ending: Ending::AllAnswers }
}

/// A form that is no form, in many ways.
pub fn malformed(attempt: &Attempt<'_>) -> Exchange {
    let form = fields(attempt);
    let (number, whole) = (attempt.card.number.as_str(), form.clone().finish());
    let line = format!("POST {} HTTP/1.1", attempt.path);
    let typed = |kind: &str, body: &[u8]| {
        let headers = format!("{ACCEPT}Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        [head(attempt, &line, &headers).as_bytes(), body].concat()
    };
    let of = |form: Form| post(attempt, ACCEPT, &form.finish());
    let chunks = |body: &[u8]| [chunked_head(attempt).as_bytes(), body].concat();
    let text = String::from_utf8_lossy(&whole);
    let bytes = match attempt.index % 22 {
        0 => of(form.field("cardNumber", number)),
        1 => of(form.field("CardNumber", number)),
        2 => of(form.field("expiryYear", number)),
        3 => of(form.part(&format!("{MONTH}; filename=\"{number}.txt\""), number.as_bytes())),
        4 => of(form.part(&format!("{MONTH}\r\nContent-Type: image/png"), number.as_bytes())),
        5 => of(form.part(MONTH, b"1\0")),
        6 => of(form.part(MONTH, b"\xff\xfe")),
        7 => of(form.part(&format!("{MONTH}\r\nContent-Type: text/plain; charset=iso-8859-9"), b"1")),
        8 => of(form.part(&format!("{MONTH}\r\nContent-Transfer-Encoding: base64"), b"MQ==")),
        9 => of(form.part("Content-Disposition: form-data", number.as_bytes())),
        10 => of(form.part(&format!("X-Nothing: {number}"), b"1")),
        11 => post(attempt, ACCEPT, &whole[..whole.len() - 8]),
        12 => post(attempt, ACCEPT, &[whole.as_slice(), b"cardNumber=", number.as_bytes()].concat()),
        13 => post(attempt, ACCEPT, text.replace("\r\n", "\n").as_bytes()),
        14 => post(attempt, ACCEPT, text.replace(Form::BOUNDARY, "another").as_bytes()),
        15 => typed("application/json", format!("{{\"cardNumber\":\"{number}\"}}").as_bytes()),
        16 => typed("application/x-www-form-urlencoded", format!("cardNumber={number}&cvv=123").as_bytes()),
        17 => typed(&format!("multipart/form-data; boundary={number}"), &whole),
        18 => typed("multipart/form-data", &whole),
        19 => chunks(&[format!("fff\r\n{number}").as_bytes(), &whole].concat()),
        20 => chunks(&[format!("{number}{number}\r\n").as_bytes(), &whole].concat()),
        _ => chunks(&[format!("{:x};card={number}\r\n", whole.len()).as_bytes(), &whole, b"\r\n-1\r\n"].concat()),
    };
    Exchange { bytes, ending: Ending::HalfClose }
}

/// A head that cannot be read, or that is too much.
pub fn heads(attempt: &Attempt<'_>) -> Exchange {
    let (number, path) = (attempt.card.number.as_str(), attempt.path);
    let with = |headers: &str| head(attempt, &format!("POST {path} HTTP/1.1"), headers).into_bytes();
    let bytes = match attempt.index % 14 {
        0 => head(attempt, &format!("POST {path}?card={number} HTTP/9.9"), "").into_bytes(),
        1 => with(&format!("Card {number}\r\n")),
        2 => with(&format!("Card\0: {number}\r\n")),
        3 => with(&format!("Card: {number}\0\r\n")),
        4 => with(&format!("Card {number}: yes\r\n")),
        5 => with(&format!("{number} : yes\r\n")),
        6 => with(&format!("Content-Length: {number}{number}\r\n")),
        7 => with(&format!("Content-Length: 5\r\nContent-Length: 6\r\nX-Card: {number}\r\n")),
        8 => with(&format!("Transfer-Encoding: {number}, chunked, {number}\r\n")),
        9 => with(&format!("X-Card: {number}\r\n").repeat(200)),
        10 => with(&format!("X-Card: {}\r\n", number.repeat(20_000))),
        11 => format!("{number}\r\n\r\n").into_bytes(),
        12 => format!("GET {number} {number}\r\nHost: {number}\r\n\r\n").into_bytes(),
        _ => with(&format!("X-Card: {number}\r\n {number}\r\n")),
    };
    Exchange { bytes, ending: Ending::HalfClose }
}

fn one_chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}
