//! A process that dies between two steps of a card's way, and what its
//! successor finds (docs/sessions.md).

use crate::harness::{Card, Session, Setup, TestApp, eventually};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;

const SIGABRT: i32 = 6;

/// A service that ends at this place, and a session of it that was submitted.
async fn dead(point: &str) -> (TestApp, Session) {
    let setup = Setup::default().in_a_process().variable("VEZNE_FAILPOINT", point);
    // The session's lease is ten seconds more than this, the callback's fifteen.
    let setup = setup.set("provider.card_token.test.timeout_ms", "2000").set("callback.timeout_ms", "2000");
    let mut app = setup.start().await;
    assert!(app.process().log().contains("this process ends at a failpoint"));
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let _browser = app.begin_submit(&session, Card::visa()).await;
    assert_eq!(app.process_mut().ended().signal(), Some(SIGABRT));
    app.start_again(&["VEZNE_FAILPOINT"]);
    (app, session)
}

/// The session is free after its lease, once, and then takes the card.
async fn claimed_again(app: &TestApp, session: &Session) {
    assert_eq!(app.status(session).await, "claimed");
    eventually("the lease's end", || async { (app.status(session).await == "open").then_some(()) }).await;
    app.submit_card(session, Card::visa()).await.expect(303);
    let read = app.session(session).await;
    assert_eq!((&read["status"], &read["attempts"]), (&json!("completed"), &json!(0)));
    assert_eq!(app.merchant.callback().await.kind(), "session.completed");
    assert_eq!(app.events().len(), 1);
}

#[tokio::test]
async fn after_the_claim_the_card_has_not_left() {
    let (app, session) = dead("after-claim").await;
    assert_eq!(app.sandbox_calls(), 0);
    claimed_again(&app, &session).await;
    assert_eq!(app.sandbox_calls(), 1);
}

#[tokio::test]
async fn after_the_providers_answer_its_token_is_lost_and_asked_for_again() {
    let (app, session) = dead("after-provider").await;
    assert_eq!(app.sandbox_calls(), 1);
    claimed_again(&app, &session).await;
    assert_eq!(app.sandbox_calls(), 2);
    assert_eq!(app.session(&session).await["cardToken"], app.sandbox.token_of(&Card::visa().number));
}

#[tokio::test]
async fn after_the_commit_nothing_is_lost() {
    let (app, session) = dead("after-commit").await;
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.done(&session).await.query.get("status"), "completed");
    assert_eq!(app.merchant.callback().await.kind(), "session.completed");
    assert_eq!(app.sandbox_calls(), 1);
}

#[tokio::test]
async fn after_the_callback_it_comes_again_under_the_same_id() {
    let (app, session) = dead("after-callback").await;
    assert_eq!(app.status(&session).await, "completed");
    let received = app.merchant.received(2).await;
    assert_eq!(received[0].id(), received[1].id());
    assert_eq!((app.events().len(), app.sandbox_calls()), (1, 1));
}

#[tokio::test]
async fn a_place_that_is_none_is_a_mistake() {
    let refused = Setup::default().variable("VEZNE_FAILPOINT", "after-lunch").refused().await;
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("after-claim, after-provider, after-commit, after-callback"), "{said}");
}
