//! The card-token client against a TLS server of its own.

use super::*;
use crate::card::{Card, Cvv, Expiry, Month, Pan};
use crate::config::EgressConfig;
use crate::egress::test_server::{Received, Reply, TestServer, answer};
use crate::provider::Credentials;
use crate::provider::breaker::BreakerSettings;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const TOKEN: &str = "+oc6jxS0ABueLM+QuJnQFrZyV+B4HMHYiMx8yBH/Z90=";

fn config(server: &TestServer) -> CardTokenConfig {
    CardTokenConfig {
        url: server.url("/v1/card/token?tenant=7"),
        ca_file: Some(server.ca_file()),
        client_certificate: None,
        client_key: None,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        retry_codes: vec!["0009".to_owned(), "0015".to_owned()],
        merchant_codes: vec!["0001".to_owned(), "0003".to_owned()],
        unique_conversation_ids: false,
        breaker: BreakerSettings {
            failures: 0,
            window: Duration::ZERO,
            pause: Duration::ZERO,
            longest_pause: Duration::ZERO,
        },
    }
}

fn client(config: &CardTokenConfig) -> CardTokenClient {
    let resolver = Resolver::new(&EgressConfig::default()).unwrap();
    CardTokenClient::new(config, tls(config).unwrap(), resolver)
}

async fn attempt(client: &CardTokenClient, attempt: u32) -> Result<CardToken, ProviderError> {
    let pan = Pan::parse(b"4355093000777068").unwrap();
    let expiry = Expiry::parse(b"11/40", Month::new(2026, 11).unwrap()).unwrap();
    let card = Card::new(pan, expiry, Cvv::parse(b"313").unwrap()).unwrap();
    let credentials = Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap();
    client
        .tokenize(TokenizeCall {
            card: &card,
            credentials: &credentials,
            conversation_id: "order-1",
            attempt,
            has_left: &Cell::new(false),
        })
        .await
}

/// The error's word, or the token.
async fn outcome(client: &CardTokenClient) -> String {
    attempt(client, 1).await.map_or_else(|error| error.name().to_owned(), |token| token.expose().to_owned())
}

fn success(request: &Received) -> Reply {
    let body = json!({
        "cardToken": TOKEN, "signature": request.field("Signature"), "isSucceeded": true,
        "errorCode": null, "errorMessage": null, "conversationId": request.field("ConversationId"),
    });
    Reply::Keep(answer(200, "", &body.to_string()))
}

fn failure(code: &str) -> Reply {
    let body = json!({"isSucceeded": false, "errorCode": code, "errorMessage": "Kart 4355093000777068 geçersiz"});
    Reply::Keep(answer(200, "", &body.to_string()))
}

/// Answers with these codes in turn, then with success.
fn codes(codes: &'static [&'static str]) -> TestServer {
    let turn = AtomicUsize::new(0);
    TestServer::start(move |request| match codes.get(turn.fetch_add(1, SeqCst)) {
        Some(code) => failure(code),
        None => success(request),
    })
}

#[tokio::test]
async fn a_card_becomes_a_token_with_one_signed_form() {
    let server = TestServer::start(success);
    assert_eq!(outcome(&client(&config(&server))).await, TOKEN);
    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    assert!(request.head.starts_with("post /v1/card/token?tenant=7 http/1.1\r\n"));
    assert!(request.head.contains("\r\ncontent-type: multipart/form-data; boundary=vezne-"));
    let credentials = Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap();
    let nonce = request.field("Nonce").parse().unwrap();
    let age = Timestamp::now().as_millisecond() - i64::try_from(nonce).unwrap();
    assert!((0..60_000).contains(&age), "{age} ms");
    assert_eq!(request.field("Signature"), signature::sign(&credentials, "order-1", nonce).as_str());
    assert_eq!((request.field("CardNumber"), request.field("Cvv")), ("4355093000777068", "313"));
    assert_eq!((request.field("ExpireMonth"), request.field("ExpireYear")), ("11", "40"));
}

#[tokio::test]
async fn a_wrong_echo_is_not_believed() {
    let server = TestServer::start(|request| match success(request) {
        Reply::Keep(text) => Reply::Keep(text.replace(request.field("Signature"), &"A".repeat(44))),
        other => other,
    });
    assert_eq!(outcome(&client(&config(&server))).await, "wrong_signature");
}

