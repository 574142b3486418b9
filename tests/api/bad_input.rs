//! Forms that no page of ours sends: refused quickly, nothing forwarded, the
//! session still open.

use crate::harness::{Card, Form, Session, TestApp, form_token};
use serde_json::json;
use std::time::{Duration, Instant};

const NUMBER: &str = "4355093000777068";

/// A request for the session's page with these headers, as bytes.
fn post(session: &Session, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n", session.path);
    [head.as_bytes(), body].concat()
}

fn of_length(content_type: &str, body: &[u8]) -> String {
    format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len())
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let mut bytes: Vec<u8> = body.chunks(4096).flat_map(chunk).collect();
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Whatever was refused changed nothing: a good card is still taken.
pub async fn takes_a_card(app: &TestApp, session: &Session, what: &str) {
    let calls = app.sandbox_calls();
    let read = app.session(session).await;
    assert_eq!((&read["status"], &read["attempts"]), (&json!("open"), &json!(0)), "{what}");
    let answer = app.submit_card(session, Card::visa()).await;
    assert_eq!(answer.status, 303, "{what}: {}", answer.text());
    assert_eq!(app.sandbox_calls(), calls + 1, "{what}");
    assert_eq!(app.status(session).await, "completed", "{what}");
}

/// One row: the answer's status and reason to these bytes, and that the
/// connection ends by itself although we leave ours open.
///
/// Two expectations are for bodies whose fault that is seen first depends on
/// how much of them has arrived.
async fn refused(
    app: &TestApp,
    what: &str,
    expected: impl Into<Vec<(u16, &str)>>,
    request: impl FnOnce(&Session, &str) -> Vec<u8>,
) {
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let (calls, start) = (app.sandbox_calls(), Instant::now());
    let answer = app.client.raw(&request(&session, &token)).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{what}: took {:?}", start.elapsed());
    let says = |(status, reason): &(u16, &str)| {
        answer.starts_with(&format!("HTTP/1.1 {status} "))
            && answer.contains(&format!("\r\nvezne-reason: {reason}\r\n"))
    };
    assert!(expected.into().iter().any(says), "{what}: {answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{what}");
    assert!(answer.contains("The form arrived incomplete"), "{what}");
    assert!(!answer.contains(NUMBER), "{what}: the number comes back");
    assert_eq!(app.sandbox_calls(), calls, "{what}");
    takes_a_card(app, &session, what).await;
}

#[tokio::test]
async fn bodies_of_another_type() {
    let app = TestApp::start().await;
    let cases = [
        ("urlencoded", "application/x-www-form-urlencoded", (415, "not_multipart")),
        ("json", "application/json", (415, "not_multipart")),
        ("multipart of another kind", "multipart/mixed; boundary=x", (415, "not_multipart")),
        ("a prefix of the type", "multipart/form-data2; boundary=x", (415, "not_multipart")),
        ("no boundary", "multipart/form-data", (400, "boundary")),
        ("an empty boundary", "multipart/form-data; boundary=", (400, "boundary")),
    ];
    for (what, content_type, expected) in cases {
        let body = format!("cardNumber={NUMBER}");
        let request =
            |session: &Session, _: &str| post(session, &of_length(content_type, body.as_bytes()), body.as_bytes());
        refused(&app, what, [expected], request).await;
    }
    let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    refused(&app, "a long boundary", [(400, "boundary")], |session, _| post(session, &of_length(&long, b"x"), b"x"))
        .await;
    refused(&app, "no type", [(415, "not_multipart")], |session, _| post(session, "Content-Length: 1\r\n", b"x")).await;
    let two = format!("Content-Type: {}\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n", Form::CONTENT_TYPE);
    refused(&app, "two types", [(415, "not_multipart")], |session, _| post(session, &two, b"x")).await;
}

#[tokio::test]
async fn bodies_that_end_too_early_or_too_late() {
    let app = TestApp::start().await;
    let whole = |token: &str| Form::filled(token, &Card::visa()).finish();
    let typed = format!("Content-Type: {}\r\n", Form::CONTENT_TYPE);
    refused(&app, "no body", [(400, "truncated")], |session, _| post(session, &typed, b"")).await;
    refused(&app, "an empty body", [(400, "truncated")], |session, _| {
        post(session, &format!("{typed}Content-Length: 0\r\n"), b"")
    })
    .await;
    // Cut by the closing delimiter, half of it, inside the last value, inside a part's head.
    for cut in [Form::BOUNDARY.len() + 6, 4, Form::BOUNDARY.len() + 10, 120] {
        let what = format!("{cut} bytes missing");
        refused(&app, &what, [(400, "truncated"), (400, "malformed")], |session, token| {
            let body = whole(token);
            let body = &body[..body.len() - cut];
            post(session, &of_length(Form::CONTENT_TYPE, body), body)
        })
        .await;
    }
    refused(&app, "something after the end", [(400, "malformed"), (400, "truncated")], |session, token| {
        let body = [whole(token), b"cardNumber=1".to_vec()].concat();
        post(session, &of_length(Form::CONTENT_TYPE, &body), &body)
    })
    .await;
}

