//! The document against what the service really answers.

use super::schema::Document;
use super::{Answer, Api, note};
use crate::error::KINDS;
use crate::id::SessionId;
use crate::store::{Among, DeliveryAsk, DeliveryOutcome, SecretKind, Settlement};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const LIST: &str = "/v1/sessions";
const READ: &str = "/v1/sessions/{id}";
const CANCEL: &str = "/v1/sessions/{id}/cancel";
const ALL_SECRETS: [SecretKind; 3] = [SecretKind::Result, SecretKind::Webhook, SecretKind::ProviderTest];
const LIFE: Duration = Duration::from_mins(15);

/// A request with every field.
fn full() -> Value {
    json!({
        "purpose": "tokenize",
        "conversationId": "sipariş-42",
        "returnUrl": "https://shop.example/pay/done",
        "cancelUrl": "https://shop.example/cart",
        "callbackUrl": "https://shop.example/hooks/vezne",
        "handoff": "redirect",
        "embedOrigin": "https://shop.example",
        "locale": "tr",
        "expiresIn": 900,
        "metadata": { "cart": "c-1042" },
    })
}

async fn api() -> Api {
    Api::new("https://shop.example/", &ALL_SECRETS).await
}

fn create(body: &Value) -> TestRequest {
    TestRequest::post().uri(LIST).set_json(body)
}

fn read(id: &SessionId) -> TestRequest {
    TestRequest::get().uri(&READ.replace("{id}", id.as_str()))
}

fn cancel(id: &SessionId) -> TestRequest {
    TestRequest::post().uri(&CANCEL.replace("{id}", id.as_str()))
}

/// Holds an answer against what is documented for its call: status, headers,
/// content type and body.
fn check(document: &Document, method: &str, path: &str, answer: &Answer) {
    let place = format!("{method} {path} {}", answer.status);
    let responses = document.at(&format!("/paths/{}/{method}/responses", path.replace('/', "~1")));
    let response = document.resolve(responses.get(answer.status.to_string()).unwrap_or_else(|| panic!("{place}")));
    for (name, header) in response["headers"].as_object().unwrap() {
        let header = document.resolve(header);
        let Some(value) = answer.headers.get(name) else {
            assert_eq!(header["required"], false, "{place} has no {name}");
            continue;
        };
        let value = value.to_str().unwrap();
        let number = header["schema"]["type"] == "integer";
        let value = if number { json!(value.parse::<i64>().unwrap()) } else { json!(value) };
        document.check(&header["schema"], &value, &format!("{place} {name}"));
    }
    // And the other way: these headers are never sent where they are not documented.
    for name in ["Location", "Retry-After", "WWW-Authenticate", "Idempotency-Replayed"] {
        let documented = response["headers"].get(name).is_some();
        assert!(documented || !answer.headers.contains_key(name), "{place} {name}");
    }
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap();
    let content = response["content"].get(kind).unwrap_or_else(|| panic!("{place} is {kind}"));
    document.check(&content["schema"], &answer.body, &place);
}

/// A call with the header in the document's words.
fn keyed(request: TestRequest, key: &str) -> TestRequest {
    request.insert_header(("Idempotency-Key", key))
}

