//! The sandbox over HTTP, called as a client of the protocol calls it.

use super::magic::{MAGIC_CARDS, TEST_CARDS};
use super::signature::{SignedCall, SigningKey};
use super::testing::{Answer, Running, request};
use super::{Sandbox, SandboxKeys, SandboxMerchant, TOKEN_PATH, routes};
use actix_web::web;
use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

struct TestSandbox {
    running: Running,
    merchant: SandboxMerchant,
    state: web::Data<Sandbox>,
}

impl Answer {
    fn code(&self) -> String {
        let json = self.json();
        assert_eq!((&json["isSucceeded"], &json["cardToken"]), (&Value::Bool(false), &Value::Null));
        json["errorCode"].as_str().unwrap().to_owned()
    }

    fn token(&self) -> String {
        let json = self.json();
        assert_eq!(json["isSucceeded"], true, "{json}");
        assert_eq!((&json["errorCode"], &json["errorMessage"]), (&Value::Null, &Value::Null));
        json["cardToken"].as_str().unwrap().to_owned()
    }
}

/// The nine fields, by the names under which they are sent.
struct Call {
    fields: Vec<(String, String)>,
}

impl Call {
    fn set(mut self, name: &str, value: &str) -> Self {
        self.field(name).1 = value.to_owned();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    fn get(&mut self, name: &str) -> String {
        self.field(name).1.clone()
    }

    fn field(&mut self, name: &str) -> &mut (String, String) {
        self.fields.iter_mut().find(|(field, _)| field == name).unwrap()
    }
}

impl TestSandbox {
    fn start() -> Self {
        let merchants: Vec<_> = (0..2).map(|_| SandboxMerchant::generate().unwrap()).collect();
        let merchant = merchants[1].clone();
        let keys = SandboxKeys::generate(merchants).unwrap();
        let state = web::Data::new(Sandbox::new(&keys).unwrap().with_stall(Duration::from_millis(300)));
        let data = state.clone();
        let running = Running::start(None, move |config| {
            config.app_data(data.clone()).configure(routes);
        });
        Self { running, merchant, state }
    }

    /// A right call, made `milliseconds` away from now. No two calls have the
    /// same nonce: two in one millisecond would have the same signature.
    fn call_at(&self, number: &str, conversation: &str, milliseconds: i64) -> Call {
        static LAST: AtomicI64 = AtomicI64::new(0);
        let now = jiff::Timestamp::now().as_millisecond();
        LAST.fetch_max(now, Ordering::SeqCst);
        let unique = LAST.fetch_add(1, Ordering::SeqCst);
        let nonce = (unique + milliseconds).to_string();
        let SandboxMerchant { public_key, secret_key, merchant_number } = &self.merchant;
        let signature = SigningKey::from_base64(secret_key).unwrap().sign(&SignedCall {
            public_key,
            nonce: &nonce,
            conversation_id: conversation,
        });
        let fields = [
            ("CardNumber", number),
            ("ExpireMonth", "11"),
            ("ExpireYear", "40"),
            ("Cvv", if number.len() == 15 { "3137" } else { "313" }),
            ("PublicKey", public_key),
            ("Nonce", &nonce),
            ("Signature", &signature),
            ("ConversationId", conversation),
            ("MerchantNumber", merchant_number),
        ];
        Call { fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec() }
    }

    fn call(&self, number: &str, conversation: &str) -> Call {
        self.call_at(number, conversation, 0)
    }

    fn send(&self, call: &Call) -> Answer {
        self.try_send(call).expect("an answer")
    }

    /// `None` when the connection ended without a byte.
    fn try_send(&self, call: &Call) -> Option<Answer> {
        let part = |(name, value): &(String, String)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body: String = call.fields.iter().map(part).chain(["--b--\r\n".to_owned()]).collect();
        self.request("POST", TOKEN_PATH, "multipart/form-data; boundary=b", body.as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "text/plain", b"").unwrap()
    }

