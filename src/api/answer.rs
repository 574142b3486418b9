//! What a POST of the API answers, when it is no problem.

use crate::error::Problem;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, LOCATION};
use serde_json::{Map, Value};

/// A JSON answer. Kept for the call's idempotency key, unless it says of itself
/// that it is shown once: that is what an answer with card data must say.
pub struct Answer {
    status: StatusCode,
    location: Option<String>,
    body: String,
    may_be_kept: bool,
}

impl Answer {
    /// An answer with this status and body.
    ///
    /// # Errors
    /// A problem when the body does not serialize, which it has no reason for.
    pub fn new(status: StatusCode, body: &Map<String, Value>) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(Problem::ours)?;
        Ok(Self { status, location: None, body, may_be_kept: true })
    }

    /// Names where what was made can be read.
    #[must_use]
    pub fn at(self, location: String) -> Self {
        Self { location: Some(location), ..self }
    }

    /// Never stored, not even sealed: the same call again is answered
    /// `idempotency-not-kept`. For whatever may hold card data.
    #[must_use]
    pub fn shown_once(self) -> Self {
        Self { may_be_kept: false, ..self }
    }

    pub(super) fn may_be_kept(&self) -> bool {
        self.may_be_kept
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// As HTTP has it.
    pub(super) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(location) = self.location {
            response.insert_header((LOCATION, location));
        }
        response.content_type(ContentType::json()).body(self.body)
    }
}
