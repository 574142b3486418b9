//! A provider that refuses, fails, lies or is away.

use crate::harness::{Card, TestApp, form_token};
use serde_json::json;
use std::time::{Duration, Instant};
use vezne::sandbox::magic::Behaviour;

#[tokio::test]
async fn an_answer_that_is_not_believed_leaves_the_session_as_it_was() {
    let app = TestApp::start().await;
    let rows = [
        (Behaviour::ServerError, 1),
        (Behaviour::MalformedBody, 1),
        (Behaviour::WrongSignature, 1),
        (Behaviour::WrongConversation, 1),
        (Behaviour::EmptyToken, 1),
        (Behaviour::Drop, 1),
        (Behaviour::Redirect, 1),
        (Behaviour::Oversized, 1),
        (Behaviour::MerchantInvalid, 1),
        (Behaviour::StaleAlways, 2),
    ];
    for (behaviour, calls) in rows {
        let what = behaviour.name();
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        let before = app.sandbox_calls();
        let answer = app.submit_card(&session, Card::magic(behaviour)).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        assert!(answer.text().contains("We could not reach the payment provider"), "{what}");
        assert!(!answer.holds(&Card::magic(behaviour).number), "{what}");
        assert!(form_token(answer.text()).is_some(), "{what}: the form is there again");
        assert_eq!(app.sandbox_calls() - before, calls, "{what}");
        let read = app.session(&session).await;
        assert_eq!((&read["status"], &read["attempts"]), (&json!("open"), &json!(0)), "{what}");
        assert!(read.get("cardToken").is_none(), "{what}");

        app.submit_card(&session, Card::visa()).await.expect(303);
        assert_eq!(app.session(&session).await["cardToken"], app.sandbox.token_of(&Card::visa().number), "{what}");
    }
    assert!(!app.sandbox.outcomes().contains(&"redirect_followed"));
}

#[tokio::test]
async fn an_answer_that_is_believed_however_it_is_spelled() {
    let app = TestApp::start().await;
    for (behaviour, calls) in [(Behaviour::SucceedSisterSpelling, 1), (Behaviour::StaleOnce, 2)] {
        let session = app.create_session(json!({})).await;
        let before = app.sandbox_calls();
        app.submit_card(&session, Card::magic(behaviour)).await.expect(303);
        assert_eq!(app.sandbox_calls() - before, calls, "{}", behaviour.name());
        let token = app.sandbox.token_of(&Card::magic(behaviour).number);
        assert_eq!(app.session(&session).await["cardToken"], token);
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_providers_words_and_counted() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let refused = app.submit_card(&session, Card::magic(Behaviour::Refuse)).await.expect(422);
    assert!(refused.text().contains("Kartınız bankası tarafından reddedildi."));
    assert!(refused.text().contains("You can try 4 more times."));

    let html = app.submit_card(&session, Card::magic(Behaviour::RefuseWithHtml)).await.expect(422);
    let escaped =
        "Kart &#60;b&#62;reddedildi&#60;/b&#62; &#38; &#60;script&#62;alert(&#39;vezne&#39;)&#60;/script&#62;";
    assert!(html.text().contains(escaped), "{}", html.text());
    assert!(!html.text().contains("<script>alert"));

    let echo = Card::magic(Behaviour::RefuseEchoingCard);
    let masked = app.submit_card(&session, echo.clone()).await.expect(422);
    assert!(!masked.holds(&echo.number) && !masked.holds(&echo.number[..9]));
    assert_eq!(app.session(&session).await["attempts"], 3);
    let json = app.submit_by_script(&session, echo.clone()).await.expect(422);
    assert!(!json.holds(&echo.number) && !json.holds(&echo.number[..9]), "{}", json.text());
    assert_eq!((&json.json()["attemptsLeft"], app.sandbox_calls()), (&json!(1), 4));

    app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(app.status(&session).await, "completed");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_in_time_is_given_up() {
    let app = TestApp::with("provider.card_token.test.timeout_ms", 1500).start().await;
    let session = app.create_session(json!({})).await;
    let start = Instant::now();
    let answer = app.submit_card(&session, Card::magic(Behaviour::Stall)).await.expect(502);
    assert!(start.elapsed() < Duration::from_secs(15), "took {:?}", start.elapsed());
    assert!(answer.text().contains("We could not reach the payment provider"));
    assert_eq!((app.sandbox_calls(), app.status(&session).await.as_str()), (1, "open"));
    app.submit_card(&session, Card::visa()).await.expect(303);
}

#[tokio::test]
async fn a_provider_that_is_away_costs_no_attempt() {
    let app = TestApp::with("provider.card_token.test.url", "https://localhost:1/card/token").start().await;
    let session = app.create_session(json!({})).await;
    let answer = app.submit_card(&session, Card::visa()).await.expect(502);
    assert!(!answer.holds(&Card::visa().number));
    let read = app.session(&session).await;
    assert_eq!((&read["status"], &read["attempts"]), (&json!("open"), &json!(0)));
}

#[tokio::test]
async fn one_link_causes_twenty_calls_at_most() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    for _ in 1..20 {
        app.submit_card(&session, Card::magic(Behaviour::ServerError)).await.expect(502);
    }
    app.submit_card(&session, Card::magic(Behaviour::ServerError)).await.expect(303);
    assert_eq!(app.session(&session).await["failure"], json!({ "reason": "too_many_claims" }));
    assert_eq!(app.merchant.callback().await.kind(), "session.failed");
    assert_eq!(app.get(&session.path).await.expect(303).header("location"), format!("{}/done", session.path));
    assert_eq!(app.sandbox_calls(), 20);
}

#[tokio::test]
async fn later_attempts_have_names_of_their_own_where_the_provider_wants_it() {
    let app = TestApp::with("provider.card_token.test.unique_conversation_ids", true).start().await;
    let session = app.create_session(json!({ "conversationId": "order-1" })).await;
    app.submit_card(&session, Card::magic(Behaviour::Refuse)).await.expect(422);
    app.submit_card(&session, Card::magic(Behaviour::ServerError)).await.expect(502);
    app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(app.sandbox.conversations(), ["order-1", "order-1-2", "order-1-3"]);
    assert_eq!(app.done(&session).await.query.get("conversationId"), "order-1");
}
