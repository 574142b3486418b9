//! Whose fault an error is, and what each party is told: the merchants' API
//! answers RFC 9457 problems, whose `type` leads to a page of this service.
//!
//! The only place that knows which HTTP status a problem has.

use crate::hardening::limits::TooMany;
use crate::session::InvalidField;
use crate::store::StoreError;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};
use std::fmt;
use url::Url;

/// A kind of problem: a row of the published table.
#[derive(Debug)]
pub struct ProblemKind {
    /// The last segment of the `type` URL.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// One line, the same for every occurrence.
    pub title: &'static str,
    /// What the developer who sees it should do.
    pub remedy: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $slug:literal $title:literal $remedy:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: ProblemKind =
                ProblemKind { slug: $slug, status: $status, title: $title, remedy: $remedy };
        )*
        /// The published table.
        pub const KINDS: &[&ProblemKind] = &[$(&$name),*];
    };
}

kinds! {
    MALFORMED_BODY = 400 "malformed-body" "The body is not the JSON that this call takes"
        "Send a JSON object with Content-Type: application/json. Field names are camelCase and unknown ones are refused; `detail` says where reading stopped.";
    INVALID_QUERY = 400 "invalid-query" "A query parameter is not what this call takes"
        "`detail` names the parameter. `limit` is 1 to 100; `cursor` is the `nextCursor` of the page before, unchanged.";
    CARD_NUMBER = 400 "card-number" "A card number has no place in a URL or a header"
        "Send no card numbers here: the cardholder types the card into the hosted page, and only there. Nothing was done.";
    INVALID_IDEMPOTENCY_KEY = 400 "invalid-idempotency-key" "The Idempotency-Key header cannot be used"
        "Send it once, with 1 to 255 visible ASCII characters and no spaces, such as a UUID; or leave it out. Nothing was done.";
    UNAUTHORIZED = 401 "unauthorized" "The API key is missing, wrong or retired"
        "Send `Authorization: Bearer vz_test_…` or `vz_live_…`. A new key is made with `vezne merchant rotate-key`.";
    MERCHANT_DISABLED = 403 "merchant-disabled" "This merchant is switched off"
        "Ask the operator of this service; callbacks that wait are still delivered.";
    MODE_UNAVAILABLE = 403 "mode-unavailable" "This service does not serve the key's mode"
        "Live keys need `live = true` and `[provider.card_token.live]`; test keys need `[provider.card_token.test]`. Ask the operator.";
    NOT_FOUND = 404 "not-found" "There is nothing at this address"
        "Check the id. A session is visible only to its own merchant, with a key of the same mode.";
    METHOD_NOT_ALLOWED = 405 "method-not-allowed" "This address does not take that method"
        "See the list of calls in the documentation.";
    SESSION_ENDED = 409 "session-ended" "The session has ended and does not change any more"
        "Read it with GET /v1/sessions/{id}; its outcome is final.";
    EVENT_UNADDRESSED = 409 "event-unaddressed" "The event has no address to go to"
        "Its session had no `callbackUrl`. Read the event or the session; there is nobody to call.";
    PROVIDER_NOT_SET = 409 "provider-not-set" "The merchant has no provider credentials for this mode"
        "The operator sets them with `vezne merchant set-provider`.";
    IDEMPOTENCY_IN_FLIGHT = 409 "idempotency-in-flight" "The first call with this Idempotency-Key is still being answered"
        "Send the same call again after the seconds that Retry-After names: it is answered what the first call was.";
    IDEMPOTENCY_NOT_KEPT = 409 "idempotency-not-kept" "The answer to this Idempotency-Key cannot be given again"
        "A call was made with this key. Read what it has made with the calls that list; use a new key only for a call that is to be made once more.";
    PAYLOAD_TOO_LARGE = 413 "payload-too-large" "The body is over 16 KiB"
        "Send less `metadata`.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported-media-type" "The body's type is not application/json"
        "Set Content-Type: application/json.";
    INVALID_REQUEST = 422 "invalid-request" "Some fields cannot be accepted"
        "`errors` names each field and what would be right. Nothing was created.";
    IDEMPOTENCY_MISMATCH = 422 "idempotency-mismatch" "This Idempotency-Key belongs to another call"
        "Within 24 hours a key stands for one call: same address, same body, byte for byte. Use a new key for another call. Nothing was done.";
    TOO_MANY_REQUESTS = 429 "too-many-requests" "Too many requests"
        "Wait for the seconds that Retry-After names, then go on more slowly.";
    INTERNAL = 500 "internal" "Something is wrong on our side"
        "Try again; if it stays, tell the operator the `requestId`. It is in the log with the cause.";
    UNAVAILABLE = 503 "unavailable" "The service cannot answer right now"
        "Try again after the seconds that Retry-After names. What was not answered was not done, or is done once only.";
}

