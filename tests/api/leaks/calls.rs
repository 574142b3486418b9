//! The merchants' API: every kind of problem, with a card number and a secret
//! wherever a caller can put one by mistake.

use super::drive::{BROKEN, Drive, NUMBER, Reader, misplaced};
use crate::harness::{Answer, Card, TestApp, wanted};
use rusqlite::Connection;
use serde_json::json;
use std::time::Duration;
use vezne::merchant::Mode;

/// All of it.
pub async fn every_problem(drive: &Drive, narrow: &Drive) {
    misplaced_numbers(drive).await;
    keys_of_calls(drive).await;
    wrong_callers(drive).await;
    sessions_that_ended(drive).await;
    damaged_rows(drive).await;
    too_many(narrow).await;
    a_store_that_is_locked(drive).await;
}

async fn misplaced_numbers(drive: &Drive) {
    let app = &drive.app;
    let encoded = NUMBER.replace('4', "%34").replace('0', "%30");
    for place in [NUMBER.to_owned(), BROKEN.to_owned(), encoded, format!("{NUMBER}%0d%0a"), format!("..%2f{NUMBER}")] {
        for path in [
            format!("/v1/sessions?limit={place}"),
            format!("/v1/sessions?cursor={place}"),
            format!("/v1/sessions?status={place}"),
            format!("/v1/sessions?{place}=1"),
            format!("/v1/sessions/{place}"),
            format!("/v1/events?type={place}"),
            format!("/v1/events?createdAfter={place}"),
            format!("/v1/events/{place}"),
            format!("/v1/{place}"),
            format!("/problems/{place}"),
            format!("/{place}?{place}#{place}"),
        ] {
            hear(drive, &path, &app.api("GET", &path).send().await);
        }
        hear(drive, "DELETE", &app.api("DELETE", &format!("/v1/sessions?{place}")).send().await);
    }
    for field in ["returnUrl", "callbackUrl", "cancelUrl", "locale", "purpose", "handoff", "expiresIn", NUMBER] {
        hear(drive, field, &app.api("POST", "/v1/sessions").json(&misplaced(field)).send().await);
    }
    let outside = format!("https://elsewhere.example/{NUMBER}");
    for change in [
        json!({ "returnUrl": outside }),
        json!({ "conversationId": NUMBER.repeat(5) }),
        json!({ "conversationId": format!("{NUMBER}\n") }),
        json!({ "metadata": { NUMBER.repeat(3): "x" } }),
        json!({ "conversationId": NUMBER }),
        json!({ "metadata": { "card": NUMBER } }),
        json!({ "metadata": { "card": { NUMBER: 1 } } }),
        json!({ "metadata": [NUMBER] }),
        json!({ "expiresIn": 4_355_093_000_777_068_u64 }),
        json!({ "expiresIn": 4_355_093_000_777_068.5 }),
        json!({ "locale": format!("tr-{NUMBER}") }),
    ] {
        hear(drive, &change.to_string(), &app.api("POST", "/v1/sessions").json(&wanted(change.clone())).send().await);
    }
    let bodies = [
        NUMBER.to_owned(),
        format!("\"{NUMBER}\""),
        format!("{{\"{NUMBER}"),
        format!("{{}} {NUMBER}"),
        format!("cardNumber={NUMBER}"),
        format!("{{\"purpose\":\"{NUMBER}\"}}"),
        format!("{{\"purpose\":\"tokenize\",\"purpose\":\"{NUMBER}\"}}"),
        "[".repeat(9_000) + NUMBER,
        NUMBER.repeat(2_000),
    ];
    for body in bodies {
        hear(drive, "a body", &app.api("POST", "/v1/sessions").body("application/json", body).send().await);
    }
    for kind in
        [format!("text/{NUMBER}"), format!("text/{BROKEN}"), format!("application/json{BROKEN}"), NUMBER.to_owned()]
    {
        hear(drive, &kind, &app.api("POST", "/v1/sessions").body(&kind, "{}").send().await);
    }
}

/// Keys that hold what they should not, that are in use, and whose answers are gone.
async fn keys_of_calls(drive: &Drive) {
    let app = &drive.app;
    let call = |key: &str, reference: &str| {
        let request = app.api("POST", "/v1/sessions").header("idempotency-key", key);
        request.json(&wanted(json!({ "conversationId": reference }))).send()
    };
    for key in [NUMBER, BROKEN, "a key", ""] {
        hear(drive, "a key", &call(key, "order-1").await);
    }
    let created = call("a-key", "order-1").await.expect(201);
    drive.sessions.borrow_mut().push(session_of(&created));
    hear(drive, "replayed", &call("a-key", "order-1").await.expect(201));
    hear(drive, "another call", &call("a-key", NUMBER).await.expect(422));
    for (change, status) in [("lease_until = 9e15", 409), ("lease_until = NULL, answer = zeroblob(64)", 409)] {
        drive.damage(&format!("UPDATE idempotency_keys SET {change} WHERE merchant_id = ?1"), app.shop.id.as_str());
        hear(drive, change, &call("a-key", "order-1").await.expect(status));
    }
}

