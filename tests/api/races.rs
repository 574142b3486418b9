//! Two at the same time: submits, cancels, expiry, leases, a cardholder who leaves.

use crate::harness::{Card, Form, Session, TestApp, eventually, verify};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use vezne::card::{Cvv, Expiry, Month, Pan};
use vezne::hardening::Sealed;
use vezne::id::SessionId;
use vezne::sandbox::magic::Behaviour;
use vezne::session::{Claimed, Completion, Release};
use vezne::startup::open_store;
use vezne::store::{ClaimOutcome, CommitOutcome, SharedStore};

const STALL: Duration = Duration::from_secs(2);

async fn until_status_is(app: &TestApp, session: &Session, status: &str) -> Value {
    eventually(status, || async { Some(app.session(session).await).filter(|read| read["status"] == status) }).await
}

#[tokio::test]
async fn fifty_submits_at_once_are_one_call_and_one_token() {
    // A worker's provider client and connections are its own: race across several.
    let app = TestApp::with("server.workers", "4").start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let token = app.open_page(&session).await.token;
    let submits = (0..50).map(|_| app.post(&session, Form::filled(&token, &Card::visa())));
    let done = format!("{}/done", session.path);
    for answer in join_all(submits).await {
        let to = answer.expect(303).header("location").to_owned();
        assert!(to == done || to == session.path, "{to}");
    }
    assert_eq!(app.sandbox_calls(), 1);
    assert_eq!(app.session(&session).await["cardToken"], app.sandbox.token_of(&Card::visa().number));
    app.merchant.received(1).await;
    assert_eq!(app.events().len(), 1);
}

