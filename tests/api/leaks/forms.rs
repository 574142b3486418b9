//! The card form: every fault that it can have, a card in every place where it
//! does not belong, and HTTP and TLS that are none.

use super::drive::{BROKEN, CODE, Drive, MARK, NUMBER, Reader, long_code};
use crate::harness::{Card, Form, Session};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// All of it.
pub async fn every_fault(drive: &Drive) {
    let quick = async {
        mistakes(drive).await;
        bodies(drive).await;
        parts(drive).await;
        headers(drive).await;
    };
    tokio::join!(quick, slow_and_cut(drive), what_is_not_http(drive));
}

async fn mistakes(drive: &Drive) {
    let session = drive.session(json!({})).await;
    let typed =
        |number: &str, expiry: &str, cvv: &str| Card { number: number.into(), expiry: expiry.into(), cvv: cvv.into() };
    for card in [
        typed("4355093000777069", "01/20", "9"),
        typed("4355 0930 0077 7068 4355", "12/99", "abc"),
        typed(NUMBER, NUMBER, NUMBER),
        typed(&format!("<b>{NUMBER}</b>"), "13/40", "9731"),
        typed("", "", ""),
        long_code(),
    ] {
        for by_script in [false, true] {
            let page = drive.app.open_page(&session).await;
            let request = drive.app.browser_post(&session.path, Form::filled(&page.token, &card));
            let request = if by_script { request.header("accept", "application/json") } else { request };
            drive.hear("a mistake", Reader::Anybody, &request.send().await);
        }
    }
    for path in [format!("/c/{NUMBER}"), format!("/c/{NUMBER}/done"), format!("/c/{NUMBER}/cancel")] {
        drive.hear(&path, Reader::Anybody, &drive.app.get(&path).await);
        let form = Form::filled(NUMBER, &Card::visa());
        drive.hear(&path, Reader::Anybody, &drive.app.browser_post(&path, form).send().await);
    }
    let stale = Form::filled("stale", &Card::visa());
    drive.hear("a stale form", Reader::Anybody, &drive.app.post(&session, stale).await);
}

