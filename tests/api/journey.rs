//! The way of a cardholder through the window, and what the merchant gets.

use crate::harness::{Card, Form, Query, TestApp, form_token, verify, wanted};
use serde_json::json;
use vezne::sandbox::magic::Behaviour;

#[tokio::test]
async fn a_card_becomes_a_token() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "conversationId": "sipariş-42" })).await;
    let answer = app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(answer.header("location"), format!("{}/done", session.path));
    assert_eq!(answer.header("connection"), "close");

    let handoff = app.done(&session).await;
    assert!(handoff.url.starts_with("https://shop.example/return?"), "{}", handoff.url);
    let link = format!(r#"href="{}""#, handoff.url.replace('&', "&#38;"));
    assert!(handoff.answer.text().contains(&link), "{link}");
    assert_eq!((handoff.query.get("status"), handoff.query.get("session")), ("completed", session.id.as_str()));
    assert_eq!(handoff.query.get("conversationId"), "sipariş-42");
    assert!(verify(&handoff.query.json(), &app.shop.signing_secret));
    assert!(!handoff.query.has("cardToken"));

    let read = app.session(&session).await;
    assert_eq!(read["cardToken"], app.sandbox.token_of(&Card::visa().number));
    assert_eq!(read["signature"], handoff.query.get("signature"));
    assert!(verify(&read, &app.shop.signing_secret));
    assert_eq!(
        (&read["card"]["brand"], &read["card"]["bin"], &read["card"]["lastFour"]),
        (&json!("visa"), &json!("43550930"), &json!("7068"))
    );
    assert_eq!(app.sandbox.conversations(), ["sipariş-42"]);
}

#[tokio::test]
async fn a_forged_result_does_not_verify() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let read = app.session(&session).await;
    for field in ["session", "status", "conversationId", "timestamp", "tokenDigest", "cardToken"] {
        let mut forged = read.clone();
        forged[field] = json!("x");
        assert!(!verify(&forged, &app.shop.signing_secret), "{field}");
    }
    assert!(!verify(&read, &app.shop.webhook_secret));
}

#[tokio::test]
async fn the_same_card_gives_the_same_token_and_the_brands_their_truncation() {
    let app = TestApp::start().await;
    let mut tokens = Vec::new();
    for (card, bin) in [(Card::amex(), "374427"), (Card::mastercard(), "55260800"), (Card::mastercard(), "55260800")] {
        let session = app.create_session(json!({})).await;
        app.submit_card(&session, card.clone()).await.expect(303);
        let read = app.session(&session).await;
        assert_eq!(read["card"]["bin"], bin);
        assert_eq!(read["cardToken"], app.sandbox.token_of(&card.number));
        tokens.push(read["cardToken"].clone());
    }
    assert!(tokens[0] != tokens[1] && tokens[1] == tokens[2]);
}

#[tokio::test]
async fn the_redirect_carries_the_token_where_the_merchant_wants_it() {
    let app = TestApp::start().await;
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.token_in_redirect = true;
    app.admin.save(&merchant).await.unwrap();
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let handoff = app.done(&session).await;
    assert_eq!(handoff.query.get("cardToken"), app.sandbox.token_of(&Card::visa().number));
    assert!(verify(&handoff.query.json(), &app.shop.signing_secret));
}

#[tokio::test]
async fn what_the_return_url_asks_already_stays_byte_for_byte() {
    let app = TestApp::start().await;
    // Windows-1254, a parameter without a value, and a plus: nothing that can be decoded and written anew.
    let theirs = "order=7&ad=%DE%FE%F0&x&note=a+b";
    let url = format!("https://shop.example/return?{theirs}");
    let session = app.create_session(json!({ "returnUrl": url, "cancelUrl": url })).await;
    app.cancel_on_page(&session).await.expect(303);
    let done = app.done(&session).await;
    assert!(done.url.starts_with(&format!("{url}&session=")), "{}", done.url);
    assert_eq!(done.query.get("status"), "canceled");
    assert!(verify(&done.query.json(), &app.shop.signing_secret));
}

#[tokio::test]
async fn the_page_works_without_script_and_says_who_asks() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    let html = page.answer.text();
    assert!(html.contains("Kitapçı &#60;Deniz&#62; &#38; Oğlu"), "the merchant's name is escaped");
    assert!(html.contains(&format!(r#"method="post" action="{}" enctype="multipart/form-data""#, session.path)));
    assert!(html.contains("Test mode"));
    for external in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!html.contains(external), "{external}");
    }
}

