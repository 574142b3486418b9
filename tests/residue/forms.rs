//! Card forms as browsers send them, and ways of sending them.

use crate::client::Close;
use crate::multipart::Form;
use crate::stage::{Attempt, Ending, Exchange};

/// An expiry that is far enough away, and one that will not do.
const EXPIRY: &str = "12 / 40";

/// Of AES, in bytes.
const CIPHER_BLOCK: usize = 16;

/// What the browser sends when it submits the form itself.
const BROWSER: &str = "Accept: text/html,application/xhtml+xml\r\nSec-Fetch-Mode: navigate\r\n";
/// What the page's script sends.
const SCRIPT: &str = "Accept: application/json\r\nSec-Fetch-Mode: cors\r\n";

/// The four fields, filled in.
pub fn fields(attempt: &Attempt<'_>) -> Form {
    with_code(attempt, &attempt.card.code)
}

fn with_code(attempt: &Attempt<'_>, code: &str) -> Form {
    with(attempt.token, &attempt.card.number, code)
}

fn with(token: &str, number: &str, code: &str) -> Form {
    Form::new().field("formToken", token).field("cardNumber", number).field("expiry", EXPIRY).field("cvv", code)
}

/// A request's head with these headers besides those that every browser sends.
pub fn head(attempt: &Attempt<'_>, line: &str, headers: &str) -> String {
    let host = attempt.host;
    format!(
        "{line}\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept-Language: tr,en;q=0.8\r\n\
         Origin: https://{host}\r\nReferer: https://{host}{}\r\nSec-Fetch-Site: same-origin\r\n{headers}\r\n",
        attempt.path
    )
}

/// A form's request with a length.
pub fn post(attempt: &Attempt<'_>, headers: &str, body: &[u8]) -> Vec<u8> {
    let line = format!("POST {} HTTP/1.1", attempt.path);
    let headers = format!("{headers}Content-Type: {}\r\nContent-Length: {}\r\n", Form::CONTENT_TYPE, body.len());
    [head(attempt, &line, &headers).as_bytes(), body].concat()
}

fn plain(attempt: &Attempt<'_>) -> Vec<u8> {
    post(attempt, BROWSER, &fields(attempt).finish())
}

fn answered(bytes: Vec<u8>) -> Exchange {
    Exchange { bytes, ending: Ending::Answer }
}

/// Scripts off.
pub fn by_browser(attempt: &Attempt<'_>) -> Exchange {
    answered(plain(attempt))
}

/// Scripts on.
pub fn by_script(attempt: &Attempt<'_>) -> Exchange {
    answered(post(attempt, SCRIPT, &fields(attempt).finish()))
}

/// Either, in turn.
pub fn by_either(attempt: &Attempt<'_>) -> Exchange {
    if attempt.index.is_multiple_of(2) { by_browser(attempt) } else { by_script(attempt) }
}

/// The client never ends the connection.
pub fn kept_open(attempt: &Attempt<'_>) -> Exchange {
    Exchange { bytes: plain(attempt), ending: Ending::Keep }
}

/// The client leaves while the provider works.
pub fn left(attempt: &Attempt<'_>) -> Exchange {
    Exchange { bytes: plain(attempt), ending: Ending::CloseOnceForwarded(Close::by_turns(attempt.index)) }
}

/// Before HTTP/1.1.
pub fn http_1_0(attempt: &Attempt<'_>) -> Exchange {
    let body = fields(attempt).finish();
    let headers = format!("{BROWSER}Content-Type: {}\r\nContent-Length: {}\r\n", Form::CONTENT_TYPE, body.len());
    let head = head(attempt, &format!("POST {} HTTP/1.0", attempt.path), &headers);
    answered([head.as_bytes(), &body].concat())
}

/// In chunks: one, a few, or one for each byte.
pub fn chunked(attempt: &Attempt<'_>) -> Exchange {
    let body = fields(attempt).finish();
    let size = [body.len(), 301, 7, 1][attempt.index % 4];
    let mut bytes = chunked_head(attempt).into_bytes();
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    answered(bytes)
}

