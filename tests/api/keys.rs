//! Who may call: keys, modes, merchants, limits.

use crate::harness::{Card, Form, TestApp, verify, wanted};
use serde_json::json;
use std::time::Duration;
use vezne::hardening::SecretText;
use vezne::merchant::Mode;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn without_a_key_of_ours_there_is_no_answer() {
    let app = TestApp::start().await;
    let wrong = app.shop.api_key.replace(&app.shop.api_key[20..], &"0".repeat(app.shop.api_key.len() - 20));
    let basic = "Basic dGVzdDp0ZXN0".to_owned();
    let values = ["", "Bearer", "Bearer ", "Bearer x", &app.shop.api_key, &basic, &format!("Bearer {wrong}")];
    for value in values {
        for (method, path) in [("GET", "/v1/sessions"), ("POST", "/v1/sessions"), ("GET", "/v1/sessions/ses_1")] {
            let answer = app.client.request(method, path).header("authorization", value).send().await.expect(401);
            assert_eq!(answer.problem(), "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{value}");
            assert!(!answer.holds(&app.shop.api_key));
        }
    }
    app.client.request("GET", "/v1/sessions").send().await.expect(401);
    let lower = format!("bearer {}", app.shop.api_key);
    app.client.request("GET", "/v1/sessions").header("authorization", &lower).send().await.expect(200);
}

#[tokio::test]
async fn another_merchants_session_is_not_there() {
    let app = TestApp::start().await;
    let other = app.admin.create("Other", &["https://other.example/".to_owned()]).await.unwrap();
    let other_key = other.api_keys[0].expose();
    let session = app.create_session(json!({})).await;
    let path = format!("/v1/sessions/{}", session.id);
    for (method, path) in [("GET", path.clone()), ("POST", format!("{path}/cancel"))] {
        let answer = app.api_as(other_key, method, &path).send().await.expect(404);
        assert_eq!(answer.problem(), "not-found");
    }
    let list = app.api_as(other_key, "GET", "/v1/sessions").send().await.expect(200).json();
    assert_eq!(list["data"], json!([]));
    assert_eq!(app.status(&session).await, "open");
    for id in ["ses_00000000000000000000000000", "ses_", "evt_00000000000000000000000000", "%2e%2e", "%ff"] {
        assert_eq!(app.api("GET", &format!("/v1/sessions/{id}")).send().await.expect(404).problem(), "not-found");
    }
}

#[tokio::test]
async fn test_and_live_do_not_see_each_other() {
    let app = TestApp::start().await;
    let foreign = app.admin.rotate_key(&app.shop.id, Mode::Live, DAY).await.unwrap();
    let answer = app.api_as(foreign.expose(), "GET", "/v1/sessions").send().await.expect(403);
    assert_eq!(answer.problem(), "mode-unavailable");

    let url = app.sandbox.url();
    let ca = app.config().provider.test.as_ref().unwrap().upstream.ca_file.clone().unwrap();
    let live = TestApp::with("live", "true")
        .set("provider.card_token.live.url", &url)
        .set("provider.card_token.live.ca_file", ca.to_str().unwrap())
        .start()
        .await;
    let session = live.create_session(json!({})).await;
    let live_key = live.shop.live_api_key.as_deref().unwrap();
    live.api_as(live_key, "GET", &format!("/v1/sessions/{}", session.id)).send().await.expect(404);
    let short = wanted(json!({ "expiresIn": 59 }));
    live.api_as(live_key, "POST", "/v1/sessions").json(&short).send().await.expect(422);
    let wanted = wanted(json!({}));
    let created = live.api_as(live_key, "POST", "/v1/sessions").json(&wanted).send().await.expect(201).json();
    assert_eq!(created["mode"], "live");
    let page = live.get(created["url"].as_str().unwrap().strip_prefix(&live.origin()).unwrap()).await.expect(200);
    assert!(!page.text().contains("Test mode"));
}

#[tokio::test]
async fn a_disabled_merchant_has_no_api_and_no_pages() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    app.admin.disable(&app.shop.id).await.unwrap();
    assert_eq!(app.api("GET", "/v1/sessions").send().await.expect(403).problem(), "merchant-disabled");
    app.get(&session.path).await.expect(404);
    app.post(&session, Form::filled(&page.token, &Card::visa())).await.expect(404);
    assert_eq!(app.sandbox_calls(), 0);
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.disabled_at = None;
    app.admin.save(&merchant).await.unwrap();
    app.submit_card(&session, Card::visa()).await.expect(303);
}

#[tokio::test]
async fn without_provider_credentials_no_session_is_opened() {
    let app = TestApp::start().await;
    let other = app.admin.create("Other", &["https://shop.example/".to_owned()]).await.unwrap();
    let key = other.api_keys[0].expose();
    let answer = app.api_as(key, "POST", "/v1/sessions").json(&wanted(json!({}))).send().await.expect(409);
    assert_eq!(answer.problem(), "provider-not-set");
    let keys = &app.sandbox.merchant;
    let secret = SecretText::new(keys.secret_key.clone());
    let id = &other.merchant.id;
    app.admin.set_provider(id, Mode::Test, &keys.public_key, &secret, &keys.merchant_number).await.unwrap();
    app.api_as(key, "POST", "/v1/sessions").json(&wanted(json!({}))).send().await.expect(201);
}

