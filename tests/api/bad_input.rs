//! Forms that no page of ours sends: refused quickly, nothing forwarded, the
//! session still open.

use crate::harness::{Answer, Card, Form, Session, TestApp, form_token};
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
async fn takes_a_card(app: &TestApp, session: &Session, what: &str) {
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
        Form::filled(token, &Card::visa()).part("Content-Disposition: form-data; name=\"x\"", &[b'9'; 1_000_000])
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
            let form = form.part("Content-Disposition: form-data; name=\"cvv\"", &[b'9'; 1_000_000]);
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

#[tokio::test]
async fn fields_that_are_not_the_forms() {
    let app = TestApp::start().await;
    type Change = fn(Form) -> Form;
    const CVV: &str = "Content-Disposition: form-data; name=\"expiryMonth\"";
    let rows: [(&str, (u16, &str), Change); 12] = [
        ("the number twice", (400, "duplicate_field"), |form| form.field("cardNumber", NUMBER)),
        ("an unknown field", (400, "unknown_field"), |form| form.field("CardNumber", NUMBER)),
        ("a long value", (413, "field_too_long"), |form| form.field("expiryYear", "2040404040")),
        ("a file", (400, "file_part"), |form| form.part(&format!("{CVV}; filename=\"a.txt\""), b"1")),
        ("a file, extended", (400, "file_part"), |form| form.part(&format!("{CVV}; filename*=UTF-8''a"), b"1")),
        ("bytes", (400, "file_part"), |form| form.part(&format!("{CVV}\r\nContent-Type: image/png"), b"1")),
        ("a NUL", (400, "not_text"), |form| form.part(CVV, b"1\0")),
        ("invalid UTF-8", (400, "not_text"), |form| form.part(CVV, b"\xff\xfe")),
        ("a charset", (400, "not_text"), |form| {
            form.part(&format!("{CVV}\r\nContent-Type: text/plain; charset=iso-8859-9"), b"1")
        }),
        ("an encoding", (400, "not_text"), |form| {
            form.part(&format!("{CVV}\r\nContent-Transfer-Encoding: base64"), b"MQ==")
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

#[tokio::test]
async fn what_another_site_sends_gets_the_form_afresh() {
    let app = TestApp::start().await;
    let foreign = app.create_session(json!({})).await;
    let foreign_token = app.open_page(&foreign).await.token;
    let own = app.origin();
    let plain = own.replace("https", "http");
    let rows: [(&str, &[(&str, &str)], Option<&str>); 11] = [
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

/// The fields that the page marks, with their messages.
fn marked(answer: &Answer) -> Vec<&'static str> {
    let html = answer.text();
    let message = |field: &str| {
        let (_, rest) = html.split_once(&format!("id=\"{field}-error\">")).unwrap();
        !rest.starts_with("</p>")
    };
    let fields: Vec<_> = ["cardNumber", "expiry", "cvv"].into_iter().filter(|field| message(field)).collect();
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), fields.len());
    assert_eq!(html.matches("<li><a href=\"#").count(), fields.len(), "each is in the list, too");
    fields
}

#[tokio::test]
async fn each_mistake_is_shown_at_its_field_and_nothing_is_echoed() {
    let app = TestApp::start().await;
    let good = Card::visa;
    let rows = [
        ("check digit", Card { number: "4355093000777069".into(), ..good() }, &["cardNumber"][..]),
        ("short", Card { number: "43550930007".into(), ..good() }, &["cardNumber"]),
        ("long", Card { number: "43550930007770684355".into(), ..good() }, &["cardNumber"]),
        ("letters", Card { number: "4355x93000777068".into(), ..good() }, &["cardNumber"]),
        ("markup", Card { number: "<script>alert(1)</script>".into(), ..good() }, &["cardNumber"]),
        ("expired", Card { expiry: "01/20".into(), ..good() }, &["expiry"]),
        ("far ahead", Card { expiry: "01/2199".into(), ..good() }, &["expiry"]),
        ("month 13", Card { expiry: "13/40".into(), ..good() }, &["expiry"]),
        ("no date", Card { expiry: "soon".into(), ..good() }, &["expiry"]),
        ("short code", Card { cvv: "97".into(), ..good() }, &["cvv"]),
        ("Visa with four", Card { cvv: "9731".into(), ..good() }, &["cvv"]),
        ("Amex with three", Card { cvv: "973".into(), ..Card::amex() }, &["cvv"]),
        ("code of letters", Card { cvv: "97x".into(), ..good() }, &["cvv"]),
        (
            "nothing",
            Card { number: String::new(), expiry: String::new(), cvv: String::new() },
            &["cardNumber", "expiry", "cvv"],
        ),
        (
            "all at once",
            Card { number: "4355093000777069".into(), expiry: "01/20".into(), cvv: "9".into() },
            &["cardNumber", "expiry", "cvv"],
        ),
    ];
    let session = app.create_session(json!({})).await;
    for (what, card, fields) in rows {
        let answer = app.submit_card(&session, card.clone()).await;
        assert_eq!(answer.status, 422, "{what}: {}", answer.text());
        assert_eq!(marked(&answer), fields, "{what}");
        assert!(answer.text().contains("<title>Error: "), "{what}");
        for typed in [&card.number, &card.expiry, &card.cvv].into_iter().filter(|typed| typed.len() > 3) {
            assert!(!answer.text().replace("09/29", "").contains(typed.as_str()), "{what}: {typed} comes back");
        }
        assert!(!answer.text().contains(&format!("value=\"{}\"", card.cvv)), "{what}");
    }
    assert_eq!(app.sandbox_calls(), 0);
    takes_a_card(&app, &session, "mistakes").await;
}

#[tokio::test]
async fn a_card_may_be_typed_as_it_is_printed() {
    let app = TestApp::start().await;
    let year = &crate::harness::expiry_in(3)[3..];
    for (number, expiry) in [
        ("4355 0930 0077 7068", format!("12 / {year}")),
        (" 4355-0930-0077-7068 ", format!("12/20{year}")),
        (NUMBER, format!("12{year}")),
    ] {
        let session = app.create_session(json!({})).await;
        let card = Card { number: number.into(), expiry: expiry.clone(), ..Card::visa() };
        let answer = app.submit_card(&session, card).await;
        assert_eq!(answer.status, 303, "{number} {expiry}");
        assert_eq!(app.session(&session).await["cardToken"], app.sandbox.token_of(NUMBER));
    }
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let apart = Form::new().field("formToken", &token).field("cardNumber", NUMBER).field("cvv", "737");
    let apart = apart.field("expiryMonth", "12").field("expiryYear", year);
    app.post(&session, apart).await.expect(303);
}
