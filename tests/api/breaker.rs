//! The breaker before a provider that does not answer.

use crate::harness::{Card, Setup, TestApp, eventually};
use serde_json::json;
use std::time::Duration;
use std::time::Instant;
use vezne::sandbox::magic::Behaviour;

const OPEN: &str = r#"vezne_provider_breaker{mode="test",state="open"}"#;

/// Opens after three failures, for so long.
fn opening(pause_ms: u32) -> Setup {
    Setup::default()
        .set("provider.card_token.test.breaker_failures", "3")
        .set("provider.card_token.test.breaker_pause_ms", &pause_ms.to_string())
        .set("provider.card_token.test.breaker_longest_pause_ms", "600000")
        .watched()
}

async fn submit(app: &TestApp, behaviour: Behaviour) -> u16 {
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::magic(behaviour)).await.status
}

async fn opened(pause_ms: u32) -> TestApp {
    let app = opening(pause_ms).start().await;
    for behaviour in [Behaviour::ServerError, Behaviour::WrongSignature, Behaviour::Drop] {
        assert_eq!(submit(&app, behaviour).await, 502);
    }
    app
}

#[tokio::test]
async fn an_open_breaker_asks_to_try_again_and_costs_nothing() {
    let app = opened(600_000).await;
    let calls = app.sandbox_calls();
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    // More often than a session has claims.
    for _ in 0..21 {
        let start = Instant::now();
        let answer = app.submit_card(&session, Card::visa()).await.expect(502);
        assert!(answer.text().contains("We could not reach the payment provider"));
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    let by_script = app.submit_by_script(&session, Card::visa()).await.expect(502);
    assert_eq!(by_script.header("content-type"), "application/json");
    assert_eq!(app.sandbox_calls(), calls, "nothing was sent");
    let read = app.session(&session).await;
    assert_eq!((&read["status"], &read["attempts"]), (&json!("open"), &json!(0)));
    assert_eq!(app.metric(OPEN).await, Some(1.0));
    assert_eq!(app.metric(r#"vezne_provider_breaker_refusals_total{mode="test"}"#).await, Some(22.0));
    let report = app.telemetry("/readyz").await.expect(200).json();
    assert_eq!((&report["status"], &report["breakers"]["test"]), (&json!("degraded"), &json!("open")));
    assert_eq!(report["reasons"], json!(["breaker_test"]));
}

#[tokio::test]
async fn refused_cards_do_not_open_it_and_an_answer_starts_the_row_anew() {
    let app = opening(600_000).start().await;
    for _ in 0..4 {
        assert_eq!(submit(&app, Behaviour::Refuse).await, 422);
        assert_eq!(submit(&app, Behaviour::MerchantInvalid).await, 502);
    }
    assert_eq!(submit(&app, Behaviour::ServerError).await, 502);
    assert_eq!(submit(&app, Behaviour::ServerError).await, 502);
    assert_eq!(submit(&app, Behaviour::Refuse).await, 422);
    assert_eq!(submit(&app, Behaviour::ServerError).await, 502);
    assert_eq!(submit(&app, Behaviour::ServerError).await, 502);
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(app.metric(OPEN).await, Some(0.0));
}

#[tokio::test]
async fn a_card_that_gets_through_closes_it() {
    let app = opened(100).await;
    let session = app.create_session(json!({})).await;
    let through = || async { (app.submit_card(&session, Card::visa()).await.status == 303).then_some(()) };
    eventually("a probe", through).await;
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.metric(r#"vezne_provider_breaker{mode="test",state="closed"}"#).await, Some(1.0));
    assert_eq!(app.telemetry("/readyz").await.expect(200).json()["status"], "ready");
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
}