    fn request(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Option<Answer> {
        request(self.running.address, method, path, &[("Content-Type", content_type)], body)
    }

    fn outcome(&self, name: &str) -> u64 {
        self.state.journal().outcomes().get(name).copied().unwrap_or(0)
    }
}

fn magic(name: &str) -> &'static str {
    MAGIC_CARDS.iter().find(|card| card.behaviour.name() == name).unwrap().number
}

const GOOD: &str = "4355093000777068";

#[test]
fn every_published_card_gets_a_token_of_its_own() {
    let sandbox = TestSandbox::start();
    let mut tokens = std::collections::HashSet::new();
    for card in TEST_CARDS {
        let mut call = sandbox.call(card.number, card.number);
        let answer = sandbox.send(&call);
        assert_eq!(answer.json()["signature"], call.get("Signature").as_str());
        assert_eq!(answer.json()["conversationId"], card.number);
        let token = answer.token();
        assert_eq!(token.len(), 44);
        assert_eq!(sandbox.send(&sandbox.call(card.number, "again")).token(), token, "one card, one token");
        assert!(tokens.insert(token));
    }
}

#[test]
fn names_are_taken_in_any_case_and_order_and_unknown_ones_passed_over() {
    let sandbox = TestSandbox::start();
    let mut call = sandbox.call(GOOD, "names");
    call.fields.reverse();
    for (place, (name, _)) in call.fields.iter_mut().enumerate() {
        *name = match place % 3 {
            0 => format!("{}{}", name[..1].to_lowercase(), &name[1..]),
            1 => name.to_uppercase(),
            _ => name.to_lowercase(),
        };
    }
    call.fields.insert(3, ("Extra".to_owned(), "x".repeat(2000)));
    sandbox.send(&call).token();
}

#[test]
fn a_missing_doubled_or_malformed_field_is_named() {
    let sandbox = TestSandbox::start();
    let refused = |call: &Call, name: &str| {
        let answer = sandbox.send(call);
        assert_eq!((answer.status == 200 || answer.status == 400, answer.code().as_str()), (true, "9001"), "{name}");
        let message = answer.json()["errorMessage"].as_str().unwrap().to_owned();
        assert!(message.to_lowercase().starts_with(&name.to_lowercase()), "{name}: {message}");
    };
    let number = std::cell::Cell::new(0);
    let call = || {
        number.set(number.get() + 1);
        sandbox.call(GOOD, &format!("fields-{}", number.get()))
    };
    for (name, _) in call().fields {
        refused(&call().without(&name), &name);
        refused(&call().set(&name, ""), &name);
        refused(&call().set(&name, &"1".repeat(513)), &name);
        let mut doubled = call();
        let again = doubled.field(&name).clone();
        doubled.fields.push(again);
        refused(&doubled, &name);
    }
    let malformed = [
        ("CardNumber", "4355 0930 0077 7068"),
        ("CardNumber", "43550930007"),
        ("ExpireMonth", "1"),
        ("ExpireMonth", "13"),
        ("ExpireYear", "2040"),
        ("Cvv", "31x"),
        ("Nonce", "now"),
    ];
    for (name, value) in malformed {
        refused(&call().set(name, value), name);
    }
}

#[test]
fn bodies_that_are_no_form_or_too_large_are_refused() {
    let sandbox = TestSandbox::start();
    let json = sandbox.request("POST", TOKEN_PATH, "application/json", b"{}").unwrap();
    assert_eq!((json.status, json.code().as_str()), (400, "9001"));
    let cut = sandbox.request("POST", TOKEN_PATH, "multipart/form-data; boundary=b", b"--b\r\nContent-Dis").unwrap();
    assert_eq!((cut.status, cut.code().as_str()), (400, "9001"));

    let mut large = sandbox.call(GOOD, "large");
    large.fields.push(("Extra".to_owned(), "x".repeat(100_000)));
    assert_eq!(sandbox.send(&large).status, 413);
    let mut many = sandbox.call(GOOD, "many");
    many.fields.extend((0..40).map(|number| (format!("Extra{number}"), String::new())));
    assert_eq!(sandbox.send(&many).status, 413);
}

#[test]
fn strangers_and_wrong_signatures_are_refused() {
    let sandbox = TestSandbox::start();
    let call = |conversation| sandbox.call(GOOD, conversation);
    assert_eq!(sandbox.send(&call("a").set("PublicKey", "c3RyYW5nZXI=")).code(), "0001");
    assert_eq!(sandbox.send(&call("a").set("MerchantNumber", "1")).code(), "0001");
    assert_eq!(sandbox.send(&call("a").set("ConversationId", "b")).code(), "9002");
    assert_eq!(sandbox.send(&call("a").set("Signature", "none")).code(), "9002");
    let other = call("other").get("Signature");
    assert_eq!(sandbox.send(&call("a").set("Signature", &other)).code(), "9002");
}

#[test]
fn a_nonce_is_good_for_five_minutes_either_way_and_a_signature_once() {
    let sandbox = TestSandbox::start();
    for milliseconds in [-301_000, 301_000] {
        assert_eq!(sandbox.send(&sandbox.call_at(GOOD, "late", milliseconds)).code(), "9003");
    }
    for milliseconds in [-290_000, 290_000] {
        let call = sandbox.call_at(GOOD, "early", milliseconds);
        sandbox.send(&call).token();
        assert_eq!(sandbox.send(&call).code(), "9004");
    }
}

#[test]
fn bad_cards_are_refused_by_their_own_codes() {
    let sandbox = TestSandbox::start();
    let cases = [
        ("CardNumber", "4355093000777067", "9005"),
        ("ExpireYear", "20", "9006"),
        ("Cvv", "3131", "9007"),
        ("Cvv", "31", "9007"),
    ];
    for (name, value, code) in cases {
        let conversation = format!("{name}-{value}");
        assert_eq!(sandbox.send(&sandbox.call(GOOD, &conversation).set(name, value)).code(), code, "{name} {value}");
    }
    assert_eq!(sandbox.send(&sandbox.call("374427000000003", "amex").set("Cvv", "313")).code(), "9007");
    assert_eq!(sandbox.outcome("rejected"), 5);
}

#[test]
fn refusing_cards_answer_their_codes() {
    let sandbox = TestSandbox::start();
    let send = |name: &str| sandbox.send(&sandbox.call(magic(name), name));
    assert_eq!(send("refuse").code(), "0057");
    assert_eq!(send("refuse_insufficient_funds").code(), "0051");
    assert_eq!(send("merchant_invalid").code(), "0001");
    let html = send("refuse_with_html");
    assert_eq!(html.code(), "0058");
    assert!(html.json()["errorMessage"].as_str().unwrap().contains("<script>"));
    let echo = send("refuse_echoing_card");
    assert_eq!(echo.code(), "0057");
    assert!(echo.json()["errorMessage"].as_str().unwrap().contains(magic("refuse_echoing_card")));
}

#[test]
fn stale_cards_are_stale_once_a_conversation_or_always() {
    let sandbox = TestSandbox::start();
    for conversation in ["first", "second"] {
        let send = |milliseconds| sandbox.send(&sandbox.call_at(magic("stale_once"), conversation, milliseconds));
        assert_eq!(send(0).code(), "0009");
        send(1).token();
        send(2).token();
    }
    for milliseconds in 0..3 {
        assert_eq!(sandbox.send(&sandbox.call_at(magic("stale_always"), "c", milliseconds)).code(), "0009");
    }
}

#[test]
fn lying_cards_answer_almost_right() {
    let sandbox = TestSandbox::start();
    let send = |name: &str| {
        let mut call = sandbox.call(magic(name), name);
        (sandbox.send(&call), call.get("Signature"))
    };
    let (answer, signature) = send("wrong_signature");
    answer.token();
    assert_ne!(answer.json()["signature"], signature.as_str());
    let (answer, _) = send("wrong_conversation");
    answer.token();
    assert_eq!(answer.json()["conversationId"], "wrong_conversation-other");
    assert_eq!(send("empty_token").0.token(), "");
    let (answer, signature) = send("succeed_sister_spelling");
    let json = answer.json();
    assert_eq!((&json["isSucceed"], json.get("isSucceeded")), (&Value::Bool(true), None));
    assert_eq!(json["signature"], signature.as_str());
}

#[test]
fn failing_cards_fail_on_the_wire() {
    let sandbox = TestSandbox::start();
    let send = |name: &str| sandbox.send(&sandbox.call(magic(name), name));
    assert_eq!(send("server_error").status, 500);
    let malformed = send("malformed_body");
    assert_eq!(malformed.status, 200);
    assert!(serde_json::from_str::<Value>(&malformed.body).is_err());
    let redirect = send("redirect");
    assert_eq!(redirect.status, 302);
    assert!(redirect.head.contains("location: /card/redirected"));
    assert!(send("oversized").body.len() > 2_000_000);
    assert!(sandbox.try_send(&sandbox.call(magic("drop"), "drop")).is_none());

    let started = std::time::Instant::now();
    send("stall").token();
    assert!(started.elapsed() >= Duration::from_millis(300));

    assert_eq!(sandbox.outcome("redirect_followed"), 0);
    sandbox.get("/card/redirected");
    assert_eq!(sandbox.outcome("redirect_followed"), 1);
}

#[test]
fn the_console_shows_calls_and_cards_but_no_card_data_of_calls() {
    let sandbox = TestSandbox::start();
    let secret = "6011000990139424";
    sandbox.send(&sandbox.call(secret, "<b>bold</b>")).token();
    sandbox.send(&sandbox.call(magic("refuse"), "r")).code();
    let page = sandbox.get("/");
    assert!(page.head.contains("content-security-policy"));
    assert!(page.body.contains("bold") && !page.body.contains("<b>bold"));
    assert!(page.body.contains(magic("stall")));

    let calls = sandbox.get("/calls");
    let json = calls.json();
    assert_eq!((&json["total"], &json["outcomes"]["refuse"]), (&2.into(), &1.into()));
    assert_eq!(json["calls"][0]["errorCode"], "0057");
    assert_eq!(json["calls"][1]["conversationId"], "<b>bold</b>");
    for text in [&page.body, &calls.body] {
        assert!(!text.contains(secret), "{text}");
    }
    let cards = sandbox.get("/cards").json();
    assert_eq!(cards["magic"].as_array().unwrap().len(), MAGIC_CARDS.len());
    assert_eq!(cards["test"][0]["number"], GOOD);
    assert_eq!(sandbox.get("/livez").status, 200);
}
