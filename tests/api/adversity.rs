//! What goes on while something is slow, busy or gone: other merchants'
//! callbacks, a commit, a drain, the readiness check.

use crate::harness::{Card, Reply, Session, Setup, TestApp, eventually};
use rusqlite::Connection;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use vezne::cli::merchant::CreatedMerchant;
use vezne::merchant::{AllowList, Mode};
use vezne::sandbox::magic::Behaviour;

const STALL: Duration = Duration::from_secs(1);

/// An endpoint on plain HTTP, as a shop under development has it.
struct PlainEndpoint(TcpListener);

impl PlainEndpoint {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port())
    }

    /// The next callback's connection, its head read.
    async fn called(&self) -> TcpStream {
        let (mut stream, _) = timeout(crate::harness::PATIENCE, self.0.accept()).await.unwrap().unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).await.unwrap() > 0);
        stream
    }
}

/// A second merchant of the same service.
async fn another_merchant(app: &TestApp, allow: &str) -> CreatedMerchant {
    let created = app.admin.create("Komşu", &[allow.to_owned()]).await.unwrap();
    let keys = &app.sandbox.merchant;
    let secret = vezne::hardening::SecretText::new(keys.secret_key.clone());
    let id = &created.merchant.id;
    app.admin.set_provider(id, Mode::Test, &keys.public_key, &secret, &keys.merchant_number).await.unwrap();
    created
}

#[tokio::test]
async fn a_merchant_whose_endpoint_hangs_does_not_keep_the_others_waiting() {
    const EVENTS: usize = 40;
    let endpoint = PlainEndpoint::start().await;
    let app = Setup::default().calling(endpoint.port()).start().await;
    app.merchant.answers([Reply::Hang; EVENTS]);
    for _ in 0..EVENTS {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.cancel(&session).await.expect(200);
    }
    app.merchant.received(8).await;

    let neighbour = another_merchant(&app, &endpoint.url()).await;
    let body = json!({ "purpose": "tokenize", "conversationId": "n-1", "returnUrl": endpoint.url(), "callbackUrl": endpoint.url() });
    let key = neighbour.api_keys[0].expose();
    let session = app.api_as(key, "POST", "/v1/sessions").json(&body).send().await.expect(201).json();
    let cancel = format!("/v1/sessions/{}/cancel", session["id"].as_str().unwrap());
    app.api_as(key, "POST", &cancel).send().await.expect(200);
    endpoint.called().await;
    assert!(app.merchant.so_far().len() < EVENTS, "the hanging endpoint took every place");
}

#[tokio::test]
async fn a_callback_is_delivered_by_its_status_whatever_becomes_of_the_body() {
    let endpoint = PlainEndpoint::start().await;
    let app = Setup::default().calling(endpoint.port()).start().await;
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.allow_list = AllowList::parse(&["https://shop.example/", &endpoint.url()]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    let session = app.create_session(json!({ "callbackUrl": endpoint.url() })).await;
    app.cancel(&session).await.expect(200);
    let mut stream = endpoint.called().await;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok").await.unwrap();
    until_event_is(&app, "delivered", None).await;
}

#[tokio::test]
async fn an_outcome_waits_for_a_store_that_is_busy() {
    let app = TestApp::stalling(STALL).start().await;
    let session = app.create_session(json!({})).await;
    let submit = app.submit_card(&session, Card::magic(Behaviour::Stall));
    let backup = async {
        until_claimed(&app, &session).await;
        let other = Connection::open(app.store_file()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        // Longer than the store waits for a lock by itself.
        tokio::time::sleep(Duration::from_millis(7500)).await;
        other.execute_batch("ROLLBACK").unwrap();
    };
    let (answer, ()) = tokio::join!(submit, backup);
    answer.expect(303);
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.sandbox_calls(), 1);
}

#[tokio::test]
async fn a_drain_waits_for_a_card_whose_browser_has_gone() {
    let mut app = TestApp::stalling(STALL).set("server.shutdown_seconds", "20").start().await;
    let session = app.create_session(json!({})).await;
    let connection = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    until_claimed(&app, &session).await;
    drop(connection);
    app.restart();
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.sandbox_calls(), 1);
}

#[tokio::test]
async fn a_store_that_cannot_write_is_not_ready() {
    let app = TestApp::start().await;
    app.get("/readyz").await.expect(200);
    let other = Connection::open(app.store_file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Balancers are told the last finding again for a second.
    eventually("its absence", || async { (app.get("/readyz").await.status == 503).then_some(()) }).await;
    app.get("/livez").await.expect(200);
    other.execute_batch("ROLLBACK").unwrap();
    eventually("readiness", || async { (app.get("/readyz").await.status == 200).then_some(()) }).await;
}

#[tokio::test]
async fn an_address_that_was_taken_off_the_list_is_not_used_any_more() {
    let app = TestApp::with("callback.retry_seconds", "1").start().await;
    app.merchant.answers([Reply::Status(500)]);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    app.merchant.received(1).await;
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.allow_list = AllowList::parse(&["https://elsewhere.example/"]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    until_event_is(&app, "abandoned", Some("not_allowed")).await;
    let answer = app.get(&format!("{}/done", session.path)).await.expect(500);
    assert!(!answer.holds("shop.example") && answer.headers.get("refresh").is_none());
    assert_eq!(app.merchant.so_far().len(), 1);
}

async fn until_event_is(app: &TestApp, state: &str, reason: Option<&str>) {
    let expected = (state.to_owned(), reason.map(str::to_owned));
    eventually(state, || async { (app.events() == [expected.clone()]).then_some(()) }).await;
}

async fn until_claimed(app: &TestApp, session: &Session) {
    eventually("a claim", || async { (app.status(session).await == "claimed").then_some(()) }).await;
}