#[tokio::test]
async fn the_language_is_the_sessions_then_the_browsers_then_the_operators() {
    let app = TestApp::start().await;
    let none = wanted(json!({}));
    let mut none = none.as_object().unwrap().clone();
    none.remove("locale");
    let created = app.api("POST", "/v1/sessions").json(&json!(none)).send().await.expect(201).json();
    let unset = created["url"].as_str().unwrap().strip_prefix(&app.origin()).unwrap().to_owned();
    let english = app.create_session(json!({ "locale": "en" })).await.path;
    let cases = [(&unset, "", "tr"), (&unset, "en-GB,en;q=0.9", "en"), (&unset, "de,fr", "tr"), (&english, "tr", "en")];
    let arabic = [(&unset, "ar-SA,ar;q=0.9,en;q=0.8", "ar"), (&unset, "fr, ar;q=0.5, en;q=0.4", "ar")];
    for (path, accepted, language) in cases.into_iter().chain(arabic) {
        let answer = app.client.request("GET", path).header("accept-language", accepted).send().await.expect(200);
        assert_eq!(answer.header("content-language"), language, "{accepted:?}");
        assert!(answer.text().contains(&format!(r#"<html lang="{language}""#)), "{accepted:?}");
    }
}

#[tokio::test]
async fn the_script_is_answered_in_json_for_each_outcome() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let invalid = app.submit_by_script(&session, Card::new("4355093000777069")).await.expect(422).json();
    assert_eq!((&invalid["outcome"], &invalid["errors"][0]["field"]), (&json!("invalid"), &json!("cardNumber")));
    let declined = app.submit_by_script(&session, Card::magic(Behaviour::Refuse)).await.expect(422).json();
    assert_eq!((&declined["outcome"], &declined["attemptsLeft"]), (&json!("declined"), &json!(4)));
    assert!(declined["message"].as_str().unwrap().contains("reddedildi"), "{declined}");
    let again = app.submit_by_script(&session, Card::magic(Behaviour::ServerError)).await.expect(502).json();
    assert_eq!(again["outcome"], "tryAgain");

    let stale = Form::filled("AAAA", &Card::visa());
    let stale = app.browser_post(&session.path, stale).header("accept", "application/json").send().await.expect(403);
    assert_eq!(stale.json()["outcome"], "stale");
    let refused = Form::new().field("unknown", "x");
    let refused =
        app.browser_post(&session.path, refused).header("accept", "application/json").send().await.expect(400);
    assert_eq!(refused.json()["outcome"], "refused");

    // The answer's own token is good for the next submit.
    let form = Form::filled(again["formToken"].as_str().unwrap(), &Card::visa());
    let done = app.browser_post(&session.path, form).header("accept", "application/json").send().await.expect(200);
    let done = done.json();
    assert_eq!(done["outcome"], "done");
    let query = Query::of(done["next"].as_str().unwrap());
    assert!(verify(&query.json(), &app.shop.signing_secret));
    assert_eq!(query, app.done(&session).await.query);
}

#[tokio::test]
async fn the_script_is_led_to_the_page_that_tells_of_the_last_refusal() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    for _ in 0..4 {
        app.submit_by_script(&session, Card::magic(Behaviour::Refuse)).await.expect(422);
    }
    let last = app.submit_by_script(&session, Card::magic(Behaviour::Refuse)).await.expect(200).json();
    assert_eq!(last, json!({ "outcome": "done", "next": format!("{}/done", session.path) }));
    let handoff = app.done(&session).await;
    assert!(handoff.answer.text().contains("Your card was not accepted"));
    assert_eq!(handoff.query.get("status"), "failed");
}

#[tokio::test]
async fn the_script_hears_that_a_session_has_ended() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    app.cancel(&session).await.expect(200);
    let form = Form::filled(&page.token, &Card::visa());
    let ended = app.browser_post(&session.path, form.clone()).header("accept", "application/json").send().await;
    let ended = ended.expect(410).json();
    assert_eq!((&ended["outcome"], &ended["next"]), (&json!("ended"), &json!(session.path)));
    let unknown = app.browser_post("/c/00000000000000000000000000000000", form);
    let unknown = unknown.header("accept", "application/json").send().await.expect(404).json();
    assert_eq!(unknown["outcome"], "ended");
    assert_eq!(app.sandbox_calls(), 0);
}

