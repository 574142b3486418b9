//! The card form, filled in.

use super::multipart::Form;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use vezne::sandbox::magic::{Behaviour, MAGIC_CARDS};

/// What a cardholder types.
#[derive(Clone, Debug)]
pub struct Card {
    pub number: String,
    pub expiry: String,
    pub cvv: String,
}

impl Card {
    pub fn new(number: &str) -> Self {
        Self { number: number.to_owned(), expiry: expiry_in(3), cvv: "737".to_owned() }
    }

    pub fn visa() -> Self {
        Self::new("4355093000777068")
    }

    pub fn mastercard() -> Self {
        Self::new("5526080000000006")
    }

    pub fn amex() -> Self {
        Self { cvv: "7373".to_owned(), ..Self::new("374427000000003") }
    }

    /// The card that makes the sandbox behave so.
    pub fn magic(behaviour: Behaviour) -> Self {
        Self::new(MAGIC_CARDS.iter().find(|card| card.behaviour == behaviour).unwrap().number)
    }
}

/// `12/YY`, so many years from now.
pub fn expiry_in(years: i16) -> String {
    format!("12/{:02}", (Timestamp::now().to_zoned(TimeZone::UTC).year() + years) % 100)
}

impl Form {
    /// The form of the page with this token, filled in.
    pub fn filled(token: &str, card: &Card) -> Self {
        Self::new()
            .field("formToken", token)
            .field("cardNumber", &card.number)
            .field("expiry", &card.expiry)
            .field("cvv", &card.cvv)
    }
}
