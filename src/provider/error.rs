//! What went wrong at the provider, by whose fault.

use super::digits::mask_runs;
use crate::egress::ConnectError;
use thiserror::Error;

/// Longest message of a provider that a cardholder is shown, in characters.
const MAX_MESSAGE: usize = 200;
/// Runs of digits from this length on could be part of a card number.
const CARD_LIKE: usize = 9;

/// Why there is no token. Holds no card data and no key.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// The provider refused this card or its data; the cardholder may try again.
    #[error("the provider refused the card (code {code})")]
    Refused {
        /// The provider's code.
        code: String,
        /// What the provider says about it, in the language of the call.
        message: Option<ProviderMessage>,
    },
    /// The provider refused the merchant's keys, number or session: the
    /// operator's to mend, never the cardholder's.
    #[error("the provider refused the merchant (code {code})")]
    Configuration {
        /// The provider's code.
        code: String,
    },
    /// The provider did not answer.
    #[error("the provider is unavailable: {0}")]
    Unavailable(#[from] Unavailable),
    /// The provider answered something that is not believed.
    #[error("the provider's answer is invalid: {0}")]
    ResponseInvalid(#[from] ResponseFault),
}

/// How the provider failed to answer.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// No complete answer in time. The provider may have seen the card.
    #[error("no answer in time")]
    Timeout,
    /// No connection; the card did not leave.
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    /// The connection ended before the answer did. The provider may have seen the card.
    #[error("the connection ended before the answer")]
    Dropped,
    /// A status other than 200.
    #[error("status {0}")]
    Status(u16),
    /// A redirect, which is never followed: a card goes to the configured address only.
    #[error("a redirect, which is not followed")]
    Redirect,
}

/// Why an answer is not believed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ResponseFault {
    /// Not JSON.
    #[error("not JSON")]
    NotJson,
    /// Longer than 16 KiB.
    #[error("too large")]
    TooLarge,
    /// The signature is not the one that was sent.
    #[error("another signature")]
    Signature,
    /// The conversation id is not the one that was sent.
    #[error("another conversation id")]
    ConversationId,
    /// A success without a token.
    #[error("no token")]
    EmptyToken,
    /// JSON of another shape than the protocol's.
    #[error("another shape")]
    Shape,
}

impl ProviderError {
    /// Whether the provider, or the way to it, has failed: not the card, and not
    /// the merchant's keys. Such failures in a row open the breaker.
    #[must_use]
    pub fn is_of_the_provider(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::ResponseInvalid(_))
    }

    /// A fixed word for logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Configuration { .. } => "configuration",
            Self::Unavailable(Unavailable::Timeout) => "timeout",
            Self::Unavailable(Unavailable::Connect(_)) => "connect",
            Self::Unavailable(Unavailable::Dropped) => "dropped",
            Self::Unavailable(Unavailable::Status(_)) => "status",
            Self::Unavailable(Unavailable::Redirect) => "redirect",
            Self::ResponseInvalid(ResponseFault::NotJson) => "not_json",
            Self::ResponseInvalid(ResponseFault::TooLarge) => "too_large",
            Self::ResponseInvalid(ResponseFault::Signature) => "wrong_signature",
            Self::ResponseInvalid(ResponseFault::ConversationId) => "wrong_conversation_id",
            Self::ResponseInvalid(ResponseFault::EmptyToken) => "empty_token",
            Self::ResponseInvalid(ResponseFault::Shape) => "wrong_shape",
        }
    }
}

/// A provider's text made fit to be shown: one line, at most 200 characters,
/// nothing in it that could be a card number. Plain text, to be escaped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderMessage(String);

impl ProviderMessage {
    /// Cleans a text; `None` when nothing is left of it.
    #[must_use]
    pub fn clean(text: &str) -> Option<Self> {
        let visible: String = text.chars().filter(|&character| !is_invisible(character)).collect();
        let masked = mask_runs(visible.trim(), CARD_LIKE);
        let short: String = masked.chars().take(MAX_MESSAGE).collect();
        let short = short.trim_end();
        (!short.is_empty()).then(|| Self(short.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that reorder or hide text (UAX #9, zero widths):
/// between digits they would also hide a number from the mask.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> Option<String> {
        ProviderMessage::clean(text).map(|message| message.as_str().to_owned())
    }

    #[test]
    fn a_message_is_one_safe_line() {
        assert_eq!(clean("Kart reddedildi.").as_deref(), Some("Kart reddedildi."));
        assert_eq!(clean(" a\r\nb\u{0}c\u{202e}d ").as_deref(), Some("abcd"));
        assert_eq!(clean("\u{200b}\n").as_deref(), None);
        assert_eq!(clean(&format!("{} end", "x".repeat(199))), Some("x".repeat(199)), "cut at a space");
        assert_eq!(clean("ş".repeat(300).as_str()).map(|text| text.chars().count()), Some(200));
    }

    #[test]
    fn card_numbers_are_masked_however_they_are_written() {
        for text in ["4355093000777068", "4355-0930-0077-7068", "4355\u{200b}0930\u{200b}0077\n7068", "435 509 300"] {
            let shown = clean(text).unwrap();
            assert!(!shown.contains(char::is_numeric), "{shown}");
        }
        let at_the_cut = format!("{}4355093000777068", "x".repeat(195));
        assert!(!clean(&at_the_cut).unwrap().contains(char::is_numeric));
    }
}
