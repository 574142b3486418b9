//! Connections whose peers do not let go, through the whole service.

use crate::harness::{Form, TestApp};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_form_cut_off_after_the_card_number_does_not_keep_it_in_a_read_buffer() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    let form = Form::new().field("formToken", &page.token).field("cardNumber", "4355093000777068").finish();
    let cut = &form[..form.len() - 2];
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        session.path,
        app.origin(),
        Form::CONTENT_TYPE,
    );
    let start = Instant::now();
    let chunk = [format!("{:x}\r\n", cut.len()).as_bytes(), cut, b"\r\n"].concat();
    let answer = app.client.raw(&[head.as_bytes(), &chunk].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    // 10 s for the form, 1 s for what is left of it, 2 s until the connection ends.
    assert!(start.elapsed() < Duration::from_secs(18), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_chunked_post_to_nowhere_is_answered_and_closed() {
    let app = TestApp::start().await;
    let start = Instant::now();
    let request = "POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    let answer = app.client.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}