/// The head of a form in chunks.
pub fn chunked_head(attempt: &Attempt<'_>) -> String {
    let headers = format!("{BROWSER}Content-Type: {}\r\nTransfer-Encoding: chunked\r\n", Form::CONTENT_TYPE);
    head(attempt, &format!("POST {} HTTP/1.1", attempt.path), &headers)
}

/// One request behind the other on one connection.
pub fn pipelined(attempt: &Attempt<'_>) -> Exchange {
    let form = plain(attempt);
    let page = head(attempt, &format!("GET {} HTTP/1.1", attempt.path), BROWSER).into_bytes();
    let second = post(attempt, BROWSER, &with(attempt.token, &attempt.other.number, &attempt.other.code).finish());
    let bytes = match attempt.index % 3 {
        0 => [form, page].concat(),
        1 => [form, second].concat(),
        _ => [page.clone(), form, second, page].concat(),
    };
    Exchange { bytes, ending: Ending::AllAnswers }
}

/// The client is gone after so many bytes of the body: each attempt after another number.
pub fn cut(attempt: &Attempt<'_>) -> Exchange {
    let mut bytes = plain(attempt);
    let body = fields(attempt).finish().len();
    assert!(attempt.count >= body - 1, "{} cards for {} places to cut", attempt.count, body - 1);
    bytes.truncate(bytes.len() - body + 1 + attempt.index % (body - 1));
    // Another way at the same place, where there are several rounds.
    Exchange { bytes, ending: Ending::Close(Close::by_turns(attempt.index + attempt.index / (body - 1))) }
}

/// The client is gone behind the card's number, which fills the last block of
/// its TLS record but for two bytes: what is decrypted last stays longest, in
/// vector registers and on the stack.
pub fn cut_behind(attempt: &Attempt<'_>) -> Exchange {
    let number = attempt.card.number.as_bytes();
    let up_to_number = |padding: usize| {
        let headers = format!("{BROWSER}X-Padding: {}\r\n", "x".repeat(padding));
        let mut bytes = post(attempt, &headers, &fields(attempt).finish());
        let end = bytes.windows(number.len()).position(|window| window == number).expect("a number") + number.len();
        bytes.truncate(end);
        bytes
    };
    let over = up_to_number(0).len() % CIPHER_BLOCK;
    let bytes = up_to_number((2 * CIPHER_BLOCK - 2 - over) % CIPHER_BLOCK);
    Exchange { bytes, ending: Ending::Close(Close::Fin) }
}

/// The client says nothing more, in the middle of its body or of its head.
pub fn stalled(attempt: &Attempt<'_>) -> Exchange {
    let mut bytes = match attempt.index % 4 {
        0 => head(attempt, "POST /c/x HTTP/1.1", &format!("Cookie: card={}\r\n", attempt.card.number)).into_bytes(),
        _ => plain(attempt),
    };
    bytes.truncate(bytes.len() - 2 - attempt.index % 40);
    Exchange { bytes, ending: Ending::AllAnswers }
}

/// Makes the process panic: in the handler, and in the task that forwards the card.
pub fn panicking(attempt: &Attempt<'_>) -> Exchange {
    let code = if attempt.index.is_multiple_of(2) { "000" } else { "001" };
    Exchange { bytes: post(attempt, BROWSER, &with_code(attempt, code).finish()), ending: Ending::AllAnswers }
}

/// What the cardholder has to mend: another check digit, a code of eight
/// digits, a month that is over.
pub fn mistyped(attempt: &Attempt<'_>) -> Exchange {
    let mut number = attempt.card.number.clone();
    let form = match attempt.index % 3 {
        0 => {
            let wrong = if number.ends_with('7') { "3" } else { "7" };
            number.replace_range(15.., wrong);
            with(attempt.token, &number, &attempt.card.long_code)
        }
        1 => with(attempt.token, &number, &attempt.card.long_code),
        _ => Form::new()
            .field("formToken", attempt.token)
            .field("cardNumber", &number)
            .field("expiry", "01 / 20")
            .field("cvv", &attempt.card.code),
    };
    let headers = if attempt.index.is_multiple_of(2) { BROWSER } else { SCRIPT };
    answered(post(attempt, headers, &form.finish()))
}
