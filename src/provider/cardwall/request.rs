//! What is sent: two keys as headers; whose cards they are, as headers or in a
//! body that is written once at its full size.

use super::SavedCardsCall;
use crate::saved_card::{NewInsuranceCard, RelationalId, RelationalIds, UniqueCode};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use zeroize::Zeroizing;

const KEYS: [HeaderName; 2] = [HeaderName::from_static("apikeyprivate"), HeaderName::from_static("apiclientprivate")];
const IDS: [HeaderName; 3] = [
    HeaderName::from_static("relationalid1"),
    HeaderName::from_static("relationalid2"),
    HeaderName::from_static("relationalid3"),
];
const INCLUDE_DETAILS: HeaderName = HeaderName::from_static("includedetails");

/// More than the longest body: every text at its bound, every character escaped.
const LONGEST_BODY: usize = 4096;

/// A call's headers and body.
pub struct Sent {
    pub headers: HeaderMap,
    pub body: Zeroizing<Vec<u8>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Save<'a> {
    #[serde(flatten)]
    ids: Ids<'a>,
    card: Card<'a>,
    include_details: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Delete<'a> {
    #[serde(flatten)]
    ids: Ids<'a>,
    unique_code: &'a str,
}

/// One that the merchant did not give is not sent.
#[derive(Serialize)]
struct Ids<'a> {
    #[serde(rename = "RelationalId1", skip_serializing_if = "Option::is_none")]
    first: Option<&'a str>,
    #[serde(rename = "RelationalId2", skip_serializing_if = "Option::is_none")]
    second: Option<&'a str>,
    #[serde(rename = "RelationalId3", skip_serializing_if = "Option::is_none")]
    third: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Card<'a> {
    nickname: &'a str,
    holder_name: &'a str,
    #[serde(rename = "CardBin")]
    bin: &'a str,
    #[serde(rename = "CardLastFour")]
    last_four: &'a str,
    identity: &'a str,
    month: u8,
    year: u16,
}

impl<'a> Ids<'a> {
    fn of(ids: &'a RelationalIds) -> Self {
        let [first, second, third] = ids.all().map(|id| id.map(RelationalId::expose));
        Self { first, second, third }
    }
}

/// What the answer may repeat although it is a long row of digits.
pub fn known(ids: &RelationalIds) -> Zeroizing<String> {
    let ids: Vec<&str> = ids.all().into_iter().flatten().map(RelationalId::expose).collect();
    Zeroizing::new(ids.join("\n"))
}

/// A listing has no body; whose cards it is about is in its headers. Details of
/// the bank are not asked for: their shape is not published.
pub fn list(call: SavedCardsCall<'_>) -> Sent {
    let mut headers = with_keys(call);
    for (name, id) in IDS.into_iter().zip(call.ids.all()) {
        // An id's characters always make a header value.
        let value = id.and_then(|id| HeaderValue::from_str(id.expose()).ok());
        if let Some(mut value) = value {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers.insert(INCLUDE_DETAILS, HeaderValue::from_static("false"));
    Sent { headers, body: Zeroizing::default() }
}

/// The card's fields go below `Card`, as in the provider's example.
pub fn save(call: SavedCardsCall<'_>, card: &NewInsuranceCard) -> Sent {
    let card = Card {
        nickname: card.nickname.expose(),
        holder_name: card.holder_name.expose(),
        bin: &card.bin,
        last_four: &card.last_four,
        identity: card.identity.expose(),
        month: card.expiry.month(),
        year: card.expiry.year(),
    };
    with_body(call, &Save { ids: Ids::of(call.ids), card, include_details: false })
}

/// A DELETE with a body, as the provider has it.
pub fn delete(call: SavedCardsCall<'_>, code: &UniqueCode) -> Sent {
    with_body(call, &Delete { ids: Ids::of(call.ids), unique_code: code.expose() })
}

fn with_keys(call: SavedCardsCall<'_>) -> HeaderMap {
    KEYS.into_iter().zip(call.keys.headers()).collect()
}

fn with_body(call: SavedCardsCall<'_>, content: &impl Serialize) -> Sent {
    let mut headers = with_keys(call);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut body = Zeroizing::new(Vec::with_capacity(LONGEST_BODY));
    // Plain strings and numbers always serialize, and a vector takes what is written.
    let _ = serde_json::to_writer(&mut *body, content);
    Sent { headers, body }
}
