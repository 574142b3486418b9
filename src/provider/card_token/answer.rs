//! What the provider's answer says, believed only where it proves itself
//! (docs/protocols/card-token.md, "Response").

use super::signature::Signature;
use crate::provider::{CardToken, ProviderError, ProviderMessage, ResponseFault, Unavailable};
use serde::Deserialize;
use serde_json::error::Category;

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

impl Failure {
    /// Whose fault it is: the operator's where the code is one of
    /// `merchant_codes`, which speak about the merchant and not about the card.
    #[must_use]
    pub fn judged_by(self, merchant_codes: &[String]) -> ProviderError {
        let Self { code, message } = self;
        if merchant_codes.contains(&code) {
            ProviderError::Configuration { code }
        } else {
            ProviderError::Refused { code, message }
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
    let reply: Reply = serde_json::from_slice(body).map_err(|error| match error.classify() {
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
struct Reply {
    is_succeeded: Option<bool>,
    is_succeed: Option<bool>,
    card_token: Option<String>,
    signature: Option<String>,
    conversation_id: Option<String>,
    error_code: Option<Code>,
    error_message: Option<String>,
}

/// Four digits in a string; a number where a gateway wrote one without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Number(u32),
}

impl Reply {
    fn token(self, signature: &Signature, conversation_id: &str) -> Result<Answer, ResponseFault> {
        if !self.signature.as_deref().is_some_and(|echo| signature.matches(echo)) {
            return Err(ResponseFault::Signature);
        }
        if self.conversation_id.as_deref() != Some(conversation_id) {
            return Err(ResponseFault::ConversationId);
        }
        match self.card_token {
            Some(token) if !token.is_empty() => CardToken::new(token).map(Answer::Token).ok_or(ResponseFault::Shape),
            _ => Err(ResponseFault::EmptyToken),
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

impl Code {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Credentials;
    use crate::provider::card_token::signature::sign;
    use serde_json::{Value, json};

    const TOKEN: &str = "+oc6jxS0ABueLM+QuJnQFrZyV+B4HMHYiMx8yBH/Z90=";

    fn signature() -> Signature {
        sign(&Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap(), "order-1", 1_732_190_400_000)
    }

    /// A success with some fields replaced.
    fn success(changes: &Value) -> Value {
        let mut reply = json!({
            "cardToken": TOKEN, "signature": signature().as_str(), "isSucceeded": true,
            "errorCode": null, "errorMessage": null, "conversationId": "order-1",
        });
        for (field, value) in changes.as_object().unwrap() {
            reply[field] = value.clone();
        }
        reply
    }

    /// What came of it, in a word.
    fn outcome(status: u16, body: &[u8]) -> String {
        match read(status, body, &signature(), "order-1") {
            Ok(Answer::Token(token)) => format!("token {}", token.expose()),
            Ok(Answer::Failure(failure)) => {
                format!("failure {} {}", failure.code, failure.message.as_ref().map_or("-", ProviderMessage::as_str))
            }
            Err(error) => error.name().to_owned(),
        }
    }

    fn outcome_of(reply: &Value) -> String {
        outcome(200, reply.to_string().as_bytes())
    }

    #[test]
    fn a_proven_success_is_a_token() {
        let token = format!("token {TOKEN}");
        assert_eq!(outcome_of(&success(&json!({}))), token);
        assert_eq!(outcome_of(&success(&json!({"isSucceeded": null, "isSucceed": true}))), token);
        assert_eq!(outcome_of(&success(&json!({"isSucceed": true, "extra": {"deep": [[1]]}}))), token);
        let escaped = success(&json!({})).to_string().replace('+', "\\u002B");
        assert_eq!(outcome(200, escaped.as_bytes()), token);
    }

    #[test]
    fn a_success_that_proves_nothing_is_not_believed() {
        let other = sign(&Credentials::parse("cHVibGlj", "c2VjcmV0", "7001").unwrap(), "order-1", 1);
        let cases = [
            (json!({"signature": other.as_str()}), "wrong_signature"),
            (json!({"signature": null}), "wrong_signature"),
            (json!({"signature": ""}), "wrong_signature"),
            (json!({"conversationId": "order-2"}), "wrong_conversation_id"),
            (json!({"conversationId": null}), "wrong_conversation_id"),
            (json!({"cardToken": ""}), "empty_token"),
            (json!({"cardToken": null}), "empty_token"),
            (json!({"cardToken": "two words"}), "wrong_shape"),
            (json!({"cardToken": 7}), "wrong_shape"),
            (json!({"isSucceeded": "true"}), "wrong_shape"),
            (json!({"isSucceeded": null}), "wrong_shape"),
            (json!({"isSucceed": false}), "wrong_shape"),
        ];
        for (changes, name) in cases {
            assert_eq!(outcome_of(&success(&changes)), name, "{changes}");
        }
    }

    #[test]
    fn failures_are_read_whatever_they_echo() {
        let cases = [
            (json!({"isSucceeded": false, "errorCode": "0005", "errorMessage": "Hatalı"}), "failure 0005 Hatalı"),
            (json!({"isSucceed": false, "errorCode": "0005"}), "failure 0005 -"),
            (json!({"isSucceeded": false, "errorCode": 9, "conversationId": ""}), "failure 0009 -"),
            (json!({"isSucceeded": false, "errorCode": "0005", "conversationId": "order-2"}), "wrong_conversation_id"),
            (json!({"isSucceeded": false, "errorCode": null}), "wrong_shape"),
            (json!({"isSucceeded": false, "errorCode": ""}), "wrong_shape"),
            (json!({"isSucceeded": false, "errorCode": "00 05"}), "wrong_shape"),
            (json!({"isSucceeded": false, "errorCode": "4355093000777068"}), "wrong_shape"),
            (json!({"errorCode": "0005"}), "wrong_shape"),
        ];
        for (reply, expected) in cases {
            assert_eq!(outcome_of(&reply), expected, "{reply}");
        }
    }

    #[test]
    fn merchant_codes_are_the_operators_affair() {
        let codes = ["0001", "9002"].map(str::to_owned);
        let error = |code: &str| Failure { code: code.to_owned(), message: None }.judged_by(&codes);
        assert!(matches!(error("0001"), ProviderError::Configuration { .. }));
        assert!(matches!(error("9002"), ProviderError::Configuration { .. }));
        assert!(matches!(error("0005"), ProviderError::Refused { .. }));
    }

    #[test]
    fn the_status_decides_what_may_be_read() {
        let (good, bad) =
            (success(&json!({})).to_string(), json!({"isSucceeded": false, "errorCode": "0005"}).to_string());
        let cases = [
            (400, &bad, "failure 0005 -"),
            (400, &good, "status"),
            (500, &bad, "status"),
            (201, &good, "status"),
            (302, &bad, "redirect"),
            (304, &good, "redirect"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(outcome(status, body.as_bytes()), expected, "{status}");
        }
        assert_eq!(outcome(404, b"<html>"), "status");
    }

    #[test]
    fn what_is_no_json_of_the_protocol() {
        let deep = format!("{{\"x\":{}", "[".repeat(10_000));
        for body in [b"".as_slice(), b"<html>", b"{", b"\xff", b"{}x", deep.as_bytes()] {
            assert_eq!(outcome(200, body), "not_json");
        }
        let twice = br#"{"isSucceeded":true,"isSucceeded":true}"#;
        for body in [b"[]".as_slice(), b"null", b"\"x\"", b"{}", twice] {
            assert_eq!(outcome(200, body), "wrong_shape");
        }
    }
}
