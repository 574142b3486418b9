//! A merchant's JSON: `content type \n cuts \n body` of `POST /v1/sessions`.
//!
//! What is accepted says what a plain reading of the JSON says, within its
//! bounds and on the allow-list; what is refused is refused with a problem that
//! quotes no long number.

use super::allow_list::leads_under;
use super::input::{body, lines, run, text};
use super::numbers::stretches;
use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use actix_web::{FromRequest as _, web::Payload};
use serde_json::Value;
use std::sync::OnceLock;
use vezne::api::json;
use vezne::error::Problem;
use vezne::id::MerchantId;
use vezne::merchant::{AllowList, AllowedUrl, Merchant, Mode};
use vezne::session::{NewSession, SessionRequest};

const ENTRIES: [&str; 3] = ["https://shop.example/pay", "https://other.example", "http://localhost:8080/"];
/// Where callbacks may go.
const PORTS: [u16; 2] = [443, 8080];
const MAX_BODY: usize = 16 * 1024;

/// Reads a request and checks it as the API does.
pub fn check(data: &[u8]) {
    let ([content_type, cuts], bytes) = lines(data);
    let Ok(content_type) = HeaderValue::from_bytes(content_type) else { return };
    let read = read(&content_type, bytes, cuts);
    let whole = self::read(&content_type, bytes, &[]);
    assert_eq!(read.is_ok(), whole.is_ok(), "pieces and whole differ");
    let wanted = match read {
        Ok(wanted) => wanted,
        Err(problem) => return quotes_no_number(&problem),
    };
    let said: Value = serde_json::from_slice(bytes).expect("JSON was accepted");
    assert_eq!(said["conversationId"].as_str(), Some(wanted.conversation_id.as_str()));
    assert_eq!(said["returnUrl"].as_str(), Some(wanted.return_url.as_str()));
    assert_eq!(said["expiresIn"].as_u64(), wanted.expires_in);
    for mode in [Mode::Test, Mode::Live] {
        let wanted: SessionRequest = serde_json::from_slice(bytes).unwrap();
        match wanted.check(merchant(), mode, |tag| ["tr", "en"].contains(&tag), |port| PORTS.contains(&port)) {
            Ok((session, secret)) => {
                judge(&session, &said, mode);
                assert_eq!(secret.fingerprint(), session.secret);
            }
            Err(mistakes) => assert!((1..=8).contains(&mistakes.len()) && mistakes.iter().all(is_short)),
        }
    }
}

/// Reads a body cut as `cuts` say, taking no more than the bound and one piece.
fn read(content_type: &HeaderValue, bytes: &[u8], cuts: &[u8]) -> Result<SessionRequest, Box<Problem>> {
    let source = body(bytes, cuts);
    let request = TestRequest::post().insert_header(("content-type", content_type.clone())).to_http_request();
    let mut payload = source.payload;
    let read = run(async { json(&request, Payload::from_request(&request, &mut payload).await.unwrap()).await });
    assert!(source.taken.get() <= MAX_BODY + source.longest, "{} bytes were taken", source.taken.get());
    read.map_err(Box::new)
}

fn merchant() -> &'static Merchant {
    static MERCHANT: OnceLock<Merchant> = OnceLock::new();
    MERCHANT.get_or_init(|| Merchant {
        id: MerchantId::generate(),
        name: "Shop".to_owned(),
        allow_list: AllowList::parse(&ENTRIES).unwrap(),
        token_in_redirect: false,
        theme: vezne::merchant::Theme::PLAIN,
        disabled_at: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
    })
}

fn quotes_no_number(problem: &Problem) {
    let shown = format!("{problem:?}");
    let long = stretches(&shown, char::is_numeric, " \u{a0}-").into_iter().find(|run| run.chars().count() >= 9);
    assert_eq!(long, None, "{shown}");
    assert!(shown.len() < 4096, "{} bytes", shown.len());
}

fn is_short(mistake: &vezne::session::InvalidField) -> bool {
    !mistake.field.is_empty() && mistake.message.len() < 200
}

fn judge(session: &NewSession, said: &Value, mode: Mode) {
    let id = &session.conversation_id;
    assert!((1..=64).contains(&id.chars().count()) && !id.contains(char::is_control) && id.trim() == id, "{id:?}");
    let shortest = if mode == Mode::Live { 60 } else { 1 };
    assert!((shortest..=24 * 3600).contains(&session.life.as_secs()));
    let urls: [(&str, Option<&AllowedUrl>); 3] = [
        ("returnUrl", Some(&session.return_url)),
        ("cancelUrl", session.cancel_url.as_ref()),
        ("callbackUrl", session.callback_url.as_ref()),
    ];
    for (name, url) in urls {
        assert_eq!(said[name].is_string(), url.is_some(), "{name}");
        let Some(url) = url.map(|url| url.url().as_str()) else { continue };
        assert!(ENTRIES.iter().any(|entry| leads_under(url, entry)), "{url}");
        assert!(mode == Mode::Test || url.starts_with("https://"), "{url}");
    }
    let port = session.callback_url.as_ref().map(|url| url.url().port_or_known_default().unwrap());
    assert!(port.is_none_or(|port| PORTS.contains(&port)), "{port:?}");
    assert!(session.metadata.len() <= 20);
    for (key, value) in &session.metadata {
        assert!((1..=40).contains(&key.chars().count()) && value.chars().count() <= 500);
        assert_eq!(said["metadata"][key].as_str(), Some(value.as_str()));
    }
    assert_eq!(text(session.conversation_id.as_bytes()), said["conversationId"].as_str());
}
