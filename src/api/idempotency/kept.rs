//! Answers that are kept, to be given again byte for byte.

use crate::api::answer::Answer;
use crate::api::problems::{PROBLEM_JSON, refuses_a_body};
use crate::card::holds_card_number;
use crate::error::Problem;
use crate::hardening::SecretText;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, LOCATION};
use actix_web::{HttpResponse, ResponseError as _};
use serde::{Deserialize, Serialize};

/// Says that an answer is that of an earlier call.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest answer that is kept, in bytes: twice what the largest body that a call
/// takes is answered with.
const LONGEST: usize = 64 * 1024;

/// An answer, as it is sealed.
#[derive(Deserialize, Serialize)]
pub struct Kept {
    status: u16,
    content_type: String,
    location: Option<String>,
    body: String,
}

impl Kept {
    /// What is kept of a handler's answer: nothing, if it was made to be shown once.
    pub fn of_answer(answer: &Answer) -> Option<Self> {
        answer.may_be_kept().then(|| Self {
            status: answer.status().as_u16(),
            content_type: "application/json".to_owned(),
            location: answer.location().map(str::to_owned),
            body: answer.body().to_owned(),
        })
    }

    /// A problem with its body.
    pub fn of_problem(problem: &Problem, body: String) -> Self {
        let content_type = PROBLEM_JSON.to_str().unwrap_or_default().to_owned();
        Self { status: problem.status_code().as_u16(), content_type, location: None, body }
    }

    /// The text to seal, unless it is too long or holds what looks like a card
    /// number: whatever a handler says of its answer, such a one does not rest here.
    pub fn to_text(&self) -> Option<SecretText> {
        let text = SecretText::new(serde_json::to_string(self).ok()?);
        let fits = text.expose().len() <= LONGEST && !holds_card_number(&self.body);
        if !fits {
            tracing::error!(bytes = text.expose().len(), "an answer that cannot be kept for its idempotency key");
        }
        fits.then_some(text)
    }

    /// Reads what was sealed.
    pub fn read(text: &SecretText) -> Option<Self> {
        serde_json::from_str(text.expose()).ok()
    }

    /// The answer once more.
    pub fn replay(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, self.content_type)).insert_header((REPLAYED, "true"));
        if let Some(location) = self.location {
            response.insert_header((LOCATION, location));
        }
        if refuses_a_body(status) {
            response.force_close();
        }
        response.body(self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};

    fn text_of(body: &Value) -> Option<String> {
        let answer = Answer::new(StatusCode::OK, &body.as_object().cloned().unwrap_or_default()).unwrap();
        Some(Kept::of_answer(&answer)?.to_text()?.expose().to_owned())
    }

    #[test]
    fn an_answer_with_a_card_number_or_of_great_length_is_not_kept() {
        assert!(text_of(&json!({ "id": "ses_0123456789abcdefghijklmnop" })).is_some());
        assert!(text_of(&json!({ "number": "4355093000777068" })).is_none());
        assert!(text_of(&json!({ "number": "4355 0930 0077 7068" })).is_none());
        assert!(text_of(&json!({ "text": "x".repeat(LONGEST - 200) })).is_some());
        assert!(text_of(&json!({ "text": "x".repeat(LONGEST) })).is_none());
    }

    #[test]
    fn an_answer_that_is_shown_once_is_not_kept() {
        let body = Map::from_iter([("code".to_owned(), json!("x"))]);
        let answer = Answer::new(StatusCode::OK, &body).unwrap();
        assert!(Kept::of_answer(&answer).is_some());
        assert!(Kept::of_answer(&answer.shown_once()).is_none());
    }
}