#[tokio::test]
async fn bodies_over_a_bound() {
    let app = TestApp::start().await;
    let large = |token: &str| {
        Form::filled(token, &Card::visa()).part("Content-Disposition: form-data; name=\"x\"", &vec![b'9'; 1_000_000])
    };
    let many = |token: &str| {
        let filled = Form::new().field("formToken", token);
        (0..1000).fold(filled, |form, number| form.field(&format!("field{number}"), "x"))
    };
    refused(&app, "a part of 1 MB", [(413, "too_large")], |session, token| {
        let body = large(token).finish();
        post(session, &of_length(Form::CONTENT_TYPE, &body), &body)
    })
    .await;
    let chunks = format!("Content-Type: {}\r\nTransfer-Encoding: chunked\r\n", Form::CONTENT_TYPE);
    refused(
        &app,
        "a part of 1 MB in a known field, chunked",
        [(413, "field_too_long"), (413, "too_large")],
        |session, token| {
            let form = Form::new().field("formToken", token);
            let form = form.part("Content-Disposition: form-data; name=\"cvv\"", &vec![b'9'; 1_000_000]);
            post(session, &chunks, &chunked(&form.finish()))
        },
    )
    .await;
    refused(&app, "1,000 parts", [(413, "too_large")], |session, token| {
        let body = many(token).finish();
        post(session, &of_length(Form::CONTENT_TYPE, &body), &body)
    })
    .await;
    refused(&app, "1,000 parts, chunked", [(400, "unknown_field"), (413, "too_large")], |session, token| {
        post(session, &chunks, &chunked(&many(token).finish()))
    })
    .await;
    refused(&app, "seven parts", [(400, "too_many_fields")], |session, token| {
        let form = Form::filled(token, &Card::visa()).field("expiryMonth", "1").field("expiryYear", "40");
        let body = form.field("more", "x").finish();
        post(session, &of_length(Form::CONTENT_TYPE, &body), &body)
    })
    .await;
    refused(&app, "a long head of a part", [(413, "too_large"), (400, "malformed")], |session, token| {
        let header = format!("Content-Disposition: form-data; name=\"{}\"", "n".repeat(100_000));
        let body = Form::new().field("formToken", token).part(&header, b"x").finish();
        post(session, &chunks, &chunked(&body))
    })
    .await;
}

/// A form that is changed before it is sent.
type Change = fn(Form) -> Form;
const MONTH: &str = "Content-Disposition: form-data; name=\"expiryMonth\"";

#[tokio::test]
async fn fields_that_are_not_the_forms() {
    let app = TestApp::start().await;
    let rows: [(&str, (u16, &str), Change); 12] = [
        ("the number twice", (400, "duplicate_field"), |form| form.field("cardNumber", NUMBER)),
        ("an unknown field", (400, "unknown_field"), |form| form.field("CardNumber", NUMBER)),
        ("a long value", (413, "field_too_long"), |form| form.field("expiryYear", "2040404040404")),
        ("a file", (400, "file_part"), |form| form.part(&format!("{MONTH}; filename=\"a.txt\""), b"1")),
        ("a file, extended", (400, "file_part"), |form| form.part(&format!("{MONTH}; filename*=UTF-8''a"), b"1")),
        ("bytes", (400, "file_part"), |form| form.part(&format!("{MONTH}\r\nContent-Type: image/png"), b"1")),
        ("a NUL", (400, "not_text"), |form| form.part(MONTH, b"1\0")),
        ("invalid UTF-8", (400, "not_text"), |form| form.part(MONTH, b"\xff\xfe")),
        ("a charset", (400, "not_text"), |form| {
            form.part(&format!("{MONTH}\r\nContent-Type: text/plain; charset=iso-8859-9"), b"1")
        }),
        ("an encoding", (400, "not_text"), |form| {
            form.part(&format!("{MONTH}\r\nContent-Transfer-Encoding: base64"), b"MQ==")
        }),
        ("a part without a name", (400, "malformed"), |form| form.part("Content-Disposition: form-data", b"1")),
        ("a part without a head", (400, "malformed"), |form| form.part("X-Nothing: 1", b"1")),
    ];
    for (what, expected, change) in rows {
        refused(&app, what, [expected], |session, token| {
            let body = change(Form::filled(token, &Card::visa())).finish();
            post(session, &of_length(Form::CONTENT_TYPE, &body), &body)
        })
        .await;
    }
}