#[tokio::test]
async fn a_rotated_key_works_beside_the_new_one_and_a_third_ends_it() {
    let app = TestApp::start().await;
    let status = async |key: &str| app.api_as(key, "GET", "/v1/sessions").send().await.status;
    let first = app.shop.api_key.clone();
    let second = app.admin.rotate_key(&app.shop.id, Mode::Test, DAY).await.unwrap();
    assert_eq!((status(&first).await, status(second.expose()).await), (200, 200));
    let third = app.admin.rotate_key(&app.shop.id, Mode::Test, DAY).await.unwrap();
    assert_eq!((status(&first).await, status(second.expose()).await, status(third.expose()).await), (401, 200, 200));
    let fourth = app.admin.rotate_key(&app.shop.id, Mode::Test, Duration::ZERO).await.unwrap();
    assert_eq!(
        (status(second.expose()).await, status(third.expose()).await, status(fourth.expose()).await),
        (401, 401, 200)
    );
}

#[tokio::test]
async fn what_is_ended_in_its_grace_time_counts_no_more() {
    let app = TestApp::start().await;
    let id = &app.shop.id;
    let key = app.admin.rotate_key(id, Mode::Test, DAY).await.unwrap();
    let signing = app.admin.rotate_secret(id, false, DAY).await.unwrap();
    let webhook = app.admin.rotate_secret(id, true, DAY).await.unwrap();
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    assert!(verify(&app.session(&session).await, &app.shop.signing_secret), "the older one, in its grace time");

    let overview = app.admin.overview(&app.admin.find(id).await.unwrap()).await.unwrap();
    let keys = overview.api_keys.iter().map(|key| (&key.id, key.retires_at));
    let secrets = overview.signing.iter().map(|(_, secret)| (&secret.id, secret.retires_at));
    for (name, _) in keys.chain(secrets).filter(|(_, end)| end.is_some()) {
        app.admin.retire(id, name).await.unwrap();
    }
    app.api("GET", "/v1/sessions").send().await.expect(401);
    let path = format!("/v1/sessions/{}", session.id);
    let read = app.api_as(key.expose(), "GET", &path).send().await.expect(200).json();
    assert!(verify(&read, signing.expose()) && !verify(&read, &app.shop.signing_secret));
    app.api_as(key.expose(), "POST", &format!("{path}/cancel")).send().await.expect(200);
    let callback = app.merchant.callback().await;
    assert!(callback.verifies_with(webhook.expose()) && !callback.verifies_with(&app.shop.webhook_secret));
}

#[tokio::test]
async fn over_its_limit_a_merchant_is_told_when_to_come_back() {
    let app = TestApp::with("limits.api_per_second", "1").start().await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(app.api("GET", "/v1/sessions").send().await);
    }
    let refused = answers.iter().find(|answer| answer.status == 429).expect("five calls at once are too many");
    assert_eq!(refused.problem(), "too-many-requests");
    assert!((1..=5).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    let other = app.admin.create("Other", &["https://other.example/".to_owned()]).await.unwrap();
    app.api_as(other.api_keys[0].expose(), "GET", "/v1/sessions").send().await.expect(200);
}

#[tokio::test]
async fn over_its_limit_an_address_gets_no_pages_and_no_guesses() {
    let app = TestApp::with("limits.page_per_minute", "3").start().await;
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    app.get("/c/00000000000000000000000000000000").await.expect(404);
    app.client.request("GET", "/v1/sessions").send().await.expect(401);
    let refused = app.get(&session.path).await.expect(429);
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert!(refused.text().contains("<html lang="));
    let form = Form::filled(&page.token, &Card::visa());
    let refused = app.post(&session, form).await.expect(429);
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    let by_script = app.browser_post(&session.path, Form::filled(&page.token, &Card::visa()));
    let by_script = by_script.header("accept", "application/json").send().await.expect(429);
    assert_eq!(by_script.json()["outcome"], "refused");
    let guess = app.client.request("GET", "/v1/sessions").send().await.expect(429);
    assert_eq!(guess.problem(), "too-many-requests");
    assert_eq!(app.sandbox_calls(), 0);
    assert_eq!(app.status(&session).await, "open", "the merchant's own calls do not count against it");
}

#[tokio::test]
async fn what_was_asked_for_over_the_limit_does_not_come_back() {
    let app = TestApp::with("limits.page_per_minute", "1").start().await;
    let number = "4603450000000000";
    for path in [format!("/c/{number}"), format!("/c/{number}/done"), "/c/%22%3E%3Cb%3E".into()] {
        for method in ["GET", "POST"] {
            let request = app.client.request(method, &path);
            let request = if method == "POST" { request.header("accept", "application/json") } else { request };
            let answer = request.send().await;
            assert!([404, 405, 429].contains(&answer.status), "{path}: {}", answer.status);
            assert!(!answer.holds(number) && !answer.holds("<b>"), "{path}: {}", answer.text());
        }
    }
    let session = app.create_session(json!({})).await;
    let refused = app.get(&session.path).await.expect(429);
    assert!(refused.text().contains(&format!("href=\"{}\"", session.path)), "a real link can be tried again");
}
