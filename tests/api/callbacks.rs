//! What the merchant's endpoint is told, how often, and where callbacks never go.

use crate::harness::{Card, NameServer, PATIENCE, Reply, Setup, TestApp, eventually, verify, wanted};
use serde_json::json;
use std::net::Ipv4Addr;
use std::time::Duration;
use vezne::merchant::AllowList;

/// The one event's state and last failure, once they are these.
async fn until_event_is(app: &TestApp, state: &str, reason: Option<&str>) {
    let expected = (state.to_owned(), reason.map(str::to_owned));
    eventually(&format!("{expected:?}"), || async { (app.events() == [expected.clone()]).then_some(()) }).await;
}

#[tokio::test]
async fn an_outcome_is_told_once_signed_and_complete() {
    let app = TestApp::start().await;
    let changes = json!({ "callbackUrl": app.merchant.url(), "metadata": { "basket": "7" } });
    let session = app.create_session(changes).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let callback = app.merchant.callback().await;
    assert_eq!(callback.path, "/hook");
    assert_eq!(callback.headers["content-type"], "application/json");
    assert!(callback.id().starts_with("evt_"));
    assert!(callback.verifies_with(&app.shop.webhook_secret));
    assert!(!callback.verifies_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));

    let body = callback.json();
    assert_eq!(body["type"], "session.completed");
    assert!(body["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let (result, read) = (&body["data"], app.session(&session).await);
    assert!(verify(result, &app.shop.signing_secret));
    for field in ["session", "status", "conversationId", "timestamp", "tokenDigest", "signature", "cardToken", "card"] {
        assert_eq!(result[field], read[field], "{field}");
    }
    assert_eq!(result["metadata"], json!({ "basket": "7" }));
    assert!(!String::from_utf8_lossy(&callback.body).contains(&Card::visa().number));
    until_event_is(&app, "delivered", None).await;
    assert_eq!(app.merchant.so_far().len(), 1);
}

#[tokio::test]
async fn without_a_callback_url_nobody_is_called() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(app.events(), [("unaddressed".to_owned(), None)]);
    assert!(app.merchant.so_far().is_empty());
}

#[tokio::test]
async fn what_fails_is_told_again_under_the_same_id() {
    let waits = [1, 2, 1, 1].map(Duration::from_secs);
    let app = TestApp::with("callback.timeout_ms", "1000").set("callback.retry_seconds", "1,2,1,1").start().await;
    app.merchant.answers([Reply::Status(500), Reply::Hang, Reply::Redirect, Reply::Status(404)]);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let callbacks = app.merchant.received(5).await;
    for ((earlier, later), wait) in callbacks.iter().zip(&callbacks[1..]).zip(waits) {
        assert_eq!((later.id(), &later.body), (earlier.id(), &earlier.body));
        assert!(later.at - earlier.at >= wait.mul_f64(0.8), "the schedule, less a fifth");
    }
    assert!(callbacks.iter().all(|callback| callback.path == "/hook"), "a redirect is not followed");
    assert!(callbacks.iter().all(|callback| callback.verifies_with(&app.shop.webhook_secret)));
    until_event_is(&app, "delivered", None).await;
    assert_eq!(app.merchant.so_far().len(), 5);
}

