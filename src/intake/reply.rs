//! What the browser is answered: a document, or JSON for the form's script.
//! Every answer closes the connection: its read buffer held a card, and lives
//! as long as the connection does.

use super::form::FormFault;
use crate::hardening::leave_out::{Part, is_in};
use crate::hardening::limits::TooMany;
use crate::page::{self, FieldProblem, Notice, Problem, ScriptAnswer, Visit};
use crate::provider::ProviderMessage;
use crate::session::{Session, Status};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LANGUAGE, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use std::fmt::Display;

/// Evicts the typed card from the browser's back/forward cache, where a page
/// without cookies would bring it back: every answer to a form carries it, a
/// refusal's too. Read by nobody, gone in a second.
const EVICTING_COOKIE: &str = "vezne_left=1; Max-Age=1; Path=/c/; HttpOnly; SameSite=Lax";

/// The answer to a submit, before it is known who reads it.
pub(super) enum Reply {
    /// The session has ended: on to the hand-off.
    Left(Session),
    /// The session had expired or was canceled by somebody else.
    Over(Session),
    /// Another submit is under way.
    Busy,
    /// The cardholder's to mend.
    Invalid(Session, Vec<FieldProblem>),
    /// The provider refused the card.
    Declined(Session, Option<ProviderMessage>),
    /// The provider could not be asked.
    TryAgain(Session),
    /// Not from a page of ours, or from one too old: the form afresh.
    Stale(Session),
    /// Not the card form at all.
    Unreadable(FormFault),
    /// No such session.
    Unknown,
    /// Over the limit.
    TooMany(TooMany),
    /// Ours or the operator's fault; logged already.
    Trouble,
}

impl Reply {
    /// Where an ended session leads.
    pub fn ended(session: Session) -> Self {
        match session.status {
            Status::Expired | Status::Canceled => Self::Over(session),
            _ => Self::Left(session),
        }
    }

    /// Logs a failure of ours, once.
    pub fn trouble(visit: &Visit, error: &dyn Display) -> Self {
        tracing::error!(request_id = visit.request_id().as_str(), error = %error, "a card could not be taken");
        Self::Trouble
    }

    pub async fn respond(self, visit: &Visit) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status(visit.wants_json()));
        if is_in(Part::ConnectionClose) {
            answer.force_close();
        }
        if let Some(reason) = self.refusal() {
            visit.window().metrics.refusals.one([reason]);
        }
        match &self {
            Self::Unreadable(fault) => {
                tracing::warn!(request_id = visit.request_id().as_str(), reason = fault.name(), "form refused");
                answer.insert_header(("Vezne-Reason", fault.name()));
            }
            Self::TooMany(too_many) => {
                answer.insert_header((RETRY_AFTER, too_many.retry_after_seconds));
            }
            _ => {}
        }
        let mut response =
            if visit.wants_json() { self.json(visit, answer).await } else { self.document(visit, answer).await };
        response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static(EVICTING_COOKIE));
        response
    }

    /// Why no card was read from the form, where that was so.
    fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable(fault) => Some(fault.name()),
            Self::Invalid(..) => Some("invalid_field"),
            Self::Stale(_) => Some("stale_form"),
            Self::Unknown => Some("unknown_session"),
            Self::TooMany(_) => Some("too_many_requests"),
            _ => None,
        }
    }

    /// A redirect is for browsers; the script reads where to go from the body.
    fn status(&self, for_script: bool) -> StatusCode {
        match self {
            Self::Left(_) | Self::Busy if for_script => StatusCode::OK,
            Self::Left(_) | Self::Busy => StatusCode::SEE_OTHER,
            Self::Over(_) => StatusCode::GONE,
            Self::Invalid(..) | Self::Declined(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TryAgain(_) => StatusCode::BAD_GATEWAY,
            Self::Stale(_) => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Trouble => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unreadable(fault) => match fault {
                FormFault::NotMultipart => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                FormFault::TooLarge | FormFault::FieldTooLong => StatusCode::PAYLOAD_TOO_LARGE,
                FormFault::Timeout => StatusCode::REQUEST_TIMEOUT,
                _ => StatusCode::BAD_REQUEST,
            },
        }
    }

    async fn document(&self, visit: &Visit, mut answer: HttpResponseBuilder) -> HttpResponse {
        let answer = &mut answer;
        match self {
            Self::Left(_) => answer.insert_header((LOCATION, visit.done_path())).finish(),
            Self::Over(session) => page::gone(visit, session).await,
            Self::Busy => answer.insert_header((LOCATION, visit.path())).finish(),
            Self::Invalid(session, problems) => visit.form(answer, session, Some(Problem::Fields(problems))),
            Self::Declined(session, message) => visit.form(answer, session, Some(declined(session, message.as_ref()))),
            Self::TryAgain(session) => visit.form(answer, session, Some(Problem::TryAgain)),
            Self::Stale(session) => visit.form(answer, session, Some(Problem::FormStale)),
            Self::Unreadable(_) => visit.notice(answer, Notice::BadRequest),
            Self::Unknown => visit.notice(answer, Notice::NotFound),
            Self::TooMany(_) => visit.notice(answer, Notice::TooManyRequests),
            Self::Trouble => visit.notice(answer, Notice::ServerTrouble),
        }
    }

    async fn json(&self, visit: &Visit, mut answer: HttpResponseBuilder) -> HttpResponse {
        let locale = visit.locale();
        answer.insert_header((CONTENT_LANGUAGE, locale.code())).json(match self {
            Self::Left(session) => ScriptAnswer::done(&visit.next(session).await),
            Self::Over(session) => {
                let notice = if session.status == Status::Canceled { Notice::Canceled } else { Notice::Expired };
                ScriptAnswer::ended(locale, notice, &visit.path())
            }
            Self::Busy => ScriptAnswer::waiting(&visit.path()),
            Self::Invalid(_, problems) => ScriptAnswer::invalid(locale, problems),
            Self::Declined(session, message) => {
                let message = message.as_ref().map(ProviderMessage::as_str);
                ScriptAnswer::declined(locale, message, session.attempts_left(), &visit.form_token(session))
            }
            Self::TryAgain(session) => ScriptAnswer::try_again(locale, &visit.form_token(session)),
            Self::Stale(session) => ScriptAnswer::stale(locale, &visit.form_token(session)),
            Self::Unreadable(_) => ScriptAnswer::refused(locale, Notice::BadRequest),
            Self::Unknown => ScriptAnswer::ended(locale, Notice::NotFound, &visit.path()),
            Self::TooMany(_) => ScriptAnswer::refused(locale, Notice::TooManyRequests),
            Self::Trouble => ScriptAnswer::refused(locale, Notice::ServerTrouble),
        })
    }
}

fn declined<'a>(session: &Session, message: Option<&'a ProviderMessage>) -> Problem<'a> {
    Problem::Declined { provider_message: message.map(ProviderMessage::as_str), attempts_left: session.attempts_left() }
}
