//! `Idempotency-Key`: one call, however often it is sent.

use crate::harness::{Answer, Card, PATIENCE, Setup, TestApp, eventually, wanted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::io::AsyncWriteExt;
use vezne::cli::keys::Sealing;
use vezne::config::KeySource;
use vezne::hardening::{MasterKey, key_file};
use vezne::merchant::Mode;

const KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";

async fn post(app: &TestApp, key: &str, path: &str, body: &Value) -> Answer {
    app.api("POST", path).header("idempotency-key", key).json(body).send().await
}

async fn create(app: &TestApp, key: &str, body: &Value) -> Answer {
    post(app, key, "/v1/sessions", body).await
}

async fn count(app: &TestApp) -> usize {
    let list = app.api("GET", "/v1/sessions?limit=100").send().await.expect(200).json();
    list["data"].as_array().unwrap().len()
}

/// Changes the keys' rows behind the service's back.
fn change(app: &TestApp, change: &str) {
    assert!(app.alter(&format!("UPDATE idempotency_keys SET {change}")) > 0);
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

#[tokio::test]
async fn the_same_call_is_made_once_and_answered_the_same_byte_for_byte() {
    let app = TestApp::start().await;
    let body = wanted(json!({ "metadata": { "basket": "ğüşiöç \"7\"" } }));
    let first = create(&app, KEY, &body).await.expect(201);
    let again = create(&app, KEY, &body).await.expect(201);
    assert_eq!(first.body, again.body);
    for name in ["content-type", "location", "cache-control"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
    assert_eq!((is_replay(&first), is_replay(&again), count(&app).await), (false, true, 1));
    assert_ne!(first.header("vezne-request-id"), again.header("vezne-request-id"));
    // Without a key, and with another one, it is another call.
    let bare = app.api("POST", "/v1/sessions").json(&body).send().await.expect(201);
    assert_ne!(bare.json()["id"], first.json()["id"]);
    create(&app, "another", &body).await.expect(201);
    assert_eq!(count(&app).await, 3);
    // The session behind the answer is a whole one.
    let url = again.json()["url"].as_str().unwrap().to_owned();
    app.get(url.strip_prefix(&app.origin()).unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_key_stands_for_one_address_and_one_body() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    create(&app, KEY, &body).await.expect(201);
    let session = app.create_session(json!({})).await;
    let mut other = body.clone();
    other["metadata"] = json!({ "a": "b" });
    let reordered = format!(" {body}");
    let request = app.api("POST", "/v1/sessions").header("idempotency-key", KEY);
    for answer in [
        create(&app, KEY, &other).await,
        request.body("application/json", reordered).send().await,
        post(&app, KEY, &format!("/v1/sessions/{}/cancel", session.id), &body).await,
    ] {
        assert_eq!(answer.expect(422).problem(), "idempotency-mismatch");
    }
    assert_eq!((app.status(&session).await.as_str(), count(&app).await), ("open", 2));
    assert!(is_replay(&create(&app, KEY, &body).await.expect(201)), "the first call stands");
}

#[tokio::test]
async fn each_merchant_has_its_own_keys() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    let mine = create(&app, KEY, &body).await.expect(201).json();
    let other = app.admin.create("Other", &["https://shop.example/".to_owned()]).await.unwrap();
    let keys = &app.sandbox.merchant;
    let secret = vezne::hardening::SecretText::new(keys.secret_key.clone());
    let id = &other.merchant.id;
    app.admin.set_provider(id, Mode::Test, &keys.public_key, &secret, &keys.merchant_number).await.unwrap();
    let request = app.api_as(other.api_keys[0].expose(), "POST", "/v1/sessions").header("idempotency-key", KEY);
    let theirs = request.json(&body).send().await.expect(201);
    assert!(!is_replay(&theirs) && theirs.json()["id"] != mine["id"]);
    // A key of the API is no part of a call: after a rotation the answer is the same.
    let rotated = app.admin.rotate_key(&app.shop.id, Mode::Test, PATIENCE).await.unwrap();
    let request = app.api_as(rotated.expose(), "POST", "/v1/sessions").header("idempotency-key", KEY);
    assert_eq!(request.json(&body).send().await.expect(201).json(), mine);
    app.client.request("POST", "/v1/sessions").header("idempotency-key", KEY).json(&body).send().await.expect(401);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused_and_nothing_is_done() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    let long = "k".repeat(256);
    for key in ["", "two words", "a,\tb", "sipariş", &long] {
        let answer = create(&app, key, &body).await.expect(400);
        assert_eq!(answer.problem(), "invalid-idempotency-key", "{key}");
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
    }
    let twice = app.api("POST", "/v1/sessions").header("idempotency-key", KEY).header("idempotency-key", KEY);
    let answer = twice.json(&body).send().await.expect(400);
    assert!(answer.json()["detail"].as_str().unwrap().contains("more than once"));
    assert_eq!(create(&app, "4603450000000000", &body).await.expect(400).problem(), "card-number");
    let large = wanted(json!({ "metadata": { "a": "x".repeat(17_000) } }));
    create(&app, KEY, &large).await.expect(413);
    assert_eq!(count(&app).await, 0);
    create(&app, &long[1..], &body).await.expect(201);
}

#[tokio::test]
async fn of_many_at_once_one_is_made() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    let answers = futures_util::future::join_all((0..30).map(|_| create(&app, KEY, &body))).await;
    let mut ids = BTreeSet::new();
    for answer in &answers {
        if answer.status == 409 {
            assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("idempotency-in-flight", "1"));
        } else {
            assert_eq!(answer.status, 201, "{}", answer.text());
            ids.insert(answer.json()["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!((ids.len(), count(&app).await), (1, 1));
    assert!(is_replay(&create(&app, KEY, &body).await.expect(201)));
}

#[tokio::test]
async fn while_it_is_run_elsewhere_others_wait() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    let first = create(&app, KEY, &body).await.expect(201).json();
    // As another process has it that is in the middle of the call.
    change(&app, "answer = NULL, lease_until = 9000000000000000");
    let answer = create(&app, KEY, &body).await.expect(409);
    assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("idempotency-in-flight", "1"));
    assert_eq!(create(&app, KEY, &wanted(json!({}))).await.expect(422).problem(), "idempotency-mismatch");
    // That process dies between the session and its answer; its lease is over.
    change(&app, "lease_until = 1");
    let again = create(&app, KEY, &body).await.expect(201);
    assert_eq!((again.json(), is_replay(&again), count(&app).await), (first, false, 1), "found, not made again");
    assert!(is_replay(&create(&app, KEY, &body).await.expect(201)));
}

#[tokio::test]
async fn a_call_goes_on_when_its_client_has_gone() {
    let app = TestApp::start().await;
    let body = wanted(json!({})).to_string();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        app.shop.api_key,
        body.len()
    );
    for _ in 0..3 {
        let mut connection = app.client.connect().await;
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.flush().await.unwrap();
        drop(connection);
    }
    let answer = eventually("the answer", || async {
        let request = app.api("POST", "/v1/sessions").header("idempotency-key", KEY);
        let answer = request.body("application/json", body.clone()).send().await;
        (answer.status == 201).then_some(answer)
    });
    answer.await;
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn after_a_failure_of_ours_the_same_call_is_run_and_no_other() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    app.database.batch("ALTER TABLE sessions RENAME TO gone");
    create(&app, KEY, &body).await.expect(503);
    app.database.batch("ALTER TABLE gone RENAME TO sessions");
    assert_eq!(create(&app, KEY, &wanted(json!({}))).await.expect(422).problem(), "idempotency-mismatch");
    assert!(!is_replay(&create(&app, KEY, &body).await.expect(201)));
    assert!(is_replay(&create(&app, KEY, &body).await.expect(201)));
}

#[tokio::test]
async fn what_somebody_can_mend_does_not_use_a_key_up() {
    let app = TestApp::start().await;
    let elsewhere = wanted(json!({ "returnUrl": "https://new.example/" }));
    create(&app, KEY, &elsewhere).await.expect(422);
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.allow_list = vezne::merchant::AllowList::parse(&["https://new.example/"]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    create(&app, KEY, &elsewhere).await.expect(201);
    // Nothing was done: the key may stand for another call.
    create(&app, "mistaken", &wanted(json!({ "locale": "xx" }))).await.expect(422);
    create(&app, "mistaken", &wanted(json!({ "returnUrl": "https://new.example/" }))).await.expect(201);
    let text = app.api("POST", "/v1/sessions").header("idempotency-key", "typed");
    text.body("text/plain", elsewhere.to_string()).send().await.expect(415);
    create(&app, "typed", &elsewhere).await.expect(201);
}

#[tokio::test]
async fn a_problem_that_does_not_pass_is_kept_as_it_was() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let cancel = format!("/v1/sessions/{}/cancel", session.id);
    let malformed = json!({ "purpose": "tokenize", "surprise": 1 });
    for (key, path, body, status) in [("cancel", &*cancel, &json!({}), 409), ("body", "/v1/sessions", &malformed, 400)]
    {
        let first = post(&app, key, path, body).await.expect(status);
        let again = post(&app, key, path, body).await.expect(status);
        assert_eq!(first.body, again.body, "the request id of the first, too");
        assert_eq!((first.header("content-type"), is_replay(&first)), ("application/problem+json", false));
        assert_eq!((again.header("content-type"), is_replay(&again)), ("application/problem+json", true));
    }
}

#[tokio::test]
async fn a_cancel_is_told_once_and_answered_again_as_it_was() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let cancel = async || {
        let path = format!("/v1/sessions/{}/cancel", session.id);
        app.api("POST", &path).header("idempotency-key", KEY).send().await.expect(200)
    };
    let (first, again) = (cancel().await, cancel().await);
    assert_eq!((first.body == again.body, is_replay(&again), app.events().len()), (true, true, 1));
}

#[tokio::test]
async fn after_a_day_a_key_is_as_new() {
    let app = TestApp::start().await;
    let body = wanted(json!({}));
    create(&app, KEY, &body).await.expect(201);
    let off = app.stored("SELECT CAST(max(abs(expires_at - :now - 86400000)) AS INTEGER) FROM idempotency_keys");
    assert!(off < 60_000, "{off}");
    change(&app, "expires_at = 1");
    assert!(!is_replay(&create(&app, KEY, &wanted(json!({}))).await.expect(201)));
    assert_eq!(count(&app).await, 2);
    change(&app, "expires_at = 1");
    eventually("a sweep", || async { (app.stored("SELECT count(*) FROM idempotency_keys") == 0).then_some(()) }).await;
}

#[tokio::test]
async fn nothing_of_a_call_rests_readable() {
    let mut app = TestApp::start().await;
    let created = create(&app, "the-key-of-order-1042", &wanted(json!({}))).await.expect(201).json();
    app.stop();
    let secret = created["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    for file in app.files() {
        let bytes = std::fs::read(&file).unwrap();
        for needle in [secret.as_str(), "the-key-of-order-1042"] {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "{needle} in {}", file.display());
        }
    }
}

#[tokio::test]
async fn a_key_outlives_the_master_key_while_that_is_the_previous_one() {
    let mut app = Setup::default().in_this_process().start().await;
    let (old, new) = (app.file("master.key"), app.file("new.key"));
    key_file::create(&new, &MasterKey::generate()).unwrap();
    let body = wanted(json!({}));
    let first = create(&app, KEY, &body).await.expect(201);
    app.restart_with(|config| {
        config.keys.master = KeySource::File(new.clone());
        config.keys.previous = Some(KeySource::File(old));
    });
    let again = create(&app, KEY, &body).await.expect(201);
    assert_eq!((first.body == again.body, is_replay(&again)), (true, true));
    assert_eq!(create(&app, KEY, &wanted(json!({}))).await.expect(422).problem(), "idempotency-mismatch");
    Sealing::open(app.config()).unwrap().rotate().await.unwrap();
    // Without the old key nobody can tell what was called: nothing is done.
    app.restart_with(|config| config.keys.previous = None);
    for body in [body, wanted(json!({}))] {
        assert_eq!(create(&app, KEY, &body).await.expect(409).problem(), "idempotency-not-kept");
    }
    assert_eq!(count(&app).await, 1);
}
