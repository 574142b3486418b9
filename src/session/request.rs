//! What a merchant asks for, checked into what the store may keep.

use super::{Handoff, Purpose, RESULT_PARAMETERS, SessionSecret};
use crate::card::{holds_card_number, url_holds_card_number};
use crate::hardening::Fingerprint;
use crate::id::{MerchantId, SessionId};
use crate::languages;
use crate::merchant::{AllowedOrigin, AllowedUrl, Merchant, Mode, UrlRefusal};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

const MAX_CONVERSATION_ID: usize = 64;
const MAX_METADATA: usize = 20;
const MAX_METADATA_KEY: usize = 40;
const MAX_METADATA_VALUE: usize = 500;
/// The longest language tag that software must take (BCP 47 section 4.4.1).
const MAX_LOCALE: usize = 35;
const DEFAULT_LIFE_SECONDS: u64 = 15 * 60;
const MAX_LIFE_SECONDS: u64 = 24 * 60 * 60;

/// The body of `POST /v1/sessions`. Unknown fields are errors, so that a typing
/// mistake is not a silent default.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionRequest {
    /// What the session is for.
    pub purpose: Purpose,
    /// The merchant's own reference.
    pub conversation_id: String,
    /// Where the browser goes with the result.
    pub return_url: String,
    /// Where it goes when the cardholder gives up.
    pub cancel_url: Option<String>,
    /// The endpoint to tell of the outcome.
    pub callback_url: Option<String>,
    /// How the result travels.
    #[serde(default = "redirect")]
    pub handoff: Handoff,
    /// Whose pages may have ours in a frame.
    pub embed_origin: Option<String>,
    /// The page's language.
    pub locale: Option<String>,
    /// Seconds until the session stops taking cards.
    pub expires_in: Option<u64>,
    /// The merchant's own values.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

fn redirect() -> Handoff {
    Handoff::Redirect
}

/// One mistake in a request: the field and what would be right.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct InvalidField {
    /// The field's name in the JSON.
    pub field: &'static str,
    /// What would be right.
    pub message: String,
}

/// A session that may be stored.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The hash of its page's secret.
    pub secret: Fingerprint,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Which provider credentials it uses.
    pub mode: Mode,
    /// What it is for.
    pub purpose: Purpose,
    /// How the result travels.
    pub handoff: Handoff,
    /// The merchant's own reference.
    pub conversation_id: String,
    /// Where the browser goes with the result.
    pub return_url: AllowedUrl,
    /// Where it goes when the cardholder gives up.
    pub cancel_url: Option<AllowedUrl>,
    /// The endpoint to tell of the outcome.
    pub callback_url: Option<AllowedUrl>,
    /// Whose pages may have ours in a frame.
    pub embed_origin: Option<AllowedOrigin>,
    /// The page's language.
    pub locale: Option<String>,
    /// The merchant's own values.
    pub metadata: BTreeMap<String, String>,
    /// How long it takes cards.
    pub life: Duration,
}

impl SessionRequest {
    /// Checks every field against the merchant's settings, the page's languages
    /// and the ports that callbacks may go to.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn check(
        self,
        merchant: &Merchant,
        mode: Mode,
        knows_locale: impl Fn(&str) -> bool,
        may_call: impl Fn(u16) -> bool,
    ) -> Result<(NewSession, SessionSecret), Vec<InvalidField>> {
        let mut mistakes = Mistakes(Vec::new());
        let url = |text: &str| merchant.allow_list.check(text, mode);
        let return_url = mistakes.address("returnUrl", Some(&self.return_url), url);
        let cancel_url = mistakes.address("cancelUrl", self.cancel_url.as_deref(), url);
        let endpoint = |text: &str| merchant.allow_list.check_callback(text, mode, &may_call);
        let callback_url = mistakes.address("callbackUrl", self.callback_url.as_deref(), endpoint);
        let origin = |text: &str| merchant.allow_list.check_origin(text, mode);
        let embed_origin = mistakes.address("embedOrigin", self.embed_origin.as_deref(), origin);
        mistakes.require(
            "embedOrigin",
            self.handoff != Handoff::Message || self.embed_origin.is_some(),
            "is needed for the hand-off message: the origin of the page that has the frame",
        );
        for (field, url) in [("returnUrl", &return_url), ("cancelUrl", &cancel_url)] {
            mistakes.require(
                field,
                url.as_ref().is_none_or(leaves_room_for_a_result),
                &format!("must not have the parameters that the result adds: {}", RESULT_PARAMETERS.join(", ")),
            );
        }
        mistakes.require(
            "conversationId",
            is_line(&self.conversation_id, MAX_CONVERSATION_ID),
            "must be 1 to 64 characters on one line, such as order-1042",
        );
        mistakes.require(
            "locale",
            self.locale.as_deref().is_none_or(|tag| tag.len() <= MAX_LOCALE && knows_locale(tag)),
            &format!("must be a language of the page: {}", languages::listed()),
        );
        let shortest = shortest_life_seconds(mode);
        let life = self.expires_in.unwrap_or(DEFAULT_LIFE_SECONDS);
        mistakes.require(
            "expiresIn",
            (shortest..=MAX_LIFE_SECONDS).contains(&life),
            &format!("must be between {shortest} and {MAX_LIFE_SECONDS} seconds"),
        );
        mistakes.require(
            "metadata",
            fits_metadata(&self.metadata),
            "must have at most 20 entries, with keys of 1 to 40 and values of at most 500 characters",
        );
        for field in self.fields_with_card_numbers() {
            mistakes.require(field, false, "must not hold a card number: the cardholder types it into the page");
        }
        let Some(return_url) = return_url.filter(|_| mistakes.0.is_empty()) else { return Err(mistakes.0) };
        let secret = SessionSecret::generate();
        let session = NewSession {
            id: SessionId::generate(),
            secret: secret.fingerprint(),
            merchant: merchant.id.clone(),
            mode,
            purpose: self.purpose,
            handoff: self.handoff,
            conversation_id: self.conversation_id,
            return_url,
            cancel_url,
            callback_url,
            embed_origin,
            locale: self.locale,
            metadata: self.metadata,
            life: Duration::from_secs(life),
        };
        Ok((session, secret))
    }
}