async fn wrong_callers(drive: &Drive) {
    let app = &drive.app;
    let almost = format!("{}x", &app.shop.api_key);
    for value in [NUMBER, BROKEN, "", &almost, &app.shop.signing_secret, &app.shop.webhook_secret] {
        hear(drive, "a wrong key", &app.api_as(value, "GET", "/v1/sessions").send().await);
        let basic = app.client.request("POST", "/v1/sessions").header("authorization", value);
        hear(drive, "a wrong scheme", &basic.json(&wanted(json!({}))).send().await);
    }
    let disabled = drive.merchant("Disabled").await;
    app.admin.disable(&disabled.merchant.id).await.unwrap();
    hear(drive, "disabled", &app.api_as(disabled.api_keys[0].expose(), "GET", "/v1/sessions").send().await);
    let live = app.admin.rotate_key(&app.shop.id, Mode::Live, Duration::ZERO).await.unwrap();
    drive.remember("API key", live.expose());
    hear(drive, "another mode", &app.api_as(live.expose(), "GET", "/v1/sessions").send().await);
    let bare = app.admin.create("Bare", &["https://shop.example/".to_owned()]).await.unwrap();
    drive.remember("API key", bare.api_keys[0].expose());
    let opened = app.api_as(bare.api_keys[0].expose(), "POST", "/v1/sessions").json(&wanted(json!({})));
    hear(drive, "no provider", &opened.send().await);
}

async fn sessions_that_ended(drive: &Drive) {
    let session = drive.session(json!({})).await;
    drive.app.submit_card(&session, Card::visa()).await.expect(303);
    hear(drive, "cancel after the end", &drive.app.cancel(&session).await);
    let read = drive.app.api("GET", &format!("/v1/sessions/{}", session.id)).send().await;
    hear(drive, "the session", &read.expect(200));
    let list = drive.app.api("GET", &format!("/v1/events?session={}", session.id)).send().await.expect(200);
    let id = list.json()["data"][0]["id"].as_str().unwrap().to_owned();
    hear(drive, "its events", &list);
    let again = drive.app.api("POST", &format!("/v1/events/{id}/redeliver")).send().await;
    hear(drive, "nobody to call", &again.expect(409));
}

/// Secrets that do not open and rows that cannot be read.
async fn damaged_rows(drive: &Drive) {
    let app = &drive.app;
    let merchant = drive.merchant("Damaged").await;
    let key = merchant.api_keys[0].expose();
    let opened = async || app.api_as(key, "POST", "/v1/sessions").json(&wanted(json!({}))).send().await;
    let session = session_of(&opened().await.expect(201));
    drive.sessions.borrow_mut().push(session.clone());
    let id = merchant.merchant.id.as_str();
    let break_secret = "UPDATE merchant_secrets SET sealed = zeroblob(64) WHERE merchant_id = ?1 AND kind = ";
    drive.damage(&format!("{break_secret}'provider_test'"), id);
    let answer = app.submit_card(&session, Card::amex()).await.expect(500);
    drive.hear("a sealed key that does not open", Reader::Anybody, &answer);
    drive.damage(&format!("{break_secret}'result'"), id);
    hear(drive, "a signing secret that does not open", &opened().await.expect(500));
    drive.damage("UPDATE sessions SET metadata = 'no JSON' WHERE merchant_id = ?1", id);
    drive.hear("a row that cannot be read", Reader::Anybody, &app.get(&session.path).await.expect(500));
}

/// `narrow` lets three requests of an address through in a minute.
async fn too_many(narrow: &Drive) {
    for _ in 0..8 {
        hear(narrow, "a guess", &narrow.app.api_as(BROKEN, "GET", "/v1/sessions").send().await);
        narrow.hear("a page", Reader::Anybody, &narrow.app.get(&format!("/c/{NUMBER}")).await);
    }
}

async fn a_store_that_is_locked(drive: &Drive) {
    let app = &drive.app;
    let session = drive.session(json!({})).await;
    let page = app.open_page(&session).await;
    let form = crate::harness::Form::filled(&page.token, &Card::visa());
    let other = Connection::open(app.store_file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (created, submitted) =
        tokio::join!(app.api("POST", "/v1/sessions").json(&wanted(json!({}))).send(), app.post(&session, form));
    other.execute_batch("ROLLBACK").unwrap();
    hear(drive, "a locked store", &created.expect(503));
    drive.hear("a locked store", Reader::Anybody, &submitted.expect(500));
}

fn session_of(created: &Answer) -> crate::harness::Session {
    let created = created.json();
    let url = url::Url::parse(created["url"].as_str().unwrap()).unwrap();
    crate::harness::Session { id: created["id"].to_string(), path: url.path().to_owned() }
}

fn hear(drive: &Drive, what: &str, answer: &Answer) {
    drive.hear(what, Reader::Merchant, answer);
}

/// Setting that makes [`too_many`] true soon.
pub fn narrow() -> crate::harness::Setup {
    TestApp::with("limits.page_per_minute", "8")
}