#[tokio::test]
async fn a_sender_that_stops_is_not_waited_for() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let body = Form::filled(&token, &Card::visa()).finish();
    let head = of_length(Form::CONTENT_TYPE, &body);
    let (nothing, half) = (post(&session, &head, b""), post(&session, &head, &body[..body.len() / 2]));
    let start = Instant::now();
    let (unfinished, silent, stalled) =
        tokio::join!(app.client.raw(&nothing[..nothing.len() - 2]), app.client.raw(&nothing), app.client.raw(&half),);
    assert!(start.elapsed() < Duration::from_secs(15), "took {:?}", start.elapsed());
    for answer in [&silent, &stalled, &unfinished] {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(!answer.contains(NUMBER));
    }
    assert!(silent.contains("vezne-reason: timeout") && stalled.contains("vezne-reason: timeout"));
    app.client.raw_cut_off(&half).await;
    assert_eq!(app.sandbox_calls(), 0);
    takes_a_card(&app, &session, "silence").await;
}

#[tokio::test]
async fn a_form_in_small_pieces_is_the_same_form() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let body = Form::filled(&token, &Card::visa()).finish();
    let pieces: Vec<u8> = body.iter().flat_map(|byte| [b"1\r\n".as_slice(), &[*byte], b"\r\n"].concat()).collect();
    let headers = format!("Content-Type: {}\r\nTransfer-Encoding: chunked\r\n", Form::CONTENT_TYPE);
    let answer = app.client.raw(&post(&session, &headers, &[&pieces, b"0\r\n\r\n".as_slice()].concat())).await;
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
}

/// A name, headers, and another token than the page's.
type ForeignPost<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

#[tokio::test]
async fn what_another_site_sends_gets_the_form_afresh() {
    let app = TestApp::start().await;
    let foreign = app.create_session(json!({})).await;
    let foreign_token = app.open_page(&foreign).await.token;
    let own = app.origin();
    let plain = own.replace("https", "http");
    let rows: [ForeignPost<'_>; 11] = [
        ("cross-site", &[("sec-fetch-site", "cross-site"), ("origin", &own)], None),
        ("same-site", &[("sec-fetch-site", "same-site"), ("origin", &own)], None),
        ("none", &[("sec-fetch-site", "none")], None),
        ("foreign origin", &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], None),
        ("opaque origin", &[("origin", "null")], None),
        ("plain origin", &[("origin", &plain)], None),
        ("two origins", &[("origin", &own), ("origin", "https://evil.example")], None),
        ("no token", &[], Some("")),
        ("garbage", &[], Some("AAAA")),
        ("not base64", &[], Some("§§")),
        ("another session's token", &[], Some(&foreign_token)),
    ];
    for (what, headers, token) in rows {
        let session = app.create_session(json!({})).await;
        let good = app.open_page(&session).await.token;
        for path in [session.path.clone(), format!("{}/cancel", session.path)] {
            let form = Form::filled(token.unwrap_or(&good), &Card::visa());
            let request = app.client.request("POST", &path).body(Form::CONTENT_TYPE, form.finish());
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let answer = request.send().await;
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
            assert!(answer.text().contains("This page was renewed") && !answer.holds(NUMBER), "{what}");
            let fresh = form_token(answer.text()).expect("the form afresh");
            assert!(fresh != good && fresh.len() == good.len(), "{what}");
        }
        takes_a_card(&app, &session, what).await;
    }
}

#[tokio::test]
async fn without_any_word_of_the_browser_the_token_decides() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let garbled: String = token.chars().rev().collect();
    let post = |token: &str| {
        let body = Form::filled(token, &Card::visa()).finish();
        app.client.request("POST", &session.path).body(Form::CONTENT_TYPE, body).send()
    };
    let absent = Form::new().field("cardNumber", NUMBER).finish();
    let absent = app.client.request("POST", &session.path).body(Form::CONTENT_TYPE, absent).send().await;
    absent.expect(403);
    post(&garbled).await.expect(403);
    post(&token[..token.len() - 1]).await.expect(403);
    assert_eq!(app.sandbox_calls(), 0);
    post(&token).await.expect(303);
}