fn post(session: &Session, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {}?card={BROKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        session.path,
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn of_type(kind: &str) -> String {
    format!("Content-Type: {kind}\r\n")
}

/// A session's page, open, and its form with a card that would be taken.
async fn ready(drive: &Drive) -> (Session, Form) {
    let session = drive.session(json!({})).await;
    let token = drive.app.open_page(&session).await.token;
    drive.remember("form token", &token);
    (session, Form::filled(&token, &Card::visa()))
}

/// Bodies that are no form of ours as a whole.
async fn bodies(drive: &Drive) {
    let (session, form) = ready(drive).await;
    let whole = form.clone().finish();
    let with_number = format!("multipart/form-data; boundary={NUMBER}");
    let long = format!("multipart/form-data; boundary={}", NUMBER.repeat(5));
    let kinds =
        ["application/json", "text/plain", "multipart/form-data", &with_number, &long, NUMBER, Form::CONTENT_TYPE];
    let large = form.clone().part("Content-Disposition: form-data; name=\"x\"", NUMBER.repeat(9_000).as_bytes());
    let query = format!("cardNumber={NUMBER}&cvv={CODE}");
    let json = format!("{{\"cardNumber\":\"{NUMBER}\",\"cvv\":\"{CODE}\"}}");
    let bounded = whole_with_boundary(NUMBER);
    for kind in kinds {
        for body in [query.as_bytes(), json.as_bytes(), &bounded, &whole[..whole.len() - 30], &large.clone().finish()] {
            drive.raw(kind, &post(&session, &of_type(kind), body)).await;
        }
    }
    let behind = [whole, NUMBER.as_bytes().to_vec()].concat();
    drive.raw("something behind the form", &post(&session, &of_type(Form::CONTENT_TYPE), &behind)).await;
}

/// A form whose boundary is a card number.
fn whole_with_boundary(boundary: &str) -> Vec<u8> {
    let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{NUMBER}\"\r\n\r\n{NUMBER}\r\n");
    format!("{part}--{boundary}--\r\n").into_bytes()
}

/// Parts that the form does not have, or not so.
async fn parts(drive: &Drive) {
    let named = |name: &str| format!("Content-Disposition: form-data; name=\"{name}\"");
    let month = named("expiryMonth");
    let rows: Vec<(String, Vec<u8>)> = vec![
        (named("cardNumber"), NUMBER.into()),
        (named(NUMBER), NUMBER.into()),
        (named("card_number"), NUMBER.into()),
        (named("cvv2"), CODE.into()),
        (named("expiryYear"), NUMBER.into()),
        (named("formToken"), NUMBER.into()),
        (format!("{month}; filename=\"{NUMBER}.txt\""), NUMBER.into()),
        (format!("{month}; filename*=UTF-8''{NUMBER}"), NUMBER.into()),
        (format!("{month}\r\nContent-Type: image/{NUMBER}"), NUMBER.into()),
        (format!("{month}\r\nContent-Type: text/plain; charset={NUMBER}"), b"1".into()),
        (format!("{month}\r\nContent-Transfer-Encoding: {NUMBER}"), b"1".into()),
        (month.clone(), format!("{NUMBER}\0").into()),
        (month.clone(), b"1\0".into()),
        (month.clone(), b"\xff4355".into()),
        (format!("Content-Disposition: form-data; nome={NUMBER}"), NUMBER.into()),
        (format!("Content-Disposition: {NUMBER}"), NUMBER.into()),
        (format!("X-{NUMBER}: {NUMBER}"), NUMBER.into()),
        (NUMBER.to_owned(), NUMBER.into()),
    ];
    for (head, value) in rows {
        let (session, form) = ready(drive).await;
        let body = form.part(&head, &value).finish();
        drive.raw(&head, &post(&session, &of_type(Form::CONTENT_TYPE), &body)).await;
    }
    let (session, form) = ready(drive).await;
    let many = form.field("expiryMonth", "1").field("expiryYear", "40").field("more", NUMBER).finish();
    drive.raw("seven parts", &post(&session, &of_type(Form::CONTENT_TYPE), &many)).await;
}

/// A card number in every header, those that mean something and those that do not.
async fn headers(drive: &Drive) {
    const NAMES: [&str; 27] = [
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "origin",
        "range",
        "referer",
        "sec-fetch-site",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vezne-request-id",
        "x-card",
        "x-forwarded-for",
        "x-request-id",
    ];
    for name in NAMES {
        let (session, form) = ready(drive).await;
        let body = form.finish();
        let value = format!("{MARK}-{name}={NUMBER}; cvv={CODE}");
        let kind = if name == "content-type" { String::new() } else { of_type(Form::CONTENT_TYPE) };
        let mut request = post(&session, &format!("{kind}{name}: {value}\r\n"), &body);
        drive.raw(name, &request).await;
        drive.raw(name, &post(&session, &format!("{kind}{name}: {MARK}-{name}={BROKEN}\r\n"), &body)).await;
        request.splice(.."POST".len(), *b"GET ");
        drive.raw(name, &request).await;
        let call = format!("GET /v1/sessions HTTP/1.1\r\nConnection: close\r\n{name}: {value}\r\n\r\n");
        drive.raw(name, call.as_bytes()).await;
    }
    let number = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{NUMBER}: {MARK}\r\n\r\n");
    drive.raw("a header's name", number.as_bytes()).await;
}

/// Senders that stop, hesitate or leave.
async fn slow_and_cut(drive: &Drive) {
    let (session, form) = ready(drive).await;
    let whole = post(&session, &of_type(Form::CONTENT_TYPE), &form.finish());
    let body = whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let half = body + (whole.len() - body) / 2;
    let (client, raw) = (&drive.app.client, async |bytes: &[u8]| drive.raw("a slow sender", bytes).await);
    tokio::join!(raw(&whole[..body]), raw(&whole[..half]), raw(&whole[..body - 2]));
    for cut in [20, body - 2, body, half, whole.len() - 4] {
        drive.hear_text("a cut", Reader::Anybody, client.raw_cut_off(&whole[..cut]).await);
        let mut connection = client.connect().await;
        connection.write_all(&whole[..cut]).await.unwrap();
        // Gone without a word: a reset, not an end.
        drop(connection.into_inner().0.set_zero_linger());
    }
}

/// Bytes that are no HTTP, and connections that are no TLS.
async fn what_is_not_http(drive: &Drive) {
    for request in [
        format!("{NUMBER} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        format!("X-{NUMBER} /c/{NUMBER} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        format!("GET {NUMBER} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        format!("GET /{NUMBER} HTTP/{NUMBER}\r\n\r\n"),
        format!("GET http://{NUMBER}/ HTTP/1.1\r\nHost: {NUMBER}\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{NUMBER}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nX: 1\r\n {NUMBER}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nContent-Length: {NUMBER}{NUMBER}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{NUMBER}\r\n{NUMBER}\r\n"),
        format!("POST / HTTP/1.1\r\nTransfer-Encoding: {NUMBER}\r\n\r\n{NUMBER}"),
        format!("{NUMBER}\r\n\r\n"),
        format!("\0{NUMBER}\r\n\r\n"),
    ] {
        drive.raw(&request, request.as_bytes()).await;
    }
    let port = drive.app.client.address();
    for bytes in [
        format!("POST /c/{NUMBER} HTTP/1.1\r\nHost: localhost\r\n\r\n{NUMBER}").into_bytes(),
        [&b"\x16\x03\x01\x00\x40\x01"[..], NUMBER.repeat(4).as_bytes()].concat(),
        [&b"\x16\x03\x03\xff\xff"[..], NUMBER.as_bytes()].concat(),
        [&b"\x15\x03\x03\x00\x02\x02\x28"[..], NUMBER.as_bytes()].concat(),
    ] {
        let mut stream = TcpStream::connect(port).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        drive.hear_text("no TLS", Reader::Anybody, String::from_utf8_lossy(&answer).into_owned());
    }
    drive.app.client.handshake_as(&format!("{NUMBER}.example")).await;
}