impl SessionRequest {
    /// What is kept of a session may be read by many: no card number gets there.
    fn fields_with_card_numbers(&self) -> Vec<&'static str> {
        let is_in = |url: Option<&str>| url.is_some_and(url_holds_card_number);
        let mut metadata = self.metadata.iter().flat_map(|(key, value)| [key, value]);
        let fields = [
            ("returnUrl", is_in(Some(&self.return_url))),
            ("cancelUrl", is_in(self.cancel_url.as_deref())),
            ("callbackUrl", is_in(self.callback_url.as_deref())),
            ("embedOrigin", is_in(self.embed_origin.as_deref())),
            ("conversationId", holds_card_number(&self.conversation_id)),
            ("metadata", metadata.any(|text| holds_card_number(text))),
        ];
        fields.into_iter().filter_map(|(field, holds)| holds.then_some(field)).collect()
    }
}

struct Mistakes(Vec<InvalidField>);

impl Mistakes {
    fn require(&mut self, field: &'static str, holds: bool, message: &str) {
        if !holds {
            self.0.push(InvalidField { field, message: message.to_owned() });
        }
    }

    fn address<T>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        check: impl Fn(&str) -> Result<T, UrlRefusal>,
    ) -> Option<T> {
        match check(text?) {
            Ok(address) => Some(address),
            Err(refusal) => {
                self.0.push(InvalidField { field, message: refusal.to_string() });
                None
            }
        }
    }
}

/// Two parameters of one name mean different things to different servers.
fn leaves_room_for_a_result(url: &AllowedUrl) -> bool {
    !url.url().query_pairs().any(|(name, _)| RESULT_PARAMETERS.contains(&name.as_ref()))
}

/// A test may watch a session expire; a cardholder needs time to find the card.
fn shortest_life_seconds(mode: Mode) -> u64 {
    match mode {
        Mode::Test => 1,
        Mode::Live => 60,
    }
}

/// Text that can be a line of the signed result: a line break in it would move
/// the lines below.
fn is_line(text: &str, longest: usize) -> bool {
    let separators = ['\u{2028}', '\u{2029}'];
    (1..=longest).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(|c| c.is_control() || separators.contains(&c))
}

