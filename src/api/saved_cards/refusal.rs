//! What merchants are told when CardWall did not do what they asked.

use crate::error::{NOT_FOUND, Problem, SAVED_CARD_CHANGED, SAVED_CARDS_FAILED, SAVED_CARDS_UNANSWERED};
use crate::provider::cardwall::{CardWallCode, CardWallError};
use crate::provider::{ProviderError, Unavailable};
use crate::session::InvalidField;

/// What the provider was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// A listing.
    List,
    /// To save a card.
    Save,
    /// To delete one.
    Delete,
}

impl Asked {
    /// What the log says when it was done.
    pub fn done(self) -> &'static str {
        match self {
            Self::List => "saved cards listed",
            Self::Save => "a card was saved",
            Self::Delete => "a saved card was deleted",
        }
    }
}

/// The field that a code speaks about, and what is wrong with it.
const FIELDS: [(CardWallCode, &str, &str); 5] = [
    (CardWallCode::HOLDER, "holderName", "was refused by the provider (code 13)"),
    (CardWallCode::NUMBER, "bin", "was refused by the provider, with lastFour (code 14)"),
    (CardWallCode::MONTH, "expireMonth", "was refused by the provider (code 15)"),
    (CardWallCode::YEAR, "expireYear", "was refused by the provider (code 16)"),
    (CardWallCode::EXPIRED, "expireYear", "must not be over: the provider takes the card for expired (code 19)"),
];

/// The problem that an error is. Says what was done, as far as it is known.
pub fn problem(asked: Asked, error: &CardWallError) -> Problem {
    let failed = |detail: String| Problem::new(&SAVED_CARDS_FAILED).detail(detail);
    match error {
        CardWallError::Refused(code) => refused(asked, *code, error),
        CardWallError::Keys(status) => failed(format!(
            "the provider does not accept the merchant's keys (status {status}): the operator sets them; nothing was done"
        )),
        CardWallError::Provider(ProviderError::Unavailable(unavailable)) => {
            let why = match unavailable {
                Unavailable::Connect(_) => "no connection",
                Unavailable::Timeout => "no answer in time",
                Unavailable::Dropped => "the connection ended before the answer",
                Unavailable::Status(_) | Unavailable::Redirect => "an error in place of an answer",
            };
            Problem::new(&SAVED_CARDS_UNANSWERED).detail(format!("{why}; {}", what_was_done(error)))
        }
        CardWallError::Provider(_) => failed(format!("an answer of another shape; {}", what_was_done(error))),
    }
}

/// A code means something where it fits what was asked; elsewhere it is a failure.
fn refused(asked: Asked, code: CardWallCode, error: &CardWallError) -> Problem {
    let field = FIELDS.iter().find(|(known, _, _)| *known == code && asked == Asked::Save);
    if let Some((_, field, message)) = field {
        return Problem::invalid(vec![InvalidField { field, message: (*message).to_owned() }]);
    }
    match (asked, code) {
        (Asked::Delete, CardWallCode::UNIQUE_CODE) => Problem::new(&SAVED_CARD_CHANGED),
        (Asked::Delete, CardWallCode::NO_SAVED_CARD) => {
            Problem::new(&NOT_FOUND).detail("the customer has no saved card any more (code 22)")
        }
        (_, CardWallCode(code)) => {
            let detail = format!("the provider answered with code {code}; {}", what_was_done(error));
            Problem::new(&SAVED_CARDS_FAILED).detail(detail)
        }
    }
}

fn what_was_done(error: &CardWallError) -> &'static str {
    if error.may_be_done() { "what was asked may have been done" } else { "nothing was done" }
}
