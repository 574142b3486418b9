//! What each card's behaviour puts on the wire.

use super::check::Refusal;
use super::magic::Behaviour;
use crate::card::Pan;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use futures_util::stream;
use serde::Serialize;
use std::io::{Error, ErrorKind};
use zeroize::Zeroizing;

/// Where the redirecting card sends its caller.
pub(super) const REDIRECTED_PATH: &str = "/card/redirected";
/// The oversized answer's filling.
const OVERSIZED: usize = 2 * 1024 * 1024;

/// A call that passed every check.
pub(super) struct Call<'a> {
    pub signature: &'a str,
    pub conversation_id: &'a str,
    pub pan: Pan,
    pub token: String,
    pub behaviour: Behaviour,
}

/// The answer's JSON, in the protocol's order.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    card_token: Option<&'a str>,
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_succeeded: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_succeed: Option<bool>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    conversation_id: Option<&'a str>,
}

/// The code that a behaviour answers, if it answers one.
pub(super) fn error_code(behaviour: Behaviour) -> Option<&'static str> {
    match behaviour {
        Behaviour::Refuse | Behaviour::RefuseEchoingCard => Some("0057"),
        Behaviour::RefuseWithHtml => Some("0058"),
        Behaviour::RefuseInsufficientFunds => Some("0051"),
        Behaviour::StaleOnce | Behaviour::StaleAlways => Some("0009"),
        Behaviour::MerchantInvalid => Some("0001"),
        _ => None,
    }
}

/// Answers as the card's behaviour says.
pub(super) fn to_call(call: &Call<'_>) -> HttpResponse {
    let good = Answer {
        card_token: Some(&call.token),
        signature: Some(call.signature),
        is_succeeded: Some(true),
        conversation_id: Some(call.conversation_id),
        ..Answer::default()
    };
    match call.behaviour {
        Behaviour::Succeed | Behaviour::Stall => json(&good),
        Behaviour::SucceedSisterSpelling => json(&Answer { is_succeeded: None, is_succeed: Some(true), ..good }),
        Behaviour::WrongSignature => json(&Answer { signature: Some(&call.token), ..good }),
        Behaviour::WrongConversation => {
            json(&Answer { conversation_id: Some(&format!("{}-other", call.conversation_id)), ..good })
        }
        Behaviour::EmptyToken => json(&Answer { card_token: Some(""), ..good }),
        Behaviour::Oversized => json(&Answer { error_message: Some(&"x".repeat(OVERSIZED)), ..good }),
        Behaviour::MalformedBody => HttpResponse::Ok()
            .content_type("application/json")
            .body(format!(r#"{{"cardToken":"{}","isSucceeded":tr"#, call.token)),
        Behaviour::ServerError => HttpResponse::InternalServerError()
            .content_type("text/html; charset=utf-8")
            .body("<html><body><h1>500 Internal Server Error</h1></body></html>"),
        Behaviour::Redirect => HttpResponse::Found().insert_header((LOCATION, REDIRECTED_PATH)).finish(),
        Behaviour::Drop => HttpResponse::Ok()
            .streaming(stream::once(async { Err::<web::Bytes, _>(Error::from(ErrorKind::ConnectionAborted)) })),
        Behaviour::RefuseEchoingCard => refuse(call, &echoing_message(&call.pan)),
        Behaviour::Refuse => refuse(call, "Kartınız bankası tarafından reddedildi."),
        Behaviour::RefuseWithHtml => refuse(call, "Kart <b>reddedildi</b> & <script>alert('vezne')</script>"),
        Behaviour::RefuseInsufficientFunds => refuse(call, "Kartın bakiyesi yetersiz."),
        Behaviour::StaleOnce | Behaviour::StaleAlways => refuse(call, "Oturum bilgisi geçersiz."),
        Behaviour::MerchantInvalid => refuse(call, "Geçersiz üye iş yeri bilgisi."),
    }
}

/// Answers a call that failed a check.
pub(super) fn refused(signature: Option<&str>, conversation_id: Option<&str>, refusal: &Refusal) -> HttpResponse {
    json(&failure(signature, conversation_id, refusal.code, &refusal.message))
}

/// Answers a body that is no form.
pub(super) fn unreadable(too_large: bool, refusal: &Refusal) -> HttpResponse {
    let mut response = if too_large { HttpResponse::PayloadTooLarge() } else { HttpResponse::BadRequest() };
    // What is left of the body is not read: the connection ends with the answer.
    send(response.force_close(), &failure(None, None, refusal.code, &refusal.message))
}

fn refuse(call: &Call<'_>, message: &str) -> HttpResponse {
    let code = error_code(call.behaviour).unwrap_or_default();
    json(&failure(Some(call.signature), Some(call.conversation_id), code, message))
}

fn failure<'a>(
    signature: Option<&'a str>,
    conversation_id: Option<&'a str>,
    code: &'a str,
    message: &'a str,
) -> Answer<'a> {
    Answer {
        signature,
        is_succeeded: Some(false),
        error_code: Some(code),
        error_message: Some(message),
        conversation_id,
        ..Answer::default()
    }
}

fn echoing_message(pan: &Pan) -> Zeroizing<String> {
    let tail = " numaralı kart reddedildi.";
    let digits = pan.expose_digits();
    let mut message = Zeroizing::new(String::with_capacity(digits.len() + tail.len()));
    message.extend(digits.iter().map(|&digit| char::from(digit)));
    message.push_str(tail);
    message
}

fn json(answer: &Answer<'_>) -> HttpResponse {
    send(&mut HttpResponse::Ok(), answer)
}

/// One answer of the sandbox holds the card's number, so all bodies are wiped.
fn send(response: &mut HttpResponseBuilder, answer: &Answer<'_>) -> HttpResponse {
    let longest = 1024 + answer.error_message.map_or(0, str::len);
    let mut body = Zeroizing::new(Vec::with_capacity(longest));
    match serde_json::to_writer(&mut *body, answer) {
        Ok(()) => response.content_type("application/json").body(web::Bytes::from_owner(body)),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
