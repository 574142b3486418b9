//! The envelope of every answer, and what a drill makes of it.

use super::drill::Drill;
use crate::sandbox::answer::REDIRECTED_PATH;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use futures_util::stream;
use serde_json::{Value, json};
use std::io::{Error, ErrorKind};
use zeroize::Zeroizing;

/// The oversized answer's filling.
const OVERSIZED: usize = 2 * 1024 * 1024;
/// A careless answer's number: a published test card's.
const UNMASKED: &str = "4603450000000000";

/// A published error code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal(pub i32);

impl Refusal {
    pub const GENERAL: Self = Self(-1);
    pub const PARAMETERS: Self = Self(2);
    pub const HOLDER: Self = Self(13);
    pub const NUMBER: Self = Self(14);
    pub const MONTH: Self = Self(15);
    pub const YEAR: Self = Self(16);
    pub const EXPIRED: Self = Self(19);
    pub const UNIQUE_CODE: Self = Self(21);
    pub const NO_SAVED_CARD: Self = Self(22);

    /// The code as the journal has it, and what it means.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::PARAMETERS => ("2", "Beklenmeyen parametre."),
            Self::HOLDER => ("13", "Kart sahibi adı geçersiz."),
            Self::NUMBER => ("14", "Kart numarası geçersiz."),
            Self::MONTH => ("15", "Son kullanma ayı geçersiz."),
            Self::YEAR => ("16", "Son kullanma yılı geçersiz."),
            Self::EXPIRED => ("19", "Kartın süresi dolmuş."),
            Self::UNIQUE_CODE => ("21", "UniqueCode geçersiz."),
            Self::NO_SAVED_CARD => ("22", "Kayıtlı kart bulunamadı."),
            Self::GENERAL => ("-1", "Genel hata."),
            _ => ("other", "Bilinmeyen hata."),
        }
    }

    /// The code as the journal has it.
    pub fn text(self) -> &'static str {
        self.texts().0
    }
}

/// Answers with what came of the call, as its drill has it.
pub fn to_call(outcome: Result<Value, Refusal>, drill: Option<Drill>) -> HttpResponse {
    let mut body = match outcome {
        Ok(body) => json!({ "ErrorCode": 0, "Result": true, "Message": "", "Body": body }),
        Err(refusal) => refused(refusal),
    };
    match drill {
        Some(Drill::ServerError) => HttpResponse::InternalServerError()
            .content_type("text/html; charset=utf-8")
            .body("<html><body><h1>500 Internal Server Error</h1></body></html>"),
        Some(Drill::HangUp) => HttpResponse::Ok()
            .streaming(stream::once(async { Err::<web::Bytes, _>(Error::from(ErrorKind::ConnectionAborted)) })),
        Some(Drill::Redirect) => HttpResponse::Found().insert_header((LOCATION, REDIRECTED_PATH)).finish(),
        Some(Drill::Malformed) => {
            let text = body.to_string();
            let half = (0..=text.len() / 2).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
            send(StatusCode::OK, text[..half].to_owned())
        }
        Some(Drill::Oversized) => {
            body["Message"] = json!("x".repeat(OVERSIZED));
            send(StatusCode::OK, body.to_string())
        }
        Some(Drill::OtherTypes) => {
            each_card(&mut body, |card| card["UniqueCode"] = json!(4_603_450_000_000_000_u64));
            send(StatusCode::OK, body.to_string())
        }
        Some(Drill::Nested) => {
            each_card(&mut body, nest);
            send(StatusCode::OK, body.to_string())
        }
        Some(Drill::Unmasked) => {
            each_card(&mut body, |card| {
                card["CardNumber"] = json!(UNMASKED);
                card["Name"] = json!(format!("kart {UNMASKED}"));
            });
            send(StatusCode::OK, body.to_string())
        }
        Some(Drill::Slow | Drill::CodesChange | Drill::Stale | Drill::Refuse(_)) | None => {
            send(StatusCode::OK, body.to_string())
        }
    }
}

/// Answers a call whose keys are nobody's. Which code that has is not published.
pub fn unknown_keys() -> HttpResponse {
    send(StatusCode::UNAUTHORIZED, refused(Refusal::GENERAL).to_string())
}

fn refused(refusal: Refusal) -> Value {
    json!({ "ErrorCode": refusal.0, "Result": false, "Message": refusal.texts().1, "Body": null })
}

/// Changes the one card of a body, or each of a list.
fn each_card(body: &mut Value, change: impl Fn(&mut Value)) {
    match &mut body["Body"] {
        Value::Array(cards) => cards.iter_mut().for_each(change),
        card @ Value::Object(_) => change(card),
        _ => {}
    }
}

/// Everything but the code goes below `Card`.
fn nest(card: &mut Value) {
    let code = card["UniqueCode"].take();
    if let Some(fields) = card.as_object_mut() {
        fields.remove("UniqueCode");
    }
    *card = json!({ "Card": card.take(), "UniqueCode": code });
}

/// Names and identity numbers are in there, so the body is wiped.
fn send(status: StatusCode, text: String) -> HttpResponse {
    let body = Zeroizing::new(text.into_bytes());
    HttpResponse::build(status).content_type("application/json").body(web::Bytes::from_owner(body))
}
