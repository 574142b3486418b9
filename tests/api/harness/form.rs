//! The card form as a browser sends it, and as it should not be sent.

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

/// A multipart body, part by part.
#[derive(Clone)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    pub const BOUNDARY: &'static str = "----vezneBoundary7MA4YWxk";
    pub const CONTENT_TYPE: &'static str = "multipart/form-data; boundary=----vezneBoundary7MA4YWxk";

    pub fn new() -> Self {
        Self { body: Vec::new() }
    }

    /// The form of the page with this token, filled in.
    pub fn filled(token: &str, card: &Card) -> Self {
        Self::new()
            .field("formToken", token)
            .field("cardNumber", &card.number)
            .field("expiry", &card.expiry)
            .field("cvv", &card.cvv)
    }

    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{name}\""), value.as_bytes())
    }

    /// A part with headers of one's own.
    pub fn part(mut self, headers: &str, value: &[u8]) -> Self {
        self.body.extend_from_slice(format!("--{}\r\n{headers}\r\n\r\n", Self::BOUNDARY).as_bytes());
        self.body.extend_from_slice(value);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The body with its closing delimiter.
    pub fn finish(self) -> Vec<u8> {
        let mut body = self.body;
        body.extend_from_slice(format!("--{}--\r\n", Self::BOUNDARY).as_bytes());
        body
    }
}
