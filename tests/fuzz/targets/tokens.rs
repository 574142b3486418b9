//! What proves who somebody is: form tokens, API keys, the secrets in URLs,
//! ids. The first byte says which, the rest is what is presented; for a form
//! token it can be a change of a genuine one: `place, bits, length`.

use super::input::text;
use jiff::Timestamp;
use std::sync::OnceLock;
use vezne::hardening::{Fingerprint, MasterKey, MasterKeys};
use vezne::id::{EventId, KeyId, MerchantId, SessionId};
use vezne::intake::FormTokens;
use vezne::merchant::ApiKey;
use vezne::session::SessionSecret;

/// Presents the input.
pub fn check(data: &[u8]) {
    let Some((kind, presented)) = data.split_first() else { return };
    match kind {
        b'f' => a_guess_is_no_form_token(presented),
        b'm' => a_changed_form_token_is_refused(presented),
        _ => texts(presented),
    }
}

struct Issued {
    tokens: FormTokens,
    session: SessionId,
    token: String,
}

const ISSUED_AT: i64 = 1_795_305_600;

fn issued() -> &'static Issued {
    static ISSUED: OnceLock<Issued> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let key = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let (tokens, session) = (FormTokens::new(&MasterKeys::from(key)).unwrap(), SessionId::generate());
        let token = tokens.issue(&session, Timestamp::from_second(ISSUED_AT).unwrap());
        Issued { tokens, session, token }
    })
}

fn a_guess_is_no_form_token(presented: &[u8]) {
    let issued = issued();
    let now = Timestamp::from_second(ISSUED_AT).unwrap();
    assert!(!issued.tokens.accepts(&issued.session, presented, now));
}

fn a_changed_form_token_is_refused(change: &[u8]) {
    let [place, bits, length, when @ ..] = change else { return };
    let issued = issued();
    let mut token = issued.token.clone().into_bytes();
    let place = usize::from(*place) % token.len();
    token[place] ^= bits;
    token.truncate(usize::from(*length));
    let age = when.first_chunk().map_or(0, |bytes| i64::from(i16::from_be_bytes(*bytes)));
    let now = Timestamp::from_second(ISSUED_AT + age).unwrap();
    let is_genuine = token == issued.token.as_bytes();
    let is_accepted = issued.tokens.accepts(&issued.session, &token, now);
    assert_eq!(is_accepted, is_genuine && (-300..=3600).contains(&age), "age {age}");
    assert!(!issued.tokens.accepts(&SessionId::generate(), &token, now), "accepted for another session");
}

fn texts(presented: &[u8]) {
    let Some(presented) = text(presented) else { return };
    let is_base32 = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    if let Some(fingerprint) = ApiKey::fingerprint_of_presented(presented) {
        assert_eq!(fingerprint, Fingerprint::of(presented));
        assert!(presented.len() == 60 && (presented.starts_with("vz_test_") || presented.starts_with("vz_live_")));
    }
    if let Some(fingerprint) = SessionSecret::fingerprint_of_presented(presented) {
        assert_eq!(fingerprint, Fingerprint::of(presented));
        assert!(presented.len() == 32 && is_base32(presented));
    }
    let ids = [
        SessionId::parse(presented).map(|id| id.to_string()),
        MerchantId::parse(presented).map(|id| id.to_string()),
        EventId::parse(presented).map(|id| id.to_string()),
        KeyId::parse(presented).map(|id| id.to_string()),
    ];
    let read: Vec<&String> = ids.iter().flatten().collect();
    assert!(read.len() <= 1, "an id of two kinds");
    assert!(read.iter().all(|id| **id == presented && id.len() == 30 && is_base32(&id[4..])));
    if let Ok(key) = MasterKey::parse(presented) {
        assert_eq!(data_encoding::BASE64.decode(presented.trim().as_bytes()).map(|bytes| bytes.len()), Ok(32));
        drop(key);
    }
}
