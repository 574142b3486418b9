//! What the upstream does with a call.

use crate::calls::Call;
use serde_json::{Value, json};
use vezne::sandbox::signature::SignedCall;

/// More than an answer may have.
const OVERSIZE: usize = 256 * 1024;

/// Decided by the card that a call carries.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// A token.
    Succeed,
    /// A refusal.
    Refuse,
    /// "Sign again", always: each card is sent twice.
    Stale,
    /// Status 500.
    Fail,
    /// No answer, ever.
    Silent,
    /// A token, once it is released.
    Hold,
    /// A token, once so many calls are there together.
    Together(usize),
    /// The call is read and the connection reset.
    Drop,
    /// The connection is reset as soon as a head is there.
    DropUnread,
    /// The card comes back.
    Echo(Echo),
    /// Far more than an answer may have, full of the card.
    Oversize,
    /// Half an answer, with the card in it.
    Cut,
    /// A token that proves nothing.
    WrongSignature,
}

/// Where the card comes back.
#[derive(Clone, Copy, Debug)]
pub enum Echo {
    /// In a refusal's message.
    Message,
    /// The same in groups of four digits.
    Grouped,
    /// In a field of a success that nobody knows.
    Field,
    /// In a header.
    Header,
    /// In the reason after the status.
    Reason,
    /// The whole form, after status 500.
    Form,
}

impl Behaviour {
    /// The bytes of the answer where there is one.
    pub fn answer(self, call: &Call) -> Vec<u8> {
        let number = call.number.as_str();
        match self {
            Self::Fail => http("500 Internal Server Error", "", b"<h1>500</h1>"),
            Self::Refuse => ok(&refusal(call, "0057", "Kartınız bankası tarafından reddedildi.")),
            Self::Stale => ok(&refusal(call, "0009", "Oturum bilgisi geçersiz.")),
            Self::Echo(echo) => echo.answer(call),
            Self::Oversize => {
                let full = format!("{number} ").repeat(OVERSIZE / (number.len() + 1));
                ok(&with(success(call), "errorMessage", &full))
            }
            Self::Cut => {
                let mut whole = ok(&refusal(call, "0057", &format!("{number} reddedildi")));
                whole.truncate(whole.len() - 10);
                whole
            }
            Self::WrongSignature => ok(&with(success(call), "signature", "AAAA")),
            Self::Succeed | Self::Hold | Self::Together(_) | Self::Silent | Self::Drop | Self::DropUnread => {
                ok(&success(call))
            }
        }
    }
}

impl Echo {
    fn answer(self, call: &Call) -> Vec<u8> {
        let number = call.number.as_str();
        match self {
            Self::Message => ok(&refusal(call, "0057", &format!("{number} numaralı kart reddedildi"))),
            Self::Grouped => {
                let groups: Vec<_> = number.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
                ok(&refusal(call, "0057", &groups.join(" ")))
            }
            Self::Field => ok(&with(success(call), "cardNumber", number)),
            Self::Header => http("200 OK", &format!("X-Card: {number}\r\n"), success(call).to_string().as_bytes()),
            Self::Reason => http(&format!("500 Card {number}"), "", b""),
            Self::Form => http("500 Internal Server Error", "", &call.body),
        }
    }
}

fn success(call: &Call) -> Value {
    json!({
        "cardToken": call.token, "signature": call.signature, "isSucceeded": true,
        "errorCode": null, "errorMessage": null, "conversationId": call.conversation_id,
    })
}

fn refusal(call: &Call, code: &str, message: &str) -> Value {
    json!({
        "cardToken": null, "signature": call.signature, "isSucceeded": false,
        "errorCode": code, "errorMessage": message, "conversationId": call.conversation_id,
    })
}

fn with(mut answer: Value, field: &str, value: &str) -> Value {
    answer[field] = value.into();
    answer
}

fn ok(answer: &Value) -> Vec<u8> {
    http("200 OK", "", answer.to_string().as_bytes())
}

/// An answer on a connection that stays.
pub fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

impl<'a> From<&'a Call> for SignedCall<'a> {
    fn from(call: &'a Call) -> Self {
        SignedCall { public_key: &call.public_key, nonce: &call.nonce, conversation_id: &call.conversation_id }
    }
}