/// An error on its way to a merchant. What is ours stays opaque: the cause is
/// in the log, under the request id.
#[derive(Debug)]
pub struct Problem {
    kind: &'static ProblemKind,
    detail: Option<String>,
    errors: Vec<InvalidField>,
    retry_after_seconds: Option<u64>,
    cause: Option<String>,
}

impl Problem {
    /// A problem without particulars.
    #[must_use]
    pub fn new(kind: &'static ProblemKind) -> Self {
        Self { kind, detail: None, errors: Vec::new(), retry_after_seconds: None, cause: None }
    }

    /// Adds what is particular to this occurrence. Must hold nothing secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Fields that cannot be accepted.
    #[must_use]
    pub fn invalid(errors: Vec<InvalidField>) -> Self {
        Self { errors, ..Self::new(&INVALID_REQUEST) }
    }

    /// Adds how many seconds to wait.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// Whether the same call is answered this whenever it comes: it depends on the
    /// request alone, or on what does not change any more. Not so where an operator
    /// can mend what was wrong (an allow-list, missing credentials) or waiting helps.
    #[must_use]
    pub fn is_final(&self) -> bool {
        [MALFORMED_BODY.slug, SESSION_ENDED.slug, EVENT_UNADDRESSED.slug].contains(&self.kind.slug)
    }

    /// A failure of ours: its cause goes to the log, under the request's id,
    /// and not into the answer.
    #[must_use]
    pub fn ours(error: impl fmt::Display) -> Self {
        Self { cause: Some(error.to_string()), ..Self::new(&INTERNAL) }
    }

    /// What the log is told, once, where the answer is made.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The body of the answer (RFC 9457 section 3.1).
    #[must_use]
    pub fn body(&self, public_url: &Url, request_id: &str) -> Value {
        let mut body = json!({
            "type": format!("{}problems/{}", public_url, self.kind.slug),
            "title": self.kind.title,
            "status": self.kind.status,
            "requestId": request_id,
        });
        if let Some(detail) = &self.detail {
            body["detail"] = json!(detail);
        }
        if !self.errors.is_empty() {
            body["errors"] = json!(self.errors);
        }
        body
    }

    /// Seconds for `Retry-After`, where waiting helps.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Only the status: `api::problems` adds the body, which needs the request.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                Self { retry_after_seconds: Some(5), cause: Some(error.to_string()), ..Self::new(&UNAVAILABLE) }
            }
            StoreError::Missing { .. } => Self::new(&NOT_FOUND),
            StoreError::Corrupt { .. } => Self::ours(error),
        }
    }
}

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Self {
        Self { retry_after_seconds: Some(too_many.retry_after_seconds), ..Self::new(&TOO_MANY_REQUESTS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_an_address_of_its_own() {
        let slugs: HashSet<_> = KINDS.iter().map(|kind| kind.slug).collect();
        assert_eq!(slugs.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| StatusCode::from_u16(kind.status).is_ok() && !kind.remedy.is_empty()));
    }

    #[test]
    fn a_failure_of_ours_says_nothing_of_its_cause() {
        let problem = Problem::from(StoreError::Unavailable("disk /var/secret is full".to_owned()));
        let body = problem.body(&Url::parse("https://pay.example/").unwrap(), "req_1").to_string();
        assert!(!body.contains("disk"), "{body}");
        assert!(body.contains("https://pay.example/problems/unavailable"), "{body}");
    }
}
