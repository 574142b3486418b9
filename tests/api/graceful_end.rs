//! How a process ends: SIGTERM, its bound, a second signal.

use crate::harness::{Card, Form, NOBODY, Session, Setup, TestApp, eventually};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use vezne::sandbox::magic::Behaviour;

fn process(shutdown_seconds: u32) -> Setup {
    Setup::default().in_a_process().set("server.shutdown_seconds", &shutdown_seconds.to_string())
}

async fn until_status_is(app: &TestApp, session: &Session, status: &str) {
    eventually(status, || async { (app.status(session).await == status).then_some(()) }).await;
}

/// Sends SIGTERM and waits for the end: the exit code, and how long it took.
fn terminate(app: &mut TestApp) -> (Option<i32>, Duration) {
    let process = app.process_mut();
    let start = Instant::now();
    process.signal(Signal::TERM);
    (process.ended().code(), start.elapsed())
}

#[tokio::test]
async fn an_idle_process_ends_long_before_its_bound() {
    let mut app = process(25).start().await;
    // An open page's connection is no reason to wait.
    let _open = app.client.connect().await;
    let (code, took) = terminate(&mut app);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(15), "{took:?}");
    let log = app.process().log();
    assert!(log.contains("draining") && log.contains("stopped") && !log.contains("cut off"), "{log}");
}

#[tokio::test]
async fn what_is_in_flight_completes_and_the_operator_sees_the_drain() {
    let mut app = process(25).stall(Duration::from_secs(3)).watched().start().await;
    let session = app.create_session(json!({})).await;
    let mut browser = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    until_status_is(&app, &session, "claimed").await;
    app.process().signal(Signal::TERM);
    let draining = || async { (app.telemetry("/readyz").await.status == 503).then_some(()) };
    eventually("the drain", draining).await;
    let report = app.telemetry("/readyz").await.expect(503).json();
    assert_eq!((&report["status"], &report["reasons"]), (&json!("unready"), &json!(["draining"])));
    assert_eq!(app.metric("vezne_draining").await, Some(1.0));
    app.telemetry("/livez").await.expect(200);
    let mut answer = String::new();
    browser.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert_eq!(app.process_mut().ended().code(), Some(0));
    app.start_again(&[]);
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.sandbox_calls(), 1);
}

#[tokio::test]
async fn a_card_that_the_provider_has_keeps_its_session_until_the_lease_ends() {
    let mut app = process(1).set("provider.card_token.test.timeout_ms", "15000").start().await;
    let session = app.create_session(json!({})).await;
    let _browser = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    eventually("the call", || async { (app.sandbox_calls() == 1).then_some(()) }).await;
    let (code, took) = terminate(&mut app);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(12), "{took:?}");
    let log = app.process().log();
    assert!(log.contains("the drain is cut off") && log.contains("waits for the end of its lease"), "{log}");
    app.start_again(&[]);
    assert_eq!(app.status(&session).await, "claimed");
    until_status_is(&app, &session, "open").await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!((app.status(&session).await.as_str(), app.sandbox_calls()), ("completed", 2));
}

#[tokio::test]
async fn a_card_that_has_not_left_gives_its_session_back_at_once() {
    // Takes connections and never shakes hands.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/token", mute.local_addr().unwrap().port());
    let slow = process(1)
        .set("provider.card_token.test.url", &url)
        .set("provider.card_token.test.connect_timeout_ms", "30000")
        .set("provider.card_token.test.timeout_ms", "60000");
    let mut app = slow.start().await;
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let posted = app.begin_submit(&session, Card::visa()).await;
    until_status_is(&app, &session, "claimed").await;
    let (code, took) = terminate(&mut app);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert!(app.process().log().contains("the session is open again"), "{}", app.process().log());
    drop(posted);
    app.start_again(&[]);
    let read = app.session(&session).await;
    assert_eq!((&read["status"], &read["attempts"]), (&json!("open"), &json!(0)));
    let _again = app.begin_submit(&session, Card::visa()).await;
    until_status_is(&app, &session, "claimed").await;
    drop(Form::filled(&token, &Card::visa()));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut app = process(60).start().await;
    let session = app.create_session(json!({})).await;
    let _browser = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    until_status_is(&app, &session, "claimed").await;
    app.process_mut().signal(Signal::TERM);
    app.process_mut().wait_for("draining");
    let (code, took) = terminate(&mut app);
    assert_eq!(code, Some(1));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(app.process().log().contains("stopped at once by a second signal"));
}

#[tokio::test]
async fn a_hardened_process_ends_in_the_same_ways() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    let hardened = |seconds: &str| {
        let setup = Setup::default().set("hardening", "require").set("server.shutdown_seconds", seconds);
        setup.served_by(NOBODY).watched()
    };
    let mut app = hardened("20").start().await;
    let measured = app.metric(r#"vezne_hardening{measure="seccomp",outcome="achieved"}"#).await;
    assert_eq!(measured, Some(1.0));
    assert_eq!(terminate(&mut app).0, Some(0));
    let mut app = hardened("1").start().await;
    let session = app.create_session(json!({})).await;
    let _browser = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    until_status_is(&app, &session, "claimed").await;
    assert_eq!(terminate(&mut app).0, Some(0));
    assert!(app.process().log().contains("the drain is cut off"));
}
