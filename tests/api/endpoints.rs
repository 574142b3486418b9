//! Endpoints that are gone, that fail, and that ask for time; and what a
//! process leaves behind that ends while it calls them.

use crate::harness::{Reply, Setup, TestApp, eventually};
use serde_json::json;
use std::time::{Duration, Instant};
use vezne::merchant::AllowList;

#[tokio::test]
async fn an_endpoint_that_is_gone_is_called_again_once_it_answers_a_test() {
    let app = TestApp::with("callback.retry_seconds", "3600,3600").start().await;
    let (gone, other) = (format!("{}/gone", app.merchant.url()), app.merchant.url());
    app.merchant.answers([Reply::Status(500)]);
    let waiting = app.ended(&gone).await;
    app.merchant.received(1).await;
    app.merchant.answers_at("/hook/gone", Some(Reply::Text(410, "we have moved")));
    let told = app.ended(&gone).await;
    let event = app.event_once(&told, "endpoint_disabled").await;
    assert_eq!((&event["lastReason"], &event["attempts"][0]["status"]), (&json!("gone"), &json!(410)));
    assert_eq!(event["attempts"][0]["answer"], "we have moved");
    // What waited for it is held back, and so is what comes; another URL is not.
    let event = app.event_once(&waiting, "endpoint_disabled").await;
    assert_eq!((&event["lastReason"], event.get("nextAttemptAt")), (&json!("endpoint_disabled"), None));
    let later = app.ended(&gone).await;
    assert_eq!(app.event_once(&later, "endpoint_disabled").await["attemptCount"], 0);
    let elsewhere = app.ended(&other).await;
    app.event_once(&elsewhere, "delivered").await;
    let calls = app.merchant.at("/hook/gone").len();

    let test = async || {
        let body = json!({ "callbackUrl": gone });
        let due = app.api("POST", "/v1/events/test").json(&body).send().await.expect(202).json();
        due["id"].as_str().unwrap().to_owned()
    };
    let state_of = async |id: &str| app.event(id).await["state"].clone();
    let first = test().await;
    eventually("a test that fails", || async { (state_of(&first).await == "endpoint_disabled").then_some(()) }).await;
    assert_eq!(app.merchant.at("/hook/gone").len(), calls + 1, "a test is sent to a disabled endpoint");
    app.merchant.answers_at("/hook/gone", None);
    let second = test().await;
    eventually("a test that passes", || async { (state_of(&second).await == "delivered").then_some(()) }).await;
    let new = app.ended(&gone).await;
    app.event_once(&new, "delivered").await;
    // What was held back is the merchant's to redeliver.
    assert_eq!(app.listed("state=endpoint_disabled").await.len(), 4);
    for event in app.listed("state=endpoint_disabled").await {
        let path = format!("/v1/events/{}/redeliver", event["id"].as_str().unwrap());
        app.api("POST", &path).send().await.expect(202);
    }
    for session in [&waiting, &told, &later] {
        app.event_once(session, "delivered").await;
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_called_again_once_it_answers_a_redelivery() {
    let app = TestApp::start().await;
    app.merchant.answers([Reply::Status(410)]);
    let session = app.ended(&app.merchant.url()).await;
    let event = app.event_once(&session, "endpoint_disabled").await;
    let path = format!("/v1/events/{}/redeliver", event["id"].as_str().unwrap());
    app.api("POST", &path).send().await.expect(202);
    app.event_once(&session, "delivered").await;
    let next = app.ended(&app.merchant.url()).await;
    app.event_once(&next, "delivered").await;
}

#[tokio::test]
async fn a_dead_endpoint_delays_nobody_and_its_events_lose_no_attempts() {
    let app = TestApp::with("callback.retry_seconds", "60,60").set("callback.timeout_ms", "300").start().await;
    let dead = format!("https://127.0.0.1:{}/dead", app.merchant.port);
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.allow_list = AllowList::parse(&["https://shop.example/", &dead, &app.merchant.url()]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    app.merchant.answers_at("/dead", Some(Reply::Hang));
    let mut waiting = Vec::new();
    for _ in 0..40 {
        waiting.push(app.ended(&dead).await);
    }
    // The last of forty, in the time that a few of the dead one's would take.
    let good = app.ended(&app.merchant.url()).await;
    let written = Instant::now();
    app.event_once(&good, "delivered").await;
    assert!(written.elapsed() < Duration::from_secs(5), "{:?}", written.elapsed());

    eventually("the failures", || async { (app.merchant.at("/dead").len() >= 5).then_some(()) }).await;
    let called = app.stored("SELECT COUNT(*) FROM events WHERE attempts > 0 AND state = 'pending'");
    assert!((5..20).contains(&called), "{called} of forty were tried before it was only probed");
    // From now on it lives; the next probe finds out.
    app.merchant.answers_at("/dead", None);
    let delivered = format!("SELECT COUNT(*) FROM events WHERE state = 'delivered' AND callback_url = '{dead}'");
    let untried = 40 - called;
    eventually("the others", || async { (app.stored(&delivered) >= untried - 2).then_some(()) }).await;
    let most =
        app.stored(&format!("SELECT MAX(attempts) FROM events WHERE state = 'delivered' AND callback_url = '{dead}'"));
    assert_eq!(most, 1, "those that waited have used up none of their attempts");
    drop(waiting);
}

#[tokio::test]
async fn a_wait_that_an_endpoint_asks_for_is_kept_to() {
    let app = TestApp::with("callback.retry_seconds", "1,1").start().await;
    app.merchant.answers([Reply::RetryAfter("3"), Reply::RetryAfter("7200")]);
    let session = app.ended(&app.merchant.url()).await;
    let calls = app.merchant.received(2).await;
    assert!(calls[1].at - calls[0].at >= Duration::from_secs(3), "{:?}", calls[1].at - calls[0].at);
    let wait = "SELECT CAST(due_at - :now AS INTEGER) / 1000 FROM events WHERE NOT leased AND failures = 2";
    eventually("the second wait", || async { (app.stored("SELECT SUM(failures) FROM events") == 2).then_some(()) })
        .await;
    assert!((7000..=7200).contains(&app.stored(wait)));
    app.event_once(&session, "pending").await;
}

#[tokio::test]
async fn a_callback_whose_process_was_killed_is_delivered_by_the_next() {
    let mut app = Setup::default().in_a_process().start().await;
    app.merchant.answers([Reply::Hang]);
    let session = app.ended(&app.merchant.url()).await;
    app.merchant.received(1).await;
    app.kill();
    let leased = "SELECT COUNT(*) FROM events WHERE leased AND due_at > :now";
    assert_eq!(app.stored(leased), 1, "nobody has told the store");
    // The lease's time passes.
    assert_eq!(app.alter("UPDATE events SET due_at = 0"), 1);
    app.restart();
    let callbacks = app.merchant.received(2).await;
    assert_eq!((callbacks[0].id(), &callbacks[0].body), (callbacks[1].id(), &callbacks[1].body));
    let event = app.event_once(&session, "delivered").await;
    assert_eq!(event["attempts"].as_array().unwrap().len(), 1);
    assert_eq!((&event["attempts"][0]["number"], &event["attemptCount"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_process_that_stops_hands_back_what_does_not_end_in_time() {
    let mut app = TestApp::with("callback.retry_seconds", "3600").start().await;
    app.merchant.answers([Reply::Hang]);
    let session = app.ended(&app.merchant.url()).await;
    app.merchant.received(1).await;
    app.stop();
    let due = "SELECT COUNT(*) FROM events WHERE state = 'pending' AND NOT leased AND failures = 0
               AND due_at <= :now";
    assert_eq!(app.stored(due), 1);
    app.restart();
    let event = app.event_once(&session, "delivered").await;
    let attempts = &event["attempts"];
    assert_eq!((&attempts[0]["reason"], attempts[0].get("status")), (&json!("interrupted"), None));
    assert_eq!(attempts[1]["status"], 200);
}

#[tokio::test]
async fn a_process_that_stops_waits_for_what_is_on_the_wire_and_begins_nothing() {
    let mut app = TestApp::with("server.shutdown_seconds", "20").start().await;
    app.merchant.answers([Reply::Slow(Duration::from_secs(2))]);
    let session = app.ended(&app.merchant.url()).await;
    app.merchant.received(1).await;
    app.stop();
    assert_eq!(app.events(), [("delivered".to_owned(), None)]);
    assert_eq!(app.merchant.so_far().len(), 1);
    app.restart();
    app.event_once(&session, "delivered").await;
}
