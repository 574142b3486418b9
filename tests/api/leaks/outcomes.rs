//! The provider and the merchant's endpoint: everything that they can do wrong,
//! with answers that repeat what they were sent.

use super::drive::{Drive, Reader};
use crate::harness::{Card, Reply, Session, TestApp, eventually};
use serde_json::json;
use tokio::net::TcpListener;
use vezne::merchant::AllowList;
use vezne::sandbox::magic::{MAGIC_CARDS, TEST_CARDS};

/// Every card of the sandbox, by the page and by its script, to the end of its session.
pub async fn every_card(drive: &Drive) {
    for card in MAGIC_CARDS.iter().chain(&TEST_CARDS) {
        let typed = Card { cvv: if card.number.len() == 15 { "7373" } else { "737" }.into(), ..Card::new(card.number) };
        let session = drive.session(json!({ "callbackUrl": drive.app.merchant.url() })).await;
        let answer = drive.app.submit_card(&session, typed.clone()).await;
        drive.hear(card.name, Reader::Anybody, &answer);
        if answer.status != 303 {
            drive.hear(card.name, Reader::Anybody, &drive.app.submit_by_script(&session, typed).await);
        }
        read_on(drive, card.name, &session).await;
    }
}

/// What the cardholder and the merchant see afterwards.
async fn read_on(drive: &Drive, what: &str, session: &Session) {
    for path in [session.path.clone(), format!("{}/done", session.path), format!("{}/cancel", session.path)] {
        drive.hear(what, Reader::Anybody, &drive.app.get(&path).await);
    }
    let read = drive.app.api("GET", &format!("/v1/sessions/{}", session.id)).send().await;
    drive.hear(what, Reader::Merchant, &read.expect(200));
}

/// A provider that gives back the whole form, in every part of an answer.
/// `hostile` calls the merchant's endpoint of `drive` as its provider.
pub async fn a_provider_that_echoes(drive: &Drive, hostile: &Drive) {
    let coded = r#"{"isSucceeded":false,"errorCode":"4355093000777068","errorMessage":"4355 0930 0077 7068"}"#;
    let told = r#"{"isSucceeded":false,"errorCode":"0057","errorMessage":"4355\u002d0930-0077-7068, kod 737"}"#;
    let replies = [Reply::Echo(200), Reply::Echo(302), Reply::Echo(400), Reply::Echo(500), Reply::Json(coded)];
    for reply in replies.into_iter().chain([Reply::Json(told)]) {
        drive.app.merchant.answers([reply]);
        let session = hostile.session(json!({})).await;
        let answer = hostile.app.submit_card(&session, Card::visa()).await;
        assert!([422, 502].contains(&answer.status), "{reply:?}: {}", answer.text());
        hostile.hear("an echo", Reader::Anybody, &answer);
        read_on(hostile, "an echo", &session).await;
    }
}

/// The provider's address answers with a certificate of nobody we know.
pub async fn a_provider_of_another_name(away: &Drive) {
    let session = away.session(json!({})).await;
    let answer = away.app.submit_card(&session, Card::visa()).await.expect(502);
    away.hear("TLS", Reader::Anybody, &answer);
}

/// An address at a port that is not one of `egress.ports`.
const CLOSED: &str = "https://localhost:2/";

/// Every way in which a callback fails; where the endpoint hears it, it repeats the token.
pub async fn every_callback(drive: &Drive, dropped: &TcpListener) {
    let hangs_up = format!("http://{}/", dropped.local_addr().unwrap());
    let hanging_up = async { while dropped.accept().await.is_ok() {} };
    tokio::select! {
        () = every_failure(drive, &hangs_up) => {}
        () = hanging_up => panic!("nobody hangs up any more"),
    }
}

async fn every_failure(drive: &Drive, hangs_up: &str) {
    let app = &drive.app;
    let foreign = app.sandbox.url();
    let elsewhere = ["https://localhost:1/", "https://10.0.0.7/", "https://no-such-name.invalid/", hangs_up, &foreign];
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    let usual = merchant.allow_list.clone();
    let own = app.merchant.url();
    let allowed = [&["https://shop.example/", &own, CLOSED], &elsewhere[..]].concat();
    merchant.allow_list = AllowList::parse(&allowed).unwrap();
    app.admin.save(&merchant).await.unwrap();
    for url in elsewhere {
        complete(drive, url).await;
    }
    for reply in [Reply::Echo(500), Reply::Echo(302), Reply::Echo(404), Reply::Hang] {
        app.merchant.answers([reply, reply]);
        complete(drive, &own).await;
        until_all_are_settled(drive).await;
    }
    app.merchant.answers([Reply::Echo(410)]);
    complete(drive, &format!("{own}/gone")).await;
    until_all_are_settled(drive).await;
    // The port was open when the session was made.
    let session = drive.session(json!({ "callbackUrl": own })).await;
    drive.damage(&format!("UPDATE sessions SET callback_url = '{CLOSED}' WHERE id = ?1"), &session.id);
    app.cancel(&session).await.expect(200);
    until_all_are_settled(drive).await;
    // Taken off the list between the outcome and the second attempt.
    app.merchant.answers([Reply::Echo(500)]);
    complete(drive, &own).await;
    merchant.allow_list = AllowList::parse(&["https://shop.example/"]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    until_all_are_settled(drive).await;
    merchant.allow_list = usual;
    app.admin.save(&merchant).await.unwrap();
    let id = app.shop.id.as_str();
    drive.damage("UPDATE merchant_secrets SET sealed = zeroblob(64) WHERE merchant_id = ?1 AND kind = 'webhook'", id);
    complete(drive, &own).await;
    until_all_are_settled(drive).await;
}

async fn complete(drive: &Drive, callback: &str) {
    let session = drive.session(json!({ "callbackUrl": callback })).await;
    drive.app.submit_card(&session, Card::mastercard()).await.expect(303);
    drive.remember("card token", &drive.app.sandbox.token_of(&Card::mastercard().number));
}

/// No callback is waiting or on its way.
pub async fn until_all_are_settled(drive: &Drive) {
    let settled = || async { drive.app.events().iter().all(|(state, _)| state != "pending").then_some(()) };
    eventually("the callbacks", settled).await;
}

/// The reasons of the callbacks that failed.
pub fn callback_reasons(drive: &Drive) -> Vec<String> {
    drive.app.events().into_iter().filter_map(|(_, reason)| reason).collect()
}

/// A certificate file that is replaced by its key, as it can happen in a renewal.
pub fn break_certificate(app: &TestApp) {
    let server = &app.config().server;
    std::fs::copy(server.private_key.as_ref().unwrap(), server.certificate.as_ref().unwrap()).unwrap();
}