fn slug(answer: &Answer) -> String {
    answer.body["type"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned()
}

#[actix_web::test]
async fn the_description_is_served_to_everybody() {
    let answer = api().await.send(TestRequest::get().uri("/openapi.json")).await;
    assert_eq!((answer.status, answer.body), (200, Document::load().0));
    assert_eq!(answer.headers.get(CONTENT_TYPE), Some(&HeaderValue::from_static("application/json")));
}

#[actix_web::test]
async fn sessions_in_every_state_are_as_described() {
    let (api, document) = (api().await, Document::load());
    let created = api.call(create(&full())).await;
    check(&document, "post", LIST, &created);
    let ended = [api.session(&full(), LIFE).await, api.session(&full(), LIFE).await, api.session(&full(), LIFE).await];
    let [completed, failed, canceled] = &ended;
    api.complete(completed).await;
    api.refuse_until_failed(failed).await;
    let canceled_answer = api.call(cancel(canceled)).await;
    check(&document, "post", CANCEL, &canceled_answer);
    let expired = api.session(&full(), Duration::ZERO).await;
    let claimed = api.session(&full(), LIFE).await;
    let claim = api.claim(&claimed).await;
    let requested = api.call(cancel(&claimed)).await;
    check(&document, "post", CANCEL, &requested);
    assert_eq!((canceled_answer.status, requested.status, claim.id()), (200, 202, &claimed));

    let mut answers = vec![created, requested];
    for (id, status) in
        ended.iter().zip(["completed", "failed", "canceled"]).chain([(&expired, "expired"), (&claimed, "claimed")])
    {
        let answer = api.call(read(id)).await;
        check(&document, "get", READ, &answer);
        assert_eq!(answer.body["status"], status);
        answers.push(answer);
    }
    for pointer in document.pointers(document.schema("CreatedSession")) {
        assert!(answers.iter().any(|answer| answer.body.pointer(&pointer).is_some()), "no answer has {pointer}");
    }
}

#[actix_web::test]
async fn every_post_honours_the_key_as_described() {
    let (api, document) = (api().await, Document::load());
    let session = api.session(&full(), LIFE).await;
    let bare: fn() -> TestRequest = TestRequest::post;
    let addressed: fn() -> TestRequest =
        || TestRequest::post().set_json(json!({ "callbackUrl": "https://shop.example/hooks/vezne" }));
    api.call(cancel(&api.session(&full(), LIFE).await)).await;
    let events = api.call(TestRequest::get().uri(EVENTS)).await;
    let event = events.body["data"][0]["id"].as_str().unwrap();
    let calls = [
        (LIST, "", (|| create(&full())) as fn() -> TestRequest),
        (CANCEL, session.as_str(), bare),
        (TEST, "", addressed),
        (REDELIVER, event, bare),
    ];
    let method = "post";
    let described = document.at("/paths").as_object().unwrap().values().filter(|item| item.get("post").is_some());
    assert_eq!(described.count(), calls.len(), "every POST is called here");
    for (path, id, call) in calls {
        let uri = path.replace("{id}", id);
        let call = |key: &str| keyed(call().uri(&uri), key);
        let refused = api.call(call("two words")).await;
        check(&document, method, path, &refused);
        assert_eq!(slug(&refused), "invalid-idempotency-key");
        let (first, again) = (api.call(call(path)).await, api.call(call(path)).await);
        check(&document, method, path, &first);
        check(&document, method, path, &again);
        assert_eq!((first.status, &first.body), (again.status, &again.body));
        let replayed = |answer: &Answer| answer.headers.get("Idempotency-Replayed").is_some();
        assert_eq!((replayed(&first), replayed(&again)), (false, true), "{path}");
        let other = api.call(call(path).set_payload("{}")).await;
        check(&document, method, path, &other);
        assert_eq!(slug(&other), "idempotency-mismatch");
    }
}

#[actix_web::test]
async fn lists_are_as_described() {
    let (api, document) = (api().await, Document::load());
    for _ in 0..3 {
        api.session(&full(), LIFE).await;
    }
    let first = api.call(TestRequest::get().uri("/v1/sessions?limit=2")).await;
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let uri = format!("/v1/sessions?limit=2&cursor={cursor}&status=open&conversationId=sipari%C5%9F-42");
    let last = api.call(TestRequest::get().uri(&uri)).await;
    for (page, length) in [(&first, 2), (&last, 1)] {
        check(&document, "get", LIST, page);
        assert_eq!(page.body["data"].as_array().unwrap().len(), length);
    }
    assert_eq!(last.body["nextCursor"], Value::Null);
    // The documented default and bounds.
    let limit = &document.at("/paths/~1v1~1sessions/get/parameters/0/schema");
    for (limit, status) in [(&limit["minimum"], 200), (&limit["maximum"], 200), (&json!(0), 400), (&json!(101), 400)] {
        assert_eq!(api.call(TestRequest::get().uri(&format!("/v1/sessions?limit={limit}"))).await.status, status);
    }
}

const EVENTS: &str = "/v1/events";
const EVENT: &str = "/v1/events/{id}";
const REDELIVER: &str = "/v1/events/{id}/redeliver";
const TEST: &str = "/v1/events/test";

/// An attempt of whatever is due, with this outcome.
async fn attempt(api: &Api, outcome: DeliveryOutcome, reason: Option<&'static str>) {
    let ask = DeliveryAsk { limit: 9, per_endpoint: 9, among: Among::AllBut(Vec::new()), lease: LIFE };
    for delivery in api.window.store.lease_deliveries(ask).await.unwrap() {
        let settlement = Settlement {
            event: delivery.event.id.clone(),
            attempt: delivery.event.attempts,
            latency: Duration::from_millis(17),
            status: Some(if reason.is_some() { 500 } else { 204 }),
            reason,
            answer: "Internal Server Error".to_owned(),
            outcome,
        };
        api.window.store.settle_delivery(settlement).await.unwrap();
    }
}

#[actix_web::test]
async fn events_in_every_state_are_as_described() {
    let (api, document) = (api().await, Document::load());
    let mut without = full();
    without.as_object_mut().unwrap().remove("callbackUrl");
    api.window.store.cancel(api.session(&without, LIFE).await).await.unwrap();
    let ways = [
        (DeliveryOutcome::Delivered, None),
        (DeliveryOutcome::Abandoned, Some("status")),
        (DeliveryOutcome::Retry { after: LIFE }, Some("status")),
        (DeliveryOutcome::EndpointGone, Some("gone")),
    ];
    for (outcome, reason) in ways {
        api.complete(&api.session(&full(), LIFE).await).await;
        attempt(&api, outcome, reason).await;
    }
    let test = api.call(TestRequest::post().uri(TEST).set_json(json!({ "callbackUrl": full()["callbackUrl"] }))).await;
    check(&document, "post", TEST, &test);
    assert_eq!(
        test.headers.get("Location").unwrap(),
        format!("/v1/events/{}", test.body["id"].as_str().unwrap()).as_str()
    );

    let list = api.call(TestRequest::get().uri(EVENTS)).await;
    check(&document, "get", EVENTS, &list);
    let mut states = BTreeSet::new();
    let mut answers = vec![test];
    for event in list.body["data"].as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        let read = api.call(TestRequest::get().uri(&EVENT.replace("{id}", id))).await;
        check(&document, "get", EVENT, &read);
        let redelivered = api.call(TestRequest::post().uri(&REDELIVER.replace("{id}", id))).await;
        check(&document, "post", REDELIVER, &redelivered);
        assert_eq!(redelivered.status, if event["state"] == "unaddressed" { 409 } else { 202 });
        states.insert(event["state"].as_str().unwrap().to_owned());
        answers.push(read);
    }
    // What waited for the endpoint that is gone, is held back with it.
    let expected = ["abandoned", "delivered", "endpoint_disabled", "pending", "unaddressed"];
    assert!(states.iter().eq(expected), "{states:?}");
    for pointer in document.pointers(document.schema("EventDetail")) {
        assert!(answers.iter().any(|answer| answer.body.pointer(&pointer).is_some()), "no answer has {pointer}");
    }
    let attempts = |answer: &Answer| answer.body["attempts"].as_array().cloned().unwrap_or_default();
    let tried: Vec<Value> = answers.iter().flat_map(attempts).collect();
    for name in document.properties(document.schema("Attempt")) {
        assert!(tried.iter().any(|attempt| attempt.get(name).is_some()), "no attempt has {name}");
    }
}