#[tokio::test]
async fn silence_ends_in_time_and_closes_the_connection() {
    let server = TestServer::start(|_| Reply::Silence);
    let config = CardTokenConfig { timeout: Duration::from_millis(200), ..config(&server) };
    assert_eq!(outcome(&client(&config)).await, "timeout");
    assert!(tokio::task::spawn_blocking(move || server.wait_ended_by_client()).await.unwrap());
}

#[tokio::test]
async fn a_deadline_covers_both_calls() {
    let turn = AtomicUsize::new(0);
    let server =
        TestServer::start(move |_| if turn.fetch_add(1, SeqCst) == 0 { failure("0009") } else { Reply::Silence });
    let config = CardTokenConfig { timeout: Duration::from_millis(300), ..config(&server) };
    assert_eq!(outcome(&client(&config)).await, "timeout");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn broken_answers_are_told_apart_and_never_asked_again() {
    let redirect = answer(307, "Location: https://localhost:1/\r\n", "");
    let cases: [(Option<String>, &str); 5] = [
        (None, "dropped"),
        (Some(answer(500, "", "{}")), "status"),
        (Some(redirect), "redirect"),
        (Some(answer(200, "", "<html>")), "not_json"),
        (Some(answer(200, "", &" ".repeat(20_000))), "too_large"),
    ];
    for (text, name) in cases {
        let server = TestServer::start(move |_| text.clone().map_or(Reply::Drop, Reply::Keep));
        assert_eq!(outcome(&client(&config(&server))).await, name);
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_stale_signature_is_renewed_once() {
    let server = codes(&["0009"]);
    assert_eq!(outcome(&client(&config(&server))).await, TOKEN);
    let requests = server.requests();
    let [first, second] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    let nonce = |request: &Received| request.field("Nonce").parse::<u64>().unwrap();
    assert!(nonce(second) > nonce(first));
    assert_ne!(first.field("Signature"), second.field("Signature"));
    assert_eq!((first.field("ConversationId"), second.field("ConversationId")), ("order-1", "order-1"));
}

#[test]
fn no_nonce_is_given_twice() {
    let server = TestServer::start(success);
    let client = client(&config(&server));
    let nonces: Vec<_> = (0..100).map(|_| client.nonce()).collect();
    assert!(nonces.is_sorted_by(|one, next| one < next), "{nonces:?}");
}

#[tokio::test]
async fn staleness_that_lasts_is_the_operators_affair() {
    let server = codes(&["0009", "0015"]);
    let failed = attempt(&client(&config(&server)), 1).await.err();
    assert!(matches!(failed, Some(ProviderError::Configuration { code }) if code == "0015"));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_not_asked_again_and_shows_no_card() {
    let server = codes(&["0005"]);
    let Err(error) = attempt(&client(&config(&server)), 1).await else { panic!("a token") };
    assert_eq!(server.requests().len(), 1);
    assert!(!format!("{error} {error:?}").contains("4355"), "{error:?}");
    let ProviderError::Refused { code, message: Some(message) } = error else { panic!("{error}") };
    assert_eq!((code.as_str(), message.as_str()), ("0005", "Kart **************** geçersiz"));
}

#[tokio::test]
async fn conversation_ids_are_unique_where_the_provider_wants_it() {
    let server = TestServer::start(success);
    let unique = CardTokenConfig { unique_conversation_ids: true, ..config(&server) };
    for (client, number) in [(client(&config(&server)), 3), (client(&unique), 1), (client(&unique), 3)] {
        assert!(attempt(&client, number).await.is_ok());
    }
    let sent: Vec<_> = server.requests().iter().map(|request| request.field("ConversationId").to_owned()).collect();
    assert_eq!(sent, ["order-1", "order-1", "order-1-3"]);
}

#[test]
fn a_missing_ca_file_is_named() {
    let server = TestServer::start(success);
    let config = CardTokenConfig { ca_file: Some("absent.pem".into()), ..config(&server) };
    assert!(tls(&config).is_err_and(|error| error.to_string().starts_with("absent.pem: ")));
}