#[tokio::test]
async fn five_refusals_end_the_session_and_the_merchant_is_told() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    for left in (1..=4).rev() {
        let answer = app.submit_card(&session, Card::magic(Behaviour::RefuseInsufficientFunds)).await.expect(422);
        assert!(form_token(answer.text()).is_some(), "the form is shown again");
        assert_eq!(app.session(&session).await["attempts"], 5 - left);
    }
    app.submit_card(&session, Card::magic(Behaviour::RefuseInsufficientFunds)).await.expect(303);
    let query = app.done(&session).await.query;
    assert_eq!((query.get("status"), query.get("tokenDigest")), ("failed", ""));
    assert!(verify(&query.json(), &app.shop.signing_secret));
    let callback = app.merchant.callback().await;
    assert_eq!(callback.kind(), "session.failed");
    let failure = json!({ "reason": "too_many_refusals", "providerCode": "0051" });
    assert_eq!(callback.json()["data"]["failure"], failure);
    let read = app.session(&session).await;
    assert_eq!((&read["failure"], &read["status"], &read["attempts"]), (&failure, &json!("failed"), &json!(5)));
    assert_eq!(app.sandbox_calls(), 5);
}

#[tokio::test]
async fn the_cardholder_cancels() {
    let app = TestApp::start().await;
    let cancel_url = "https://shop.example/basket";
    let session = app.create_session(json!({ "cancelUrl": cancel_url, "callbackUrl": app.merchant.url() })).await;
    let answer = app.cancel_on_page(&session).await.expect(303);
    assert_eq!(answer.header("location"), format!("{}/done", session.path));
    let handoff = app.done(&session).await;
    assert!(handoff.url.starts_with("https://shop.example/basket?"));
    assert_eq!(handoff.query.get("status"), "canceled");
    assert!(verify(&handoff.query.json(), &app.shop.signing_secret));
    assert_eq!(app.merchant.callback().await.kind(), "session.canceled");
    assert_eq!(app.status(&session).await, "canceled");
    let page = app.get(&session.path).await.expect(410);
    assert!(page.text().contains(&format!(r#"href="{cancel_url}?"#)), "a way back");
}

#[tokio::test]
async fn time_runs_out() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "expiresIn": 1, "callbackUrl": app.merchant.url() })).await;
    let page = app.open_page(&session).await;
    let callback = app.merchant.callback().await;
    assert_eq!(callback.kind(), "session.expired");
    assert!(verify(&callback.json()["data"], &app.shop.signing_secret));
    assert_eq!(app.status(&session).await, "expired");
    for answer in [
        app.get(&session.path).await,
        app.get(&format!("{}/done", session.path)).await,
        app.post(&session, Form::filled(&page.token, &Card::visa())).await,
    ] {
        let answer = answer.expect(410);
        assert_eq!(answer.header("content-language"), "en");
        assert!(answer.text().contains("This page has expired"));
        assert!(answer.text().contains(r#"href="https://shop.example/return?"#), "a way back");
    }
    assert_eq!(app.sandbox_calls(), 0);
}

#[tokio::test]
async fn an_unknown_link_says_so_in_the_browsers_language() {
    let app = TestApp::start().await;
    let secret = "0123456789abcdefghijklmnopqrstuv";
    for path in [format!("/c/{secret}"), format!("/c/{secret}/done"), "/c/short".into(), "/c/%C3%BC".into()] {
        for (language, title) in
            [("tr", "Bu bağlantı geçerli değil"), ("en", "This link does not work"), ("ar", "هذا الرابط غير صالح")]
        {
            let answer = app.client.request("GET", &path).header("accept-language", language).send().await;
            let answer = answer.expect(404);
            assert!(answer.text().contains(title), "{path} {language}");
            assert!(!answer.holds(secret), "{path}: the secret comes back");
        }
    }
    let answer = app.browser_post(&format!("/c/{secret}"), Form::filled("x", &Card::visa())).send().await;
    assert!(!answer.expect(404).holds(&Card::visa().number));
    assert_eq!(app.sandbox_calls(), 0);
}

#[tokio::test]
async fn a_reload_a_second_tab_and_a_second_submit_repeat_the_same_hand_off() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let second_tab = app.open_page(&session).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let first = app.done(&session).await;

    let done = format!("{}/done", session.path);
    assert_eq!(app.get(&session.path).await.expect(303).header("location"), done);
    let again = app.post(&session, Form::filled(&second_tab.token, &Card::mastercard())).await.expect(303);
    assert_eq!(again.header("location"), done);
    let late_cancel = Form::new().field("formToken", &second_tab.token);
    let late_cancel = app.browser_post(&format!("{}/cancel", session.path), late_cancel).send().await.expect(303);
    assert_eq!(late_cancel.header("location"), done);
    assert_eq!(app.done(&session).await.url, first.url);
    assert_eq!(app.sandbox_calls(), 1);
    assert_eq!(app.session(&session).await["cardToken"], app.sandbox.token_of(&Card::visa().number));
}
