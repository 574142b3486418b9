//! What a call brings: parameters beside each other or those of the card below
//! `Card`, in a body; or a listing's headers.

use super::answer::Refusal;
use crate::card::{Month, Pan};
use crate::saved_card::Scope;
use actix_web::http::header::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

/// Longest text taken.
const MAX_TEXT: usize = 256;

type Text = Zeroizing<String>;

/// A call's parameters; null stands for one that is absent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Given {
    card: Option<Box<Self>>,
    relational_id1: Option<Text>,
    relational_id2: Option<Text>,
    relational_id3: Option<Text>,
    nickname: Option<Text>,
    holder_name: Option<Text>,
    card_bin: Option<Text>,
    card_last_four: Option<Text>,
    number: Option<Text>,
    identity: Option<Text>,
    month: Option<i64>,
    year: Option<i64>,
    include_details: Option<bool>,
    unique_code: Option<Text>,
    partner_based: Option<bool>,
    partner_identity: Option<Text>,
}

/// The one to three values that a customer is known by.
#[derive(Clone, Eq, PartialEq)]
pub struct Ids([Option<String>; 3]);

impl Ids {
    /// A customer known by one value.
    pub fn one(first: &str) -> Self {
        Self([Some(first.to_owned()), None, None])
    }

    /// The value that every customer has.
    pub fn first(&self) -> &str {
        self.0[0].as_deref().unwrap_or_default()
    }
}

/// A card to be kept: of a number its first and last digits.
pub struct Card {
    pub nickname: String,
    pub holder_name: String,
    pub bin: String,
    pub last_four: String,
    pub identity: Option<String>,
    pub expiry: Month,
}

impl Given {
    /// A body of JSON, every parameter in its type.
    pub fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|_| Refusal::PARAMETERS)
    }

    /// A listing's headers, in UTF-8.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let text = |name: &str| match headers.get(name).map(|value| std::str::from_utf8(value.as_bytes())) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(Zeroizing::new(text.to_owned()))),
            Some(Err(_)) => Err(Refusal::PARAMETERS),
        };
        let include_details = match text("includedetails")?.map(|text| text.to_ascii_lowercase()).as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(Refusal::PARAMETERS),
        };
        Ok(Self {
            relational_id1: text("relationalid1")?,
            relational_id2: text("relationalid2")?,
            relational_id3: text("relationalid3")?,
            include_details,
            ..Self::default()
        })
    }

    /// Whose cards; the first value is mandatory.
    pub fn ids(&self) -> Result<Ids, Refusal> {
        let all = [&self.relational_id1, &self.relational_id2, &self.relational_id3].map(Option::as_ref);
        let fits = |text: &Text| (1..=MAX_TEXT).contains(&text.len());
        if all[0].is_none() || !all.into_iter().flatten().all(fits) {
            return Err(Refusal::PARAMETERS);
        }
        Ok(Ids(all.map(|id| id.map(|text| text.to_string()))))
    }

    pub fn includes_details(&self) -> bool {
        self.include_details.unwrap_or(false)
    }

    pub fn unique_code(&self) -> Result<&str, Refusal> {
        filled(self.unique_code.as_ref()).ok_or(Refusal::PARAMETERS)
    }

    /// The card to be saved: the first parameter that is missing or wrong has its code.
    pub fn card(&self, scope: Scope) -> Result<Card, Refusal> {
        let inner = self.card.as_deref().unwrap_or(self);
        // A partner's cards have an identity of the partner's beside them.
        if self.partner_based == Some(true) && filled(self.partner_identity.as_ref()).is_none() {
            return Err(Refusal::PARAMETERS);
        }
        let nickname = filled(inner.nickname.as_ref()).ok_or(Refusal::PARAMETERS)?.to_owned();
        let holder_name = filled(inner.holder_name.as_ref()).ok_or(Refusal::HOLDER)?.to_owned();
        let (bin, last_four) = match scope {
            Scope::Insurance => inner.truncated()?,
            Scope::Ecommerce => inner.number()?,
        };
        let identity = match scope {
            Scope::Insurance => Some(digits(inner.identity.as_ref(), &[10, 11]).ok_or(Refusal::PARAMETERS)?),
            Scope::Ecommerce => None,
        };
        Ok(Card { nickname, holder_name, bin, last_four, identity, expiry: inner.expiry()? })
    }

    fn truncated(&self) -> Result<(String, String), Refusal> {
        let bin = digits(self.card_bin.as_ref(), &[6, 8]).ok_or(Refusal::NUMBER)?;
        Ok((bin, digits(self.card_last_four.as_ref(), &[4]).ok_or(Refusal::NUMBER)?))
    }

    fn number(&self) -> Result<(String, String), Refusal> {
        let number = self.number.as_ref().ok_or(Refusal::NUMBER)?;
        let pan = Pan::parse(number.as_bytes()).map_err(|_| Refusal::NUMBER)?;
        let digits = pan.expose_digits();
        let text = |digits: &[u8]| digits.iter().map(|&digit| char::from(digit)).collect::<String>();
        Ok((text(&digits[..6]), text(&digits[digits.len() - 4..])))
    }

    fn expiry(&self) -> Result<Month, Refusal> {
        let month = self.month.and_then(|month| u8::try_from(month).ok()).filter(|month| (1..=12).contains(month));
        let month = month.ok_or(Refusal::MONTH)?;
        let year = self.year.and_then(|year| u16::try_from(year).ok()).filter(|year| (1000..=9999).contains(year));
        let expiry = Month::new(year.ok_or(Refusal::YEAR)?, month).ok_or(Refusal::MONTH)?;
        if expiry < Month::not_over_anywhere(Timestamp::now()) { Err(Refusal::EXPIRED) } else { Ok(expiry) }
    }
}

fn filled(text: Option<&Text>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| (1..=MAX_TEXT).contains(&text.len()))
}

fn digits(text: Option<&Text>, lengths: &[usize]) -> Option<String> {
    let text = text?;
    let fits = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_string())
}
