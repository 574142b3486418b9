//! Cards where none belong: in URLs and headers, in fields of the form that are
//! for something else, in calls of the merchants' API.

use crate::forms::{fields, head, post};
use crate::multipart::Form;
use crate::stage::{Attempt, Ending, Exchange, api_post};
use serde_json::{Value, json};

const ACCEPT: &str = "Accept: text/html\r\n";

fn answered(bytes: impl Into<Vec<u8>>) -> Exchange {
    Exchange { bytes: bytes.into(), ending: Ending::Answer }
}

/// In the URL: path and query, of the page, of the form and of nothing.
pub fn urls(attempt: &Attempt<'_>) -> Exchange {
    let (number, path) = (attempt.card.number.as_str(), attempt.path);
    let percent = number.chars().fold(String::new(), |url, digit| url + "%3" + digit.encode_utf8(&mut [0; 4]));
    let grouped = number.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("%20");
    let url = match attempt.index % 9 {
        0 => format!("/c/{number}"),
        1 => format!("/{number}"),
        2 => format!("{path}?cardNumber={number}&cvv={}", attempt.card.code),
        3 => format!("{path}/{number}"),
        4 => format!("{path}?{percent}"),
        5 => format!("/c/{percent}"),
        6 => format!("{path}/done?card={grouped}"),
        7 => format!("https://{}/{number}?{number}#{number}", attempt.host),
        _ => format!("/v1/sessions/{number}?conversationId={number}"),
    };
    if attempt.index.is_multiple_of(2) {
        return answered(head(attempt, &format!("GET {url} HTTP/1.1"), ACCEPT));
    }
    let body = fields(attempt).finish();
    let headers = format!("{ACCEPT}Content-Type: {}\r\nContent-Length: {}\r\n", Form::CONTENT_TYPE, body.len());
    answered([head(attempt, &format!("POST {url} HTTP/1.1"), &headers).as_bytes(), &body].concat())
}

/// In a header, of the page or of a form that is good otherwise.
pub fn headers(attempt: &Attempt<'_>) -> Exchange {
    let number = attempt.card.number.as_str();
    let header = match attempt.index % 12 {
        0 => format!("Referer: https://{}/?card={number}", attempt.host),
        1 => format!("Cookie: a=b; card={number}; c=d"),
        2 => format!("User-Agent: {number}"),
        3 => format!("Accept-Language: {number},tr"),
        4 => format!("X-Card-Number: {number}"),
        5 => format!("X-{number}: yes"),
        6 => format!("Accept: application/json, {number}"),
        7 => format!("If-None-Match: \"{number}\""),
        8 => format!("Authorization: Bearer {number}"),
        9 => format!("Forwarded: for={number}"),
        10 => format!("Expect: {number}"),
        _ => format!("Range: bytes={number}-"),
    };
    if (attempt.index / 12).is_multiple_of(2) {
        return answered(head(attempt, &format!("GET {} HTTP/1.1", attempt.path), &format!("{header}\r\n")));
    }
    answered(post(attempt, &format!("{header}\r\n"), &fields(attempt).finish()))
}

/// In a field that is for something else, as a field's name, as a file.
pub fn wrong_fields(attempt: &Attempt<'_>) -> Exchange {
    let number = attempt.card.number.as_str();
    let token = || Form::new().field("formToken", attempt.token);
    let form = match attempt.index % 8 {
        0 => Form::new().field("formToken", number).field("cardNumber", number),
        1 => token().field("cardNumber", "4").field("expiry", number).field("cvv", "123"),
        2 => token().field("cvv", number).field("cardNumber", "4").field("expiry", "12/40"),
        3 => token().field("expiryMonth", number).field("expiryYear", number),
        4 => token().field(number, "12/40"),
        5 => token().part(&format!("Content-Disposition: form-data; name=\"a\"; filename=\"{number}\""), b"x"),
        6 => token().part(
            "Content-Disposition: form-data; name=\"cardNumber\"; filename=\"card.txt\"\r\nContent-Type: text/plain",
            number.as_bytes(),
        ),
        _ => token().part(&format!("Content-Disposition: attachment; x={number}; name=\"{number}\""), b"x"),
    };
    answered(post(attempt, ACCEPT, &form.finish()))
}

/// In what a browser reports of the page: the address that was called, or the
/// piece of the script.
pub fn reports(attempt: &Attempt<'_>) -> Exchange {
    let (number, page) = (attempt.card.number.as_str(), format!("https://{}{}", attempt.host, attempt.path));
    let called = format!("https://evil.example/?card={number}");
    let (kind, body) = if attempt.index.is_multiple_of(2) {
        let report =
            json!({"documentURL": page, "effectiveDirective": "connect-src", "blockedURL": called, "sample": number});
        ("application/reports+json", json!([{"type": "csp-violation", "body": report}]))
    } else {
        let report =
            json!({"document-uri": page, "violated-directive": number, "blocked-uri": called, "script-sample": number});
        ("application/csp-report", json!({"csp-report": report}))
    };
    let body = body.to_string();
    let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
    answered([head(attempt, "POST /csp HTTP/1.1", &headers), body].concat())
}

/// In calls of the merchants' API.
pub fn api(attempt: &Attempt<'_>) -> Exchange {
    let number = attempt.card.number.as_str();
    let good = json!({"purpose": "tokenize", "conversationId": "order-1", "returnUrl": attempt.shop_url});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    let body = match attempt.index % 13 {
        0 => with("cardNumber", json!(number)),
        1 => with("purpose", json!(number)),
        2 => with("expiresIn", json!(number)),
        3 => with("expiresIn", json!(number.parse::<u64>().unwrap_or_default())),
        4 => with("returnUrl", json!(format!("https://elsewhere.example/{number}"))),
        5 => with("locale", json!(number)),
        6 => with("metadata", json!({"card": number})),
        7 => with("metadata", json!({number: "card"})),
        8 => with("conversationId", json!(number)),
        9 => with("returnUrl", json!(format!("{}?card={number}", attempt.shop_url))),
        10 => format!("{{\"card\":{number}"),
        11 => with("metadata", json!([number])),
        _ => with("handoff", json!({number: number})),
    };
    answered(api_post(attempt.host, attempt.api_key, &body))
}