fn fits_metadata(metadata: &BTreeMap<String, String>) -> bool {
    metadata.len() <= MAX_METADATA
        && metadata.iter().all(|(key, value)| {
            (1..=MAX_METADATA_KEY).contains(&key.chars().count()) && value.chars().count() <= MAX_METADATA_VALUE
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merchant::AllowList;

    fn check(change: impl Fn(&mut serde_json::Value)) -> Result<NewSession, Vec<&'static str>> {
        let mut body = serde_json::json!({
            "purpose": "tokenize",
            "conversationId": "order-1",
            "returnUrl": "https://shop.example/return",
        });
        change(&mut body);
        let request: SessionRequest = serde_json::from_value(body).map_err(|_| vec!["json"])?;
        let merchant = Merchant {
            id: MerchantId::generate(),
            name: "Shop".to_owned(),
            allow_list: AllowList::parse(&["https://shop.example/", "https://shop.example:8443/"]).unwrap(),
            token_in_redirect: false,
            theme: crate::merchant::Theme::default(),
            disabled_at: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
        };
        request
            .check(&merchant, Mode::Live, |locale| locale == "tr", |port| port == 443)
            .map(|(session, _)| session)
            .map_err(|mistakes| mistakes.into_iter().map(|mistake| mistake.field).collect())
    }

    #[test]
    fn the_defaults_are_a_redirect_and_a_quarter_of_an_hour() {
        let session = check(|_| {}).unwrap();
        assert_eq!(session.life, Duration::from_mins(15));
        assert_eq!(session.handoff, Handoff::Redirect);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mistakes = check(|body| {
            body["conversationId"] = "two\nlines".into();
            body["returnUrl"] = "https://evil.example/".into();
            body["callbackUrl"] = "ftp://shop.example/".into();
            body["locale"] = "xx".into();
            body["expiresIn"] = 59.into();
            body["metadata"] = serde_json::json!({ "": "x" });
        });
        let expected = ["returnUrl", "callbackUrl", "conversationId", "locale", "expiresIn", "metadata"];
        assert_eq!(mistakes.err().unwrap(), expected);
    }

    #[test]
    fn a_message_needs_an_origin_to_go_to() {
        assert_eq!(check(|body| body["handoff"] = "message".into()).err().unwrap(), ["embedOrigin"]);
        let session = check(|body| {
            body["handoff"] = "message".into();
            body["embedOrigin"] = "https://shop.example".into();
        });
        assert_eq!(session.unwrap().embed_origin.unwrap().as_str(), "https://shop.example");
        let elsewhere = check(|body| body["embedOrigin"] = "https://evil.example".into());
        assert_eq!(elsewhere.err().unwrap(), ["embedOrigin"]);
    }

    #[test]
    fn only_the_callback_is_bound_to_the_ports_that_may_be_called() {
        let at = |field: &'static str| check(move |body| body[field] = "https://shop.example:8443/".into()).map(|_| ());
        assert_eq!((at("returnUrl"), at("cancelUrl")), (Ok(()), Ok(())));
        assert_eq!(at("callbackUrl"), Err(vec!["callbackUrl"]));
    }

    #[test]
    fn a_return_url_leaves_room_for_the_result() {
        let with = |query: &str| {
            let url = format!("https://shop.example/return?{query}");
            check(move |body| body["returnUrl"] = url.clone().into()).map(|_| ())
        };
        assert_eq!(with("order=1&Status=x"), Ok(()));
        assert_eq!(with("order=1&status=x"), Err(vec!["returnUrl"]));
        assert_eq!(with("%73ession=x"), Err(vec!["returnUrl"]));
    }

    #[test]
    fn card_numbers_are_refused_wherever_a_session_keeps_text() {
        let pan = "4355093000777068";
        let with = |change: &dyn Fn(&mut serde_json::Value)| check(|body| change(body)).err().unwrap_or_default();
        assert_eq!(with(&|body| body["conversationId"] = "order 4355 0930 0077 7068".into()), ["conversationId"]);
        assert_eq!(with(&|body| body["metadata"] = serde_json::json!({ "card": pan })), ["metadata"]);
        assert_eq!(with(&|body| body["metadata"] = serde_json::json!({ pan: "x" })), ["metadata"]);
        for query in ["pan=4355093000777068", "pan=4355%200930%200077%207068", "4355-0930-0077-7068"] {
            let url = format!("https://shop.example/?{query}");
            assert_eq!(with(&|body| body["returnUrl"] = url.clone().into()), ["returnUrl"]);
        }
        let in_path = format!("https://shop.example/{pan}/x");
        assert_eq!(with(&|body| body["cancelUrl"] = in_path.clone().into()), ["cancelUrl"]);
        assert_eq!(with(&|body| body["conversationId"] = "20261121222536".into()), [""; 0], "an order's number");
    }

    #[test]
    fn unknown_fields_are_errors() {
        assert_eq!(check(|body| body["return_url"] = "x".into()).err().unwrap(), ["json"]);
    }

    #[test]
    fn a_conversation_id_is_one_line_of_any_script() {
        assert!(check(|body| body["conversationId"] = "sipariş-42".into()).is_ok());
        for text in ["", " x", "x ", "a\u{2028}b", "a\u{0}b", &"x".repeat(65)] {
            assert!(check(|body| body["conversationId"] = text.into()).is_err(), "{text:?}");
        }
    }
}