#[tokio::test]
async fn a_schedule_that_is_used_up_ends_the_attempts() {
    let abandoned = async |reply, reason| {
        let app = TestApp::with("callback.retry_seconds", "1").set("callback.timeout_ms", "500").start().await;
        app.merchant.answers([reply; 9]);
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.cancel(&session).await.expect(200);
        until_event_is(&app, "abandoned", Some(reason)).await;
        assert_eq!(app.merchant.so_far().len(), 2, "{reason}");
        assert!(app.merchant.so_far().iter().all(|callback| callback.path == "/hook"));
    };
    tokio::join!(
        abandoned(Reply::Status(503), "status"),
        abandoned(Reply::Redirect, "redirect"),
        abandoned(Reply::Hang, "timeout"),
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_until_it_leads_outside() {
    let refused_first = async |address: [u8; 4]| {
        let names = NameServer::start(address.into());
        let app = TestApp::with("egress.nameservers", &names.address())
            .set("callback.retry_seconds", "1,1,1,1,1,1,1,1")
            .start()
            .await;
        let session = app.create_session(json!({ "callbackUrl": app.merchant.public_url() })).await;
        app.submit_card(&session, Card::visa()).await.expect(303);
        until_event_is(&app, "pending", Some("address_refused")).await;
        assert!(app.merchant.so_far().is_empty());
        names.now_says(Ipv4Addr::LOCALHOST);
        let callback = app.merchant.callback().await;
        assert!(callback.verifies_with(&app.shop.webhook_secret));
        until_event_is(&app, "delivered", None).await;
    };
    // A private network, the clouds' metadata service, this host by its other name.
    tokio::join!(refused_first([10, 0, 0, 7]), refused_first([169, 254, 169, 254]), refused_first([0, 0, 0, 0]));
}

#[tokio::test]
async fn an_address_inside_is_never_called() {
    let names = NameServer::start(Ipv4Addr::LOCALHOST);
    let never_called = async |named| {
        let app = TestApp::with("egress.nameservers", &names.address())
            .set("egress.allow", "")
            .set("callback.retry_seconds", "1")
            .start()
            .await;
        let url = if named { app.merchant.public_url() } else { app.merchant.url() };
        let session = app.create_session(json!({ "callbackUrl": url })).await;
        app.cancel(&session).await.expect(200);
        until_event_is(&app, "abandoned", Some("address_refused")).await;
        assert!(app.merchant.so_far().is_empty(), "{url}");
    };
    tokio::join!(never_called(true), never_called(false));
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_verify() {
    let app = TestApp::start().await;
    let tell = async || {
        let count = app.merchant.so_far().len();
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.cancel(&session).await.expect(200);
        app.merchant.received(count + 1).await.pop().unwrap()
    };
    let old = app.shop.webhook_secret.clone();
    let new = app.admin.rotate_secret(&app.shop.id, true, Duration::from_hours(1)).await.unwrap();
    let callback = tell().await;
    assert_eq!(callback.headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    assert!(callback.verifies_with(&old) && callback.verifies_with(new.expose()));
    let newest = app.admin.rotate_secret(&app.shop.id, true, Duration::ZERO).await.unwrap();
    let callback = tell().await;
    assert!(callback.verifies_with(newest.expose()));
    assert!(!callback.verifies_with(&old) && !callback.verifies_with(new.expose()));
}

#[tokio::test]
async fn a_new_signing_secret_signs_once_the_grace_time_is_over() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let signed_with = async |secret: &str| {
        let (read, query) = (app.session(&session).await, app.done(&session).await.query.json());
        verify(&read, secret) && verify(&query, secret)
    };
    let rotate = async |grace| app.admin.rotate_secret(&app.shop.id, false, grace).await.unwrap();
    let second = rotate(Duration::from_hours(1)).await;
    assert!(signed_with(&app.shop.signing_secret).await, "the merchant has time to deploy the second");
    let third = rotate(Duration::from_secs(1)).await;
    eventually("the third", || async { signed_with(third.expose()).await.then_some(()) }).await;
    assert!(!signed_with(&app.shop.signing_secret).await && !signed_with(second.expose()).await);
    let fourth = rotate(Duration::ZERO).await;
    assert!(signed_with(fourth.expose()).await && !signed_with(third.expose()).await);
}

#[tokio::test]
async fn callbacks_that_wait_are_delivered_for_a_disabled_merchant_too() {
    let app = TestApp::start().await;
    app.merchant.answers([Reply::Status(500)]);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    app.merchant.received(1).await;
    app.admin.disable(&app.shop.id).await.unwrap();
    let callbacks = app.merchant.received(2).await;
    assert_eq!(callbacks[0].id(), callbacks[1].id());
}

#[tokio::test]
async fn an_endpoint_that_hangs_does_not_hold_the_others_up() {
    let app = TestApp::with("callback.timeout_ms", &PATIENCE.as_millis().to_string()).start().await;
    app.merchant.answers([Reply::Hang; 5]);
    for _ in 0..5 {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.cancel(&session).await.expect(200);
    }
    app.merchant.received(5).await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.cancel(&session).await.expect(200);
    assert_eq!(app.merchant.received(6).await[5].json()["data"]["session"], session.id);
}

#[tokio::test]
async fn a_callback_url_that_is_accepted_is_called() {
    let plain = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = plain.local_addr().unwrap().port();
    let app = Setup::default().calling(port).start().await;
    let url = format!("http://localhost:{port}/");
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.allow_list = AllowList::parse(&["https://shop.example/", url.as_str()]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    let answer = app.api("POST", "/v1/sessions").json(&wanted(json!({ "callbackUrl": url }))).send().await;
    if answer.status == 422 {
        // Refused where the mistake can be mended.
        assert_eq!(answer.json()["errors"][0]["field"], "callbackUrl");
        return;
    }
    let id = answer.expect(201).json()["id"].as_str().unwrap().to_owned();
    app.api("POST", &format!("/v1/sessions/{id}/cancel")).send().await.expect(200);
    let failed = eventually("an attempt", || async { app.events().remove(0).1 });
    tokio::select! {
        called = plain.accept() => drop(called.unwrap()),
        reason = failed => panic!("{url} was accepted and is never called: {reason}"),
    }
}
