//! What the merchant and the operator see of events, and can do with them.

use crate::harness::{Card, Reply, TestApp, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

fn ids(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// One event in every state, under the session that it is about.
async fn one_in_each_state(app: &TestApp) -> [(&'static str, String); 5] {
    let own = app.merchant.url();
    let silent = app.create_session(json!({})).await;
    app.submit_card(&silent, Card::visa()).await.expect(303);
    app.merchant.answers_at("/hook/away", Some(Reply::Status(500)));
    app.merchant.answers_at("/hook/gone", Some(Reply::Status(410)));
    let delivered = app.ended(&own).await;
    let given_up = app.ended(&format!("{own}/away")).await;
    app.event_once(&given_up, "pending").await;
    // The one wait of the schedule is over.
    let failed = "SELECT COUNT(*) FROM events WHERE state = 'pending' AND failures = 1";
    eventually("an attempt", || async { (app.stored(failed) == 1).then_some(()) }).await;
    app.alter("UPDATE events SET due_at = 0 WHERE state = 'pending' AND failures = 1");
    app.event_once(&given_up, "abandoned").await;
    let waiting = app.ended(&format!("{own}/away")).await;
    let held_back = app.ended(&format!("{own}/gone")).await;
    app.event_once(&held_back, "endpoint_disabled").await;
    app.event_once(&delivered, "delivered").await;
    eventually("a first attempt", || async {
        let event = app.event_once(&waiting, "pending").await;
        (event["lastReason"] == "status").then_some(())
    })
    .await;
    [
        ("unaddressed", silent.id),
        ("delivered", delivered.id),
        ("abandoned", given_up.id),
        ("pending", waiting.id),
        ("endpoint_disabled", held_back.id),
    ]
}

#[tokio::test]
async fn events_are_found_by_every_filter() {
    let app = TestApp::with("callback.retry_seconds", "3600").start().await;
    let events = one_in_each_state(&app).await;
    for (state, session) in &events {
        let by_state = app.listed(&format!("state={state}")).await;
        assert_eq!(ids(&by_state), ids(&app.listed(&format!("session={session}")).await), "{state}");
        let event = &by_state[0];
        assert_eq!((&event["session"], &event["mode"]), (&json!(session), &json!("test")));
        assert_eq!(event.get("nextAttemptAt").is_some(), *state == "pending", "{event}");
        assert_eq!(event.get("settledAt").is_some(), *state != "pending", "{event}");
        assert_eq!(event.get("callbackUrl").is_some(), *state != "unaddressed", "{event}");
    }
    assert_eq!(app.listed("type=session.completed").await[0]["session"], events[0].1);
    assert_eq!(app.listed("type=session.canceled").await.len(), 4);
    assert_eq!(app.listed("type=session.canceled&state=unaddressed").await.len(), 0);

    app.alter("UPDATE events SET created_at = 1700000000000 WHERE state = 'abandoned'");
    let old = app.listed("createdBefore=2023-11-14T22:13:20.001Z").await;
    assert_eq!((old.len(), &old[0]["state"]), (1, &json!("abandoned")));
    assert_eq!(app.listed("createdBefore=2023-11-14T22:13:20Z").await.len(), 0, "before is before");
    assert_eq!(app.listed("createdAfter=2023-11-14T23:13:20%2B01:00").await.len(), 5, "after is from then on");
    assert_eq!(app.listed("createdAfter=2023-11-14T22:13:21Z&createdBefore=2100-01-01T00:00:00Z").await.len(), 4);
}

#[tokio::test]
async fn pages_hold_every_event_once_newest_first() {
    let app = TestApp::start().await;
    for _ in 0..7 {
        let session = app.create_session(json!({})).await;
        app.cancel(&session).await.expect(200);
    }
    // Some within one millisecond.
    app.alter("UPDATE events SET created_at = 1700000000000 WHERE id IN (SELECT id FROM events LIMIT 4)");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/events?limit=2&state=unaddressed{cursor}");
        let page = app.api("GET", &path).send().await.expect(200).json();
        seen.extend(page["data"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen.len(), ids(&seen).len()), (7, 7));
    let times: Vec<&str> = seen.iter().map(|event| event["createdAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
}

#[tokio::test]
async fn a_query_that_means_nothing_is_refused() {
    let app = TestApp::start().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=MTphYmM",
        "type=session.lost",
        "state=lost",
        "session=ses_1",
        "createdAfter=yesterday",
        "createdBefore=1700000000",
        "status=completed",
        "state=pending&state=pending",
    ] {
        let answer = app.api("GET", &format!("/v1/events?{query}")).send().await.expect(400);
        assert_eq!(answer.problem(), "invalid-query", "{query}");
    }
}

#[tokio::test]
async fn an_event_is_seen_by_its_merchant_in_its_mode_alone() {
    let app = TestApp::with("live", "true")
        .set("provider.card_token.live.url", "https://127.0.0.1:9/card/token")
        .start()
        .await;
    let session = app.create_session(json!({})).await;
    app.cancel(&session).await.expect(200);
    let id = app.listed("").await[0]["id"].as_str().unwrap().to_owned();
    let other = app.admin.create("Another", &["https://shop.example/".to_owned()]).await.unwrap();
    let live = app.shop.live_api_key.as_deref().unwrap();
    for key in [other.api_keys[0].expose(), live] {
        let list = app.api_as(key, "GET", "/v1/events").send().await.expect(200).json();
        assert_eq!(list["data"], json!([]));
        let read = app.api_as(key, "GET", &format!("/v1/events/{id}")).send().await;
        assert_eq!(read.expect(404).problem(), "not-found");
        let redelivered = app.api_as(key, "POST", &format!("/v1/events/{id}/redeliver")).send().await;
        assert_eq!(redelivered.expect(404).problem(), "not-found");
    }
    app.api("GET", "/v1/events/evt_00000000000000000000000000").send().await.expect(404);
    app.api("GET", "/v1/events/4").send().await.expect(404);
    app.client.request("GET", "/v1/events").send().await.expect(401);
}

#[tokio::test]
async fn every_attempt_is_kept_with_status_latency_and_answer() {
    let app = TestApp::with("callback.retry_seconds", "1,1,1").set("callback.timeout_ms", "600").start().await;
    let number = Card::visa().number;
    let leak = "order 1042:\r\n  card 4355 0930 0077 7068\tis unknown";
    app.merchant.answers([Reply::Text(500, leak), Reply::Hang, Reply::Redirect, Reply::Json("{\"ok\":true}")]);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let event = app.event_once(&session, "delivered").await;
    let attempts = event["attempts"].as_array().unwrap();
    let field = |name: &str| attempts.iter().map(|attempt| attempt[name].clone()).collect::<Value>();
    assert_eq!(field("number"), json!([1, 2, 3, 4]));
    assert_eq!(field("status"), json!([500, null, 302, 200]));
    assert_eq!(field("reason"), json!(["status", "timeout", "redirect", null]));
    let masked = "order 1042: card **** **** **** **** is unknown";
    assert_eq!(field("answer"), json!([masked, "", "", "{\"ok\":true}"]));
    assert!((600..10_000).contains(&attempts[1]["latencyMs"].as_u64().unwrap()), "{event}");
    assert!(attempts[0]["latencyMs"].as_u64().unwrap() < 600, "{event}");
    assert_eq!((&event["attemptCount"], event.get("lastReason")), (&json!(4), None));
    assert!(attempts.iter().all(|attempt| attempt["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok()));

    let callback = app.merchant.received(4).await.pop().unwrap();
    assert_eq!((callback.id(), &callback.json()["data"]), (event["id"].as_str().unwrap(), &event["data"]));
    assert_eq!(callback.json()["timestamp"], event["createdAt"]);
    for text in [number.as_str(), "4355 0930 0077 7068"] {
        assert_eq!(app.places_of(text), [""; 0]);
    }
}

#[tokio::test]
async fn a_token_that_an_endpoint_repeats_does_not_rest_in_the_store() {
    let mut app = TestApp::with("callback.retry_seconds", "3600").start().await;
    app.merchant.answers([Reply::Echo(500)]);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let event = eventually("an attempt", || async {
        let event = app.event_once(&session, "pending").await;
        (!event["attempts"].as_array().unwrap().is_empty()).then_some(event)
    })
    .await;
    let token = app.sandbox.token_of(&Card::visa().number);
    assert_eq!(event["data"]["cardToken"], token, "the merchant may read it");
    let answer = event["attempts"][0]["answer"].as_str().unwrap();
    assert!(answer.contains("cardToken") && answer.contains("***") && !answer.contains(&token), "{answer}");
    app.stop();
    assert_eq!(app.places_of(&token), [""; 0]);
}

#[tokio::test]
async fn whatever_became_of_an_event_it_is_delivered_again() {
    let app = TestApp::with("callback.retry_seconds", "3600").start().await;
    let events = one_in_each_state(&app).await;
    app.merchant.answers_at("/hook/away", None);
    app.merchant.answers_at("/hook/gone", None);
    for (state, session) in &events {
        let before = app.listed(&format!("session={session}")).await.remove(0);
        let id = before["id"].as_str().unwrap();
        let told = app.merchant.so_far().iter().filter(|callback| callback.id() == id).count();
        let answer = app.api("POST", &format!("/v1/events/{id}/redeliver")).send().await;
        if *state == "unaddressed" {
            assert_eq!(answer.expect(409).problem(), "event-unaddressed");
            continue;
        }
        let due = answer.expect(202).json();
        assert_eq!((&due["id"], &due["state"]), (&before["id"], &json!("pending")), "{state}");
        let callbacks = eventually("another delivery", || async {
            let all = app.merchant.so_far();
            let mine: Vec<_> = all.into_iter().filter(|callback| callback.id() == id).collect();
            (mine.len() > told).then_some(mine)
        })
        .await;
        assert!(callbacks.iter().all(|callback| callback.body == callbacks[0].body), "{state}");
        assert!(callbacks.last().unwrap().verifies_with(&app.shop.webhook_secret));
        eventually("its end", || async { (app.event(id).await["state"] == "delivered").then_some(()) }).await;
    }
}

#[tokio::test]
async fn a_redelivery_that_fails_follows_the_schedule_from_its_start() {
    let app = TestApp::with("callback.retry_seconds", "1").start().await;
    app.merchant.answers([Reply::Status(500); 3]);
    let session = app.ended(&app.merchant.url()).await;
    let event = app.event_once(&session, "abandoned").await;
    let path = format!("/v1/events/{}/redeliver", event["id"].as_str().unwrap());
    app.api("POST", &path).send().await.expect(202);
    let event = app.event_once(&session, "delivered").await;
    assert_eq!(event["attempts"].as_array().unwrap().len(), 4, "one failed, one waited for");
}

#[tokio::test]
async fn an_event_on_the_wire_is_not_sent_twice_at_once() {
    let app = TestApp::start().await;
    app.merchant.answers([Reply::Slow(Duration::from_secs(2))]);
    let session = app.ended(&app.merchant.url()).await;
    app.merchant.received(1).await;
    let id = app.listed(&format!("session={}", session.id)).await[0]["id"].as_str().unwrap().to_owned();
    let answers = (0..5).map(|_| app.api("POST", &format!("/v1/events/{id}/redeliver")).send());
    for answer in futures_util::future::join_all(answers).await {
        assert!(answer.expect(202).json().get("nextAttemptAt").is_none(), "one is under way");
    }
    app.event_once(&session, "delivered").await;
    assert_eq!(app.merchant.so_far().len(), 1);
}

#[tokio::test]
async fn an_endpoint_is_tried_with_a_test_event() {
    let app = TestApp::start().await;
    app.merchant.answers([Reply::Text(404, "no such hook"), Reply::Status(204)]);
    let try_it = async |body: &Value| app.api("POST", "/v1/events/test").json(body).send().await;
    let answer = try_it(&json!({ "callbackUrl": app.merchant.url() })).await.expect(202);
    let due = answer.json();
    let id = due["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/events/{id}"));
    assert_eq!((&due["type"], due.get("session")), (&json!("test.ping"), None));
    let event = eventually("its delivery", || async {
        Some(app.event(id).await).filter(|event| event["state"] == "delivered")
    })
    .await;
    let attempts = &event["attempts"];
    assert_eq!((&attempts[0]["status"], &attempts[0]["answer"]), (&json!(404), &json!("no such hook")));
    assert_eq!(attempts[1]["status"], 204);
    let callback = app.merchant.callback().await;
    assert!(callback.verifies_with(&app.shop.webhook_secret));
    assert_eq!((callback.id(), callback.kind().as_str()), (id, "test.ping"));
    assert_eq!(callback.json()["data"], json!({ "merchant": app.shop.id.as_str(), "mode": "test" }));
    assert_eq!(event["data"], callback.json()["data"]);

    for (body, status, problem) in [
        (json!({ "callbackUrl": "https://elsewhere.example/" }), 422, "invalid-request"),
        (json!({ "callbackUrl": "https://shop.example:8443/" }), 422, "invalid-request"),
        (json!({ "callbackUrl": "https://shop.example/4355093000777068" }), 422, "invalid-request"),
        (json!({ "callbackUrl": "x" }), 422, "invalid-request"),
        (json!({}), 400, "malformed-body"),
        (json!({ "callbackUrl": app.merchant.url(), "type": "session.completed" }), 400, "malformed-body"),
    ] {
        let answer = try_it(&body).await.expect(status);
        assert_eq!(answer.problem(), problem, "{body}");
        if status == 422 {
            assert_eq!(answer.json()["errors"][0]["field"], "callbackUrl");
        }
    }
    assert_eq!(app.listed("").await.len(), 1, "nothing was written");
}
