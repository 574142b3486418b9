//! What the provider's answer says, believed only where it proves itself
//! (docs/protocols/card-token.md, "Response").

use super::signature::Signature;
use crate::provider::{CardToken, ProviderError, ProviderMessage, ResponseFault, Unavailable};
use serde::Deserialize;
use serde_json::error::Category;
use std::borrow::Cow;

/// Codes that speak about the merchant, not about the card.
const MERCHANT_CODES: [&str; 2] = ["0001", "0003"];
/// Longest code taken over; the published ones have four digits, and no card
/// number fits.
const MAX_CODE: usize = 8;

/// An answer that follows the protocol.
pub enum Answer {
    /// A success that proved itself.
    Token(CardToken),
    /// A failure with a code.
    Failure(Failure),
}

/// What the provider refused with.
pub struct Failure {
    /// One to eight letters, digits, dashes, dots or underscores.
    pub code: String,
    /// Made fit to be shown.
    pub message: Option<ProviderMessage>,
}

impl From<Failure> for ProviderError {
    fn from(Failure { code, message }: Failure) -> Self {
        if MERCHANT_CODES.contains(&code.as_str()) {
            Self::Configuration { code }
        } else {
            Self::Refused { code, message }
        }
    }
}

/// Reads an answer to the call that was signed with `signature`.
///
/// Only status 200 can carry a token. A client error (4xx) whose body is a
/// well-formed failure is read as that failure, because gateways differ in
/// whether a refusal is an HTTP error; every other status speaks for itself.
///
/// # Errors
/// [`ProviderError::Unavailable`] by status, [`ProviderError::ResponseInvalid`] by content.
pub fn read(status: u16, body: &[u8], signature: &Signature, conversation_id: &str) -> Result<Answer, ProviderError> {
    match status {
        200 => Ok(believe(body, signature, conversation_id)?),
        300..=399 => Err(Unavailable::Redirect.into()),
        400..=499 => match believe(body, signature, conversation_id) {
            Ok(failure @ Answer::Failure(_)) => Ok(failure),
            _ => Err(Unavailable::Status(status).into()),
        },
        _ => Err(Unavailable::Status(status).into()),
    }
}

fn believe(body: &[u8], signature: &Signature, conversation_id: &str) -> Result<Answer, ResponseFault> {
    let reply: Reply<'_> = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => ResponseFault::Shape,
        Category::Io | Category::Syntax | Category::Eof => ResponseFault::NotJson,
    })?;
    match (reply.is_succeeded, reply.is_succeed) {
        (Some(true), None | Some(true)) | (None, Some(true)) => reply.token(signature, conversation_id),
        (Some(false), None | Some(false)) | (None, Some(false)) => reply.failure(conversation_id),
        _ => Err(ResponseFault::Shape),
    }
}

/// The body as sent. Fields that the protocol does not name are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    is_succeeded: Option<bool>,
    is_succeed: Option<bool>,
    #[serde(borrow, default)]
    card_token: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    conversation_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error_code: Option<Code<'a>>,
    #[serde(borrow, default)]
    error_message: Option<Cow<'a, str>>,
}

/// Four digits in a string; a number where a gateway wrote one without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(u32),
}

impl Reply<'_> {
    fn token(&self, signature: &Signature, conversation_id: &str) -> Result<Answer, ResponseFault> {
        if !self.signature.as_deref().is_some_and(|echo| signature.matches(echo)) {
            return Err(ResponseFault::Signature);
        }
        if self.conversation_id.as_deref() != Some(conversation_id) {
            return Err(ResponseFault::ConversationId);
        }
        match self.card_token.as_deref() {
            None | Some("") => Err(ResponseFault::EmptyToken),
            Some(token) => CardToken::new(token).map(Answer::Token).ok_or(ResponseFault::Shape),
        }
    }

    /// A failure need not echo anything, but must not speak of another call.
    fn failure(&self, conversation_id: &str) -> Result<Answer, ResponseFault> {
        if self.conversation_id.as_deref().is_some_and(|echo| !echo.is_empty() && echo != conversation_id) {
            return Err(ResponseFault::ConversationId);
        }
        let code = self.error_code.as_ref().and_then(Code::text).ok_or(ResponseFault::Shape)?;
        let message = self.error_message.as_deref().and_then(ProviderMessage::clean);
        Ok(Answer::Failure(Failure { code, message }))
    }
}

impl Code<'_> {
    /// The code, with the zeros that a number lost; `None` when it is none.
    fn text(&self) -> Option<String> {
        let code = match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => format!("{number:04}"),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        ((1..=MAX_CODE).contains(&code.len()) && code.bytes().all(plain)).then_some(code)
    }
}
