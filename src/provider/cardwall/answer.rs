//! What CardWall answers: one envelope around everything, read strictly, and
//! nothing of its content in an error (docs/protocols/cardwall.md, "Answers").

use super::{CardWallCode, CardWallError};
use crate::card::Month;
use crate::provider::{ProviderMessage, ResponseFault, Unavailable};
use crate::saved_card::{SavedCard, Scope, UniqueCode, masked_identity};
use serde::Deserialize;
use serde_json::error::Category;
use zeroize::Zeroizing;

/// A text of an answer, wiped on drop: a careless provider may put a card number anywhere.
type Text = Zeroizing<String>;

/// What is around every answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    error_code: i32,
    result: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    body: Vec<Fields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    body: Fields,
}

/// A card: its fields beside each other, or below `Card`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    card: Option<Box<Self>>,
    unique_code: Option<Text>,
    name: Option<Text>,
    nickname: Option<Text>,
    card_holder_name: Option<Text>,
    holder_name: Option<Text>,
    card_bin: Option<Text>,
    card_last_four: Option<Text>,
    card_number: Option<Text>,
    identity: Option<Text>,
    month: Option<u8>,
    year: Option<u16>,
    expired: Option<bool>,
}

/// Reads the envelope. Status 200 is believed; a client error (4xx) whose body is
/// a well-formed refusal is read as that, because gateways differ in whether a
/// refusal is an HTTP error. 401 and 403 speak about the keys.
///
/// # Errors
/// [`CardWallError`].
pub fn read(status: u16, body: &[u8]) -> Result<(), CardWallError> {
    match status {
        200 => envelope(body),
        300..=399 => Err(Unavailable::Redirect.into()),
        401 | 403 => Err(CardWallError::Keys(status)),
        400..=499 => match envelope(body) {
            Err(refused @ CardWallError::Refused(_)) => Err(refused),
            _ => Err(Unavailable::Status(status).into()),
        },
        _ => Err(Unavailable::Status(status).into()),
    }
}

/// Success is `ErrorCode` 0 and `Result` true, failure another code and false;
/// anything between is not believed.
fn envelope(body: &[u8]) -> Result<(), CardWallError> {
    let Envelope { error_code, result } = serde_json::from_slice(body).map_err(|error| fault(&error))?;
    match (error_code, result) {
        (0, true) => Ok(()),
        (0, false) | (_, true) => Err(ResponseFault::Shape.into()),
        (code, false) => Err(CardWallError::Refused(CardWallCode(code))),
    }
}

fn fault(error: &serde_json::Error) -> ResponseFault {
    match error.classify() {
        Category::Data => ResponseFault::Shape,
        Category::Io | Category::Syntax | Category::Eof => ResponseFault::NotJson,
    }
}

/// The cards of a listing that succeeded.
///
/// # Errors
/// [`ResponseFault::Shape`] when one of them lacks what a card has, or has it in
/// another type.
pub fn cards(body: &[u8], scope: Scope) -> Result<Vec<SavedCard>, CardWallError> {
    let Listing { body } = serde_json::from_slice(body).map_err(|error| fault(&error))?;
    let read = |entry: Fields| entry.level().card(scope).ok_or(ResponseFault::Shape);
    Ok(body.into_iter().map(read).collect::<Result<_, _>>()?)
}

/// The code of a card that was saved. What else the answer holds is not needed:
/// the card is saved whatever it looks like.
pub fn code(body: &[u8]) -> Option<UniqueCode> {
    let Saved { body } = serde_json::from_slice(body).ok()?;
    UniqueCode::parse(body.level().unique_code.as_deref()?)
}

impl Fields {
    /// What is below `Card`, completed by what is beside it.
    fn level(mut self) -> Self {
        let Some(card) = self.card.take() else { return self };
        Self {
            card: None,
            unique_code: card.unique_code.or(self.unique_code),
            name: card.name.or(self.name),
            nickname: card.nickname.or(self.nickname),
            card_holder_name: card.card_holder_name.or(self.card_holder_name),
            holder_name: card.holder_name.or(self.holder_name),
            card_bin: card.card_bin.or(self.card_bin),
            card_last_four: card.card_last_four.or(self.card_last_four),
            card_number: card.card_number.or(self.card_number),
            identity: card.identity.or(self.identity),
            month: card.month.or(self.month),
            year: card.year.or(self.year),
            expired: card.expired.or(self.expired),
        }
    }

    /// A card with all that it needs: a code, first and last digits, and whether it has expired.
    fn card(self, scope: Scope) -> Option<SavedCard> {
        let (bin, last_four) = self.digits()?;
        let shown = |text: Option<Text>| {
            let text = ProviderMessage::clean(text?.as_str())?;
            Some(text.as_str().to_owned())
        };
        let expiry = match (self.year, self.month) {
            (Some(year @ 2000..=2199), Some(month)) => Some(Month::new(year, month)?),
            (None, None) => None,
            _ => return None,
        };
        Some(SavedCard {
            scope,
            code: Some(UniqueCode::parse(self.unique_code?.as_str())?),
            nickname: shown(self.name.or(self.nickname)),
            holder_name: shown(self.card_holder_name.or(self.holder_name)),
            bin,
            last_four,
            expiry,
            is_expired: self.expired?,
            identity: self.identity.as_deref().and_then(|identity| masked_identity(identity)),
        })
    }

    /// First and last digits: given as such, or those of a masked number. Of a
    /// number that came unmasked nothing else is taken over.
    fn digits(&self) -> Option<(String, String)> {
        let number = self.card_number.as_ref().map(|number| number.as_bytes()).unwrap_or_default();
        let bin = match &self.card_bin {
            Some(bin) => digits(bin.as_bytes(), &[6, 8])?,
            None => digits(number.get(..6)?, &[6])?,
        };
        let last_four = match &self.card_last_four {
            Some(last_four) => digits(last_four.as_bytes(), &[4])?,
            None => digits(number.get(number.len().checked_sub(4)?..)?, &[4])?,
        };
        Some((bin, last_four))
    }
}

fn digits(text: &[u8], lengths: &[usize]) -> Option<String> {
    let fits = lengths.contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    fits.then(|| text.iter().map(|&digit| char::from(digit)).collect())
}
