//! HTTP as bytes: what is left of a body, heads without end, hesitant clients.

use crate::harness::{Card, Form, TestApp};
use serde_json::json;

/// The answers on one connection, by their status lines.
fn statuses(answers: &str) -> Vec<&str> {
    answers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)).collect()
}

#[tokio::test]
async fn what_is_left_of_a_body_is_no_request() {
    let app = TestApp::start().await;
    let smuggled = "GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let rows = [
        ("wrong key", "Content-Type: application/json\r\n".to_owned(), "401"),
        ("wrong type", format!("Authorization: Bearer {}\r\nContent-Type: text/plain\r\n", app.shop.api_key), "415"),
    ];
    for (what, headers, status) in rows {
        let length = smuggled.len();
        let head =
            format!("POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n");
        let last = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answers = app.client.raw(format!("{head}{smuggled}{last}").as_bytes()).await;
        let statuses = statuses(&answers);
        assert!(statuses == [status, "200"] || statuses == [status], "{what}: {statuses:?}");
    }
    let both =
        "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answers = app.client.raw(format!("{both}0\r\n\r\n{smuggled}").as_bytes()).await;
    assert_eq!(statuses(&answers), ["400"], "two lengths: {answers}");
}

#[tokio::test]
async fn a_body_far_over_the_bound_ends_the_connection() {
    let app = TestApp::start().await;
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 5000000\r\nConnection: close\r\n\r\n",
        app.shop.api_key
    );
    let answers = app.client.raw(&[head.as_bytes(), &vec![b' '; 5_000_000]].concat()).await;
    assert!(statuses(&answers).iter().all(|status| *status == "413"), "{answers}");
    app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_head_without_end_or_sense_is_refused() {
    let app = TestApp::start().await;
    let long = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n", "x".repeat(300_000));
    let many = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-Many: 1\r\n".repeat(5_000));
    for request in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET /livez HTTP/9.9\r\n\r\n", &long, &many] {
        let answers = app.client.raw(request.as_bytes()).await;
        assert!(statuses(&answers).iter().all(|status| status.starts_with('4')), "{answers}");
    }
    app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_told_to_go_on() {
    let app = TestApp::start().await;
    let body = app.wanted(json!({})).to_string();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        app.shop.api_key,
        body.len()
    );
    let answers = app.client.raw(format!("{head}{body}").as_bytes()).await;
    assert_eq!(statuses(&answers), ["100", "201"], "{answers}");
}

#[tokio::test]
async fn page_and_form_share_a_connection_that_ends_with_the_card() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    assert_ne!(page.answer.header("connection"), "close");
    let body = Form::filled(&page.token, &Card::visa()).finish();
    let get = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", session.path);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        session.path,
        Form::CONTENT_TYPE,
        body.len()
    );
    let answers = app.client.raw(&[get.as_bytes(), head.as_bytes(), &body, get.as_bytes()].concat()).await;
    assert_eq!(statuses(&answers), ["200", "303"], "nothing after the card is answered");
}
