//! What merchants verify: `conversation id \n token \n key \n metadata \n change`.
//!
//! The callback verifies with the official library and says what the session
//! says; the redirect's query verifies as docs/verify.md tells; after any change
//! neither does.

use super::input::{lines, text};
use aws_lc_rs::{digest, hmac};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jiff::Timestamp;
use serde_json::Value;
use standardwebhooks::Webhook;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use vezne::handoff::{Message, SignedResult, destination, told_of_end};
use vezne::hardening::SecretText;
use vezne::id::{EventId, MerchantId, SessionId};
use vezne::merchant::{AllowList, AllowedUrl, Mode};
use vezne::session::{Handoff, Purpose, Session, Status};
use vezne::store::{Event, EventKind, EventState};

const RESULT_KEY: &str = "vzsig_example";
const SIGNED: [&str; 5] = ["session", "status", "conversationId", "timestamp", "tokenDigest"];

/// Signs a session's result and callback and verifies both.
pub fn check(data: &[u8]) {
    let ([id, token, key, metadata], change) = lines(data);
    let (Some(id), Some(token), Some(metadata)) = (text(id), text(token), text(metadata)) else { return };
    let session = session(id, metadata);
    let token = (!token.is_empty()).then(|| SecretText::new(token.to_owned()));
    let result = SignedResult::sign(&session, token, &SecretText::new(RESULT_KEY.to_owned()));
    the_redirect_verifies(&session, &result, change);
    the_callback_verifies(&session, &result, key, change);
}

fn session(conversation_id: &str, metadata: &str) -> Session {
    static RETURN_URL: OnceLock<AllowedUrl> = OnceLock::new();
    let return_url = RETURN_URL.get_or_init(|| {
        let list = AllowList::parse(&["https://shop.example/"]).unwrap();
        list.check("https://shop.example/return?order=%41&x", Mode::Live).unwrap()
    });
    Session {
        id: SessionId::generate(),
        merchant: MerchantId::generate(),
        mode: Mode::Live,
        purpose: Purpose::Tokenize,
        handoff: Handoff::Redirect,
        status: Status::Completed,
        conversation_id: conversation_id.to_owned(),
        return_url: return_url.clone(),
        cancel_url: None,
        callback_url: None,
        embed_origin: None,
        locale: None,
        metadata: BTreeMap::from([("note".to_owned(), metadata.to_owned())]),
        created_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
        ended_at: Some(Timestamp::from_second(1_795_305_600).unwrap()),
        attempts: 1,
        cancel_requested: false,
        card_token: None,
        card: None,
        failure: None,
    }
}

/// As a merchant verifies a result, from docs/verify.md alone.
fn verifies(fields: &BTreeMap<String, String>) -> bool {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let signed = SIGNED.map(field).join("\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, RESULT_KEY.as_bytes());
    let genuine = hmac::sign(&key, format!("vezne-result-v1\n{signed}").as_bytes());
    let is_bound = fields.get("cardToken").is_none_or(|token| {
        BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()) == field("tokenDigest")
    });
    BASE64URL_NOPAD.encode(genuine.as_ref()) == field("signature") && is_bound
}

fn the_redirect_verifies(session: &Session, result: &SignedResult, change: &[u8]) {
    let url = destination(session, result, true);
    assert!(url.as_str().starts_with("https://shop.example/return?order=%41&x&session="), "{url}");
    let query = url.query().unwrap().split_once("&x&").unwrap().1;
    let mut fields: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!(fields.get("conversationId"), Some(&session.conversation_id));
    // A line break in a field would move the lines below; none is let into a session.
    if session.conversation_id.contains(char::is_control) {
        return;
    }
    assert!(verifies(&fields), "{url}");
    let Some((which, text)) = change.split_first() else { return };
    let names: Vec<String> = fields.keys().cloned().collect();
    let name = &names[usize::from(*which) % names.len()];
    let changed = String::from_utf8_lossy(text).into_owned();
    if fields[name] != changed && !changed.contains('\n') {
        fields.insert(name.clone(), changed);
        assert!(!verifies(&fields), "{name} was changed");
    }
}

fn the_callback_verifies(session: &Session, result: &SignedResult, key: &[u8], change: &[u8]) {
    let event = Event {
        id: EventId::generate(),
        merchant: session.merchant.clone(),
        mode: session.mode,
        kind: EventKind::Completed,
        session: Some(session.id.clone()),
        callback_url: None,
        created_at: Timestamp::UNIX_EPOCH,
        state: EventState::Pending,
        attempts: 1,
        next_attempt_at: None,
        last_reason: None,
        settled_at: None,
    };
    let keys = [SecretText::new(format!("whsec_{}", BASE64.encode(key))), SecretText::new("whsec_b3RoZXI=".to_owned())];
    let message = Message::sign(&event, told_of_end(session, result), &keys, Timestamp::now()).unwrap();
    let verifiers = [Webhook::from_bytes(key.to_vec()).unwrap(), Webhook::from_bytes(b"other".to_vec()).unwrap()];
    for verifier in &verifiers {
        assert!(verifier.verify(message.body.as_bytes(), &message.headers).is_ok());
    }
    says_what_the_session_says(&message, session, result);
    let mut changed = message.body.clone().into_bytes();
    if let [place @ .., bits] = change
        && let Some(place) = place.first_chunk().map(|place| usize::from(u16::from_be_bytes(*place)) % changed.len())
        && *bits != 0
    {
        changed[place] ^= bits;
        assert!(verifiers.iter().all(|verifier| verifier.verify(&changed, &message.headers).is_err()), "byte {place}");
    }
}

fn says_what_the_session_says(message: &Message, session: &Session, result: &SignedResult) {
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let data = &body["data"];
    assert_eq!(body["type"], "session.completed");
    assert_eq!(data["conversationId"].as_str(), Some(session.conversation_id.as_str()));
    assert_eq!(data["metadata"]["note"].as_str(), session.metadata.get("note").map(String::as_str));
    assert_eq!(data["cardToken"].as_str(), result.card_token());
    for (name, value) in result.signed_fields() {
        assert_eq!(data[name].as_str(), Some(value), "{name}");
    }
}
