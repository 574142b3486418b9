//! The master key is replaced while cardholders pay.

use crate::harness::{Card, Form, Setup, TestApp, eventually, verify};
use serde_json::json;
use std::path::Path;
use vezne::cli::keys::Sealing;
use vezne::config::KeySource;
use vezne::hardening::{MasterKey, key_file};

/// What a process knows: the key that it seals with, and another that it opens.
fn give(app: &mut TestApp, current: &Path, other: Option<&Path>) {
    app.restart_with(|config| {
        config.keys.master = KeySource::File(current.to_owned());
        config.keys.previous = other.map(Path::to_owned).map(KeySource::File);
    });
}

#[tokio::test]
async fn nothing_is_refused_or_lost_while_the_master_key_is_replaced() {
    let mut app = Setup::default().in_this_process().start().await;
    let (old, new) = (app.file("master.key"), app.file("new.key"));
    key_file::create(&new, &MasterKey::generate()).unwrap();
    let completed = app.create_session(json!({})).await;
    app.submit_card(&completed, Card::visa()).await.expect(303);
    let before = app.session(&completed).await;
    assert!(before["cardToken"].is_string());

    // Every process learns to open what the new key will seal; none seals with it yet.
    give(&mut app, &old, Some(&new));
    let rendered_before = app.create_session(json!({})).await;
    let page_before = app.open_page(&rendered_before).await;

    // The first process seals with the new key.
    give(&mut app, &new, Some(&old));
    app.post(&rendered_before, Form::filled(&page_before.token, &Card::mastercard())).await.expect(303);
    let rendered_after = app.create_session(json!({})).await;
    let page_after = app.open_page(&rendered_after).await;
    assert_eq!(app.session(&completed).await, before);

    // Another one, which is not there yet, reads what the first has written.
    give(&mut app, &old, Some(&new));
    app.post(&rendered_after, Form::filled(&page_after.token, &Card::visa())).await.expect(303);
    assert!(verify(&app.session(&rendered_before).await, &app.shop.signing_secret));

    // All of them seal with the new key: the rest is sealed anew, under way.
    give(&mut app, &new, Some(&old));
    let sealing = Sealing::open(app.config()).unwrap();
    let serve = async {
        let mut served = Vec::new();
        for _ in 0..5 {
            let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
            app.submit_card(&session, Card::visa()).await.expect(303);
            served.push(session);
        }
        served
    };
    let (rotation, served) = tokio::join!(sealing.rotate(), serve);
    assert!(rotation.unwrap().is_complete());

    give(&mut app, &new, None);
    assert_eq!(app.session(&completed).await, before);
    for session in [&rendered_before, &rendered_after].into_iter().chain(&served) {
        let result = app.session(session).await;
        assert!(result["cardToken"].is_string() && verify(&result, &app.shop.signing_secret), "{result}");
    }
    let callbacks = app.merchant.received(5).await;
    assert!(callbacks.iter().all(|callback| callback.verifies_with(&app.shop.webhook_secret)));
    let last = app.create_session(json!({})).await;
    // A form of the old key's time is over with that key.
    app.post(&last, Form::filled(&page_before.token, &Card::visa())).await.expect(403);
    app.submit_card(&last, Card::visa()).await.expect(303);
}

#[tokio::test]
async fn a_process_that_goes_on_sealing_under_the_old_key_is_noticed() {
    let mut app = Setup::default().in_this_process().start().await;
    let (old, new) = (app.file("master.key"), app.file("new.key"));
    key_file::create(&new, &MasterKey::generate()).unwrap();
    give(&mut app, &old, Some(&new));
    let mut behind = app.config().clone();
    behind.keys.master = KeySource::File(new.clone());
    behind.keys.previous = Some(KeySource::File(old.clone()));
    let sealing = Sealing::open(&behind).unwrap();
    assert!(sealing.rotate().await.unwrap().is_complete());
    let session = app.create_session(json!({})).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(sealing.census().await.unwrap().under_previous(), 1, "the token");
    assert!(sealing.rotate().await.unwrap().is_complete());
    eventually("the token", || async { app.session(&session).await["cardToken"].is_string().then_some(()) }).await;
}