#[tokio::test]
async fn a_second_submit_waits_for_the_first() {
    let app = TestApp::stalling(STALL).start().await;
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let first = app.post(&session, Form::filled(&token, &Card::magic(Behaviour::Stall)));
    let meanwhile = async {
        until_status_is(&app, &session, "claimed").await;
        let second = app.post(&session, Form::filled(&token, &Card::visa())).await.expect(303);
        assert_eq!(second.header("location"), session.path);
        let waiting = app.get(&session.path).await.expect(200);
        assert!(waiting.text().contains("Your card is being processed"));
        let refresh = format!(r#"<meta http-equiv="refresh" content="2; url={}">"#, session.path);
        assert!(waiting.text().contains(&refresh));
        let done = app.get(&format!("{}/done", session.path)).await.expect(303);
        assert_eq!(done.header("location"), session.path);
        let by_script = app.browser_post(&session.path, Form::filled(&token, &Card::visa()));
        let by_script = by_script.header("accept", "application/json").send().await.expect(200).json();
        assert_eq!(by_script, json!({ "outcome": "waiting", "next": session.path }));
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    let done = format!("{}/done", session.path);
    assert_eq!(first.expect(303).header("location"), done);
    assert_eq!(app.get(&session.path).await.expect(303).header("location"), done);
    assert_eq!(app.sandbox_calls(), 1);
    let token = app.sandbox.token_of(&Card::magic(Behaviour::Stall).number);
    assert_eq!(app.session(&session).await["cardToken"], token);
}

#[tokio::test]
async fn a_token_on_its_way_comes_before_a_cancel() {
    let app = TestApp::stalling(STALL).start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let submit = app.submit_card(&session, Card::magic(Behaviour::Stall));
    let cancel = async {
        until_status_is(&app, &session, "claimed").await;
        let answer = app.cancel(&session).await.expect(202).json();
        assert_eq!((&answer["status"], &answer["cancelRequested"]), (&json!("claimed"), &json!(true)));
        app.cancel(&session).await.expect(202);
    };
    let (submit, ()) = tokio::join!(submit, cancel);
    submit.expect(303);
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.cancel(&session).await.expect(409).problem(), "session-ended");
    assert_eq!(app.merchant.callback().await.kind(), "session.completed");
    assert_eq!(app.events().len(), 1);
}

#[tokio::test]
async fn without_a_token_the_cancel_holds() {
    let app = TestApp::with("provider.card_token.test.timeout_ms", "2000").start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let token = app.open_page(&session).await.token;
    let submit = app.post(&session, Form::filled(&token, &Card::magic(Behaviour::Stall)));
    let cancel = async {
        until_status_is(&app, &session, "claimed").await;
        // The cardholder's button, then the merchant's call.
        let path = format!("{}/cancel", session.path);
        let by_cardholder = app.browser_post(&path, Form::new().field("formToken", &token)).send().await.expect(303);
        assert_eq!(by_cardholder.header("location"), session.path);
        app.cancel(&session).await.expect(202);
    };
    let (submit, ()) = tokio::join!(submit, cancel);
    submit.expect(410);
    assert_eq!(app.status(&session).await, "canceled");
    assert_eq!(app.merchant.callback().await.kind(), "session.canceled");
    assert_eq!(app.done(&session).await.query.get("status"), "canceled");
    assert_eq!(app.events().len(), 1);
}

#[tokio::test]
async fn a_session_that_expires_with_a_card_on_its_way_waits_for_it() {
    let app = TestApp::stalling(STALL).start().await;
    let session = app.create_session(json!({ "expiresIn": 1, "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::magic(Behaviour::Stall)).await.expect(303);
    let read = app.session(&session).await;
    assert_eq!(read["status"], "completed");
    assert!(read["endedAt"].as_str() > read["expiresAt"].as_str());
    assert_eq!(app.merchant.callback().await.kind(), "session.completed");
}

#[tokio::test]
async fn a_cardholder_who_leaves_after_sending_changes_nothing() {
    let app = TestApp::stalling(STALL).start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let connection = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    until_status_is(&app, &session, "claimed").await;
    drop(connection);
    let callback = app.merchant.callback().await;
    assert_eq!(callback.kind(), "session.completed");
    assert!(verify(&callback.json()["data"], &app.shop.signing_secret));
    assert_eq!(app.sandbox_calls(), 1);
}

#[tokio::test]
async fn a_stop_waits_for_the_card_on_its_way() {
    let mut app = TestApp::stalling(STALL).set("server.shutdown_seconds", "20").start().await;
    let session = app.create_session(json!({})).await;
    let _connection = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    until_status_is(&app, &session, "claimed").await;
    app.restart();
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.sandbox_calls(), 1);
}

/// Another process's store on the same database.
fn other_node(app: &TestApp) -> SharedStore {
    open_store(app.config()).unwrap()
}

async fn claim(node: &SharedStore, session: &Session, lease: Duration) -> Claimed {
    match node.claim(SessionId::parse(&session.id).unwrap(), lease).await.unwrap() {
        ClaimOutcome::Claimed(claim) => *claim,
        ClaimOutcome::Busy | ClaimOutcome::Ended(_) => panic!("the session was open"),
    }
}

/// What a node that comes too late wants to commit.
fn stale_completion() -> Completion {
    let now = Month::new(2026, 1).unwrap();
    let pan = Pan::parse(Card::mastercard().number.as_bytes()).unwrap();
    let expiry = Expiry::parse(b"12/30", now).unwrap();
    let card = vezne::card::Card::new(pan, expiry, Cvv::parse(b"737").unwrap()).unwrap();
    Completion { card_token: Sealed::from_bytes(vec![1]), card: card.summary() }
}

#[tokio::test]
async fn an_outcome_after_its_lease_is_dropped() {
    let app = TestApp::start().await;
    let node = other_node(&app);
    for late_before in [true, false] {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        let token = app.open_page(&session).await.token;
        let claimed = claim(&node, &session, Duration::from_millis(1500)).await;
        let busy = app.post(&session, Form::filled(&token, &Card::visa())).await.expect(303);
        assert_eq!(busy.header("location"), session.path, "somebody else has it");
        until_status_is(&app, &session, "open").await;
        let late = async |claimed| {
            let outcome = node.complete(&claimed, &stale_completion()).await.unwrap();
            assert!(matches!(outcome, CommitOutcome::Late), "before: {late_before}");
        };
        if late_before {
            late(claimed).await;
            app.post(&session, Form::filled(&token, &Card::visa())).await.expect(303);
        } else {
            app.post(&session, Form::filled(&token, &Card::visa())).await.expect(303);
            late(claimed).await;
        }
        let read = app.session(&session).await;
        assert_eq!((&read["status"], &read["card"]["lastFour"]), (&json!("completed"), &json!("7068")));
        assert_eq!(read["cardToken"], app.sandbox.token_of(&Card::visa().number));
    }
    app.merchant.received(2).await;
    assert_eq!((app.events().len(), app.sandbox_calls()), (2, 2));
}

#[tokio::test]
async fn a_cancel_after_a_lost_claim_is_final() {
    let app = TestApp::start().await;
    let node = other_node(&app);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let claimed = claim(&node, &session, Duration::from_millis(1500)).await;
    app.cancel(&session).await.expect(202);
    assert_eq!(until_status_is(&app, &session, "canceled").await["status"], "canceled");
    assert_eq!(app.merchant.callback().await.kind(), "session.canceled");
    assert!(matches!(node.release(&claimed, &Release::Unharmed).await.unwrap(), CommitOutcome::Late));
    assert_eq!(app.status(&session).await, "canceled");
    assert_eq!(app.events().len(), 1);
}