#[actix_web::test]
async fn every_described_problem_is_answered_as_described() {
    let (api, document) = (api().await, Document::load());
    let completed = api.session(&full(), LIFE).await;
    api.complete(&completed).await;
    let peer = "192.0.2.1:1".parse().unwrap();
    let live = ("Authorization", format!("Bearer {}", api.live_key.expose()));
    let large = json!({ "metadata": { "k": "x".repeat(17 * 1024) } });
    let text = TestRequest::post().uri(LIST).set_payload("{}");
    let mut answers = vec![
        ("post", LIST, api.call(create(&json!({}))).await),
        ("post", LIST, api.call(create(&large)).await),
        ("post", LIST, api.call(text).await),
        (
            "post",
            LIST,
            api.call(create(&json!({ "purpose": "tokenize", "conversationId": "", "returnUrl": "" }))).await,
        ),
        ("get", LIST, api.call(TestRequest::get().uri("/v1/sessions?limit=0")).await),
        ("get", LIST, api.call(TestRequest::get().uri("/v1/sessions?conversationId=4355093000777068")).await),
        ("post", LIST, api.call(create(&full()).insert_header(("x-card", "4355 0930 0077 7068"))).await),
        ("get", READ, api.call(TestRequest::get().uri("/v1/sessions/4355093000777068")).await),
        ("get", LIST, api.send(TestRequest::get().uri(LIST).peer_addr(peer)).await),
        ("get", LIST, api.send(TestRequest::get().uri(LIST).peer_addr(peer)).await),
        ("get", LIST, api.send(TestRequest::get().uri(LIST).insert_header(live)).await),
        ("get", READ, api.call(read(&SessionId::generate())).await),
        ("post", CANCEL, api.call(cancel(&SessionId::generate())).await),
        ("post", CANCEL, api.call(cancel(&completed)).await),
        ("get", EVENTS, api.call(TestRequest::get().uri("/v1/events?state=lost")).await),
        ("get", EVENT, api.call(TestRequest::get().uri(&EVENT.replace("{id}", "evt_1"))).await),
        ("post", TEST, api.call(TestRequest::post().uri(TEST).set_json(json!({ "callbackUrl": "x" }))).await),
        ("post", TEST, api.call(TestRequest::post().uri(TEST).set_json(json!({ "x": 1 }))).await),
    ];
    for (key, state) in [("running", "lease_until = 9e15"), ("gone", "answer = NULL")] {
        api.call(keyed(create(&full()), key)).await;
        let store = rusqlite::Connection::open(api.folder.join("vezne.db")).unwrap();
        store.execute(&format!("UPDATE idempotency_keys SET {state}"), []).unwrap();
        answers.push(("post", LIST, api.call(keyed(create(&full()), key)).await));
        store.execute("DELETE FROM idempotency_keys", []).unwrap();
    }
    answers.push(("post", LIST, api.call(keyed(create(&full()), "two words")).await));
    api.call(keyed(create(&full()), "used")).await;
    answers.push(("post", LIST, api.call(keyed(create(&json!({})), "used")).await));
    let mut unheard = full();
    unheard.as_object_mut().unwrap().remove("callbackUrl");
    api.window.store.cancel(api.session(&unheard, LIFE).await).await.unwrap();
    let list = api.call(TestRequest::get().uri("/v1/events?state=unaddressed")).await;
    let id = list.body["data"][0]["id"].as_str().unwrap();
    answers.push(("post", REDELIVER, api.call(TestRequest::post().uri(&REDELIVER.replace("{id}", id))).await));
    let without_provider = Api::new("https://shop.example/", &[SecretKind::Result]).await;
    answers.push(("post", LIST, without_provider.call(create(&full())).await));
    let without_secrets = Api::new("https://shop.example/", &[]).await;
    let session = without_secrets.session(&full(), LIFE).await;
    answers.push(("get", READ, without_secrets.call(read(&session)).await));
    let store = rusqlite::Connection::open(without_secrets.folder.join("vezne.db")).unwrap();
    store.execute_batch("ALTER TABLE sessions RENAME TO gone").unwrap();
    answers.push(("get", READ, without_secrets.call(read(&session)).await));
    let mut disabled = api.merchant.clone();
    disabled.disabled_at = Some(jiff::Timestamp::now());
    api.window.store.update_merchant(disabled, note()).await.unwrap();
    answers.push(("get", LIST, api.call(TestRequest::get().uri(LIST)).await));

    let mut seen = BTreeSet::new();
    for (method, path, answer) in &answers {
        check(&document, method, path, answer);
        seen.insert(slug(answer));
    }
    // A method that is not described has no description of its answer but the schema.
    let refused = api.call(TestRequest::put().uri(LIST)).await;
    document.check(document.schema("Problem"), &refused.body, "put");
    seen.insert(slug(&refused));
    assert_eq!(seen, KINDS.iter().map(|kind| kind.slug.to_owned()).collect());
}
