//! What is kept, and what is not.

use crate::harness::{Card, Form, Reply, TestApp, eventually};
use serde_json::json;
use vezne::sandbox::magic::Behaviour;

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut app = TestApp::start().await;
    let open = app.create_session(json!({ "metadata": { "a": "b" } })).await;
    let page = app.open_page(&open).await;
    let completed = app.create_session(json!({})).await;
    app.submit_card(&completed, Card::visa()).await.expect(303);
    app.merchant.answers([Reply::Status(500)]);
    let canceled = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.cancel(&canceled).await.expect(200);
    app.merchant.received(1).await;
    let attempted = app.create_session(json!({})).await;
    app.submit_card(&attempted, Card::magic(Behaviour::Refuse)).await.expect(422);
    let expiring = app.create_session(json!({ "expiresIn": 1 })).await;
    let before = [app.session(&open).await, app.session(&completed).await, app.session(&attempted).await];
    let handoff = app.done(&completed).await.url;

    app.restart();

    let after = [app.session(&open).await, app.session(&completed).await, app.session(&attempted).await];
    assert_eq!(before, after);
    assert_eq!(app.done(&completed).await.url, handoff);
    // A form that was rendered before the restart is still good.
    let form = Form::filled(&page.token, &Card::mastercard());
    app.post(&open, form).await.expect(303);
    let callbacks = app.merchant.received(2).await;
    assert_eq!(callbacks[0].id(), callbacks[1].id());
    eventually("the expiry", || async { (app.status(&expiring).await == "expired").then_some(()) }).await;
}

#[tokio::test]
async fn no_card_number_reaches_the_disk() {
    let mut app = TestApp::start().await;
    let mut cards = vec![Card::visa(), Card::mastercard(), Card::amex()];
    let drills = [
        Behaviour::Refuse,
        Behaviour::RefuseEchoingCard,
        Behaviour::ServerError,
        Behaviour::MalformedBody,
        Behaviour::Drop,
        Behaviour::WrongSignature,
    ];
    cards.extend(drills.map(Card::magic));
    for card in &cards {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.submit_by_script(&session, Card { cvv: "1".into(), ..card.clone() }).await.expect(422);
        app.submit_card(&session, card.clone()).await;
    }
    app.merchant.received(3).await;
    let numbers: Vec<String> = cards.into_iter().map(|card| card.number).collect();
    let check = |app: &TestApp| {
        let mut databases = 0;
        let files = app.files().into_iter().map(|file| (std::fs::read(&file).unwrap(), file.display().to_string()));
        for (bytes, place) in files.chain(app.database.dump()) {
            databases += usize::from(bytes.windows(7).any(|text| text == b"session"));
            for number in &numbers {
                let found = bytes.windows(number.len()).any(|text| text == number.as_bytes());
                assert!(!found, "{number} is in {place}");
            }
        }
        assert!(databases > 0, "the database was read");
    };
    check(&app);
    app.restart();
    check(&app);
}
