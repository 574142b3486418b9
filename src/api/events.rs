//! `/v1/events`: list, read, redeliver, test.

use super::answer::Answer;
use super::body::json;
use super::caller::Caller;
use super::cursor;
use crate::audit::Action;
use crate::card::url_holds_card_number;
use crate::error::{self, Problem};
use crate::handoff::result::rfc3339;
use crate::handoff::told_of;
use crate::id::{EventId, SessionId};
use crate::session::InvalidField;
use crate::store::{
    Attempt, Event, EventCursor, EventKind, EventQuery, EventScope, EventState, Redelivery, StoreError,
};
use crate::window::Window;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The query of `GET /v1/events`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    session: Option<String>,
    state: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
}

/// `GET /v1/events`: the caller's events, newest first.
///
/// # Errors
/// A problem.
pub async fn list_events(
    caller: Caller,
    query: Result<Query<EventListQuery>, actix_web::Error>,
    window: Data<Window>,
) -> Result<HttpResponse, Problem> {
    let Query(asked) = query.map_err(|_| {
        invalid("the parameters are limit, cursor, type, session, state, createdAfter and createdBefore, each once")
    })?;
    let page = window.store.events(asked.checked(caller.scope())?).await?;
    let data: Vec<_> = page.events.iter().map(describe).collect();
    let next = page.next.map(|next| cursor::write(next.created_at, next.id.as_str()));
    Ok(HttpResponse::Ok().json(json!({ "data": data, "nextCursor": next })))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(&error::INVALID_QUERY).detail(detail)
}

impl EventListQuery {
    fn checked(self, scope: EventScope) -> Result<EventQuery, Problem> {
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(invalid("limit must be 1 to 100"));
        }
        let after = read(self.cursor, |text| cursor::read(text, EventId::parse), "cursor is not one of ours")?;
        Ok(EventQuery {
            scope,
            kind: read(self.kind, EventKind::parse, "there is no such type")?,
            session: read(self.session, SessionId::parse, "session is not a session's id")?,
            state: read(self.state, EventState::parse, "there is no such state")?,
            created_after: read(
                self.created_after,
                moment,
                "createdAfter must be a time such as 2026-11-21T22:15:46Z",
            )?,
            created_before: read(
                self.created_before,
                moment,
                "createdBefore must be a time such as 2026-11-21T22:15:46Z",
            )?,
            after: after.map(|(created_at, id)| EventCursor { created_at, id }),
            limit,
        })
    }
}

fn read<T>(text: Option<String>, parse: impl Fn(&str) -> Option<T>, else_say: &str) -> Result<Option<T>, Problem> {
    text.map(|text| parse(&text).ok_or_else(|| invalid(else_say))).transpose()
}

/// RFC 3339, with any offset.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// `GET /v1/events/{id}`: the event, its attempts, and what is told of it.
///
/// # Errors
/// A problem.
pub async fn read_event(caller: Caller, id: Path<String>, window: Data<Window>) -> Result<HttpResponse, Problem> {
    let detail = window.store.event(caller.scope(), parse(&id)?).await?.ok_or_else(not_found)?;
    let told = told_of(&window.results, &detail.event, &detail.subject).await.map_err(Problem::ours)?;
    let mut body = describe(&detail.event);
    body.insert("attempts".to_owned(), detail.attempts.iter().map(describe_attempt).collect());
    body.insert("data".to_owned(), Value::Object(told));
    Ok(HttpResponse::Ok().json(body))
}

/// `POST /v1/events/{id}/redeliver`: makes the event due at once, at the start
/// of a new schedule, whatever became of it before.
///
/// # Errors
/// A problem.
pub async fn redeliver_event(caller: Caller, id: Path<String>, window: Data<Window>) -> Result<Answer, Problem> {
    let id = parse(&id)?;
    let note = window.trail.note_of_key(&caller.key, Action::EventRedelivered).on(id.as_str());
    match window.store.redeliver(caller.scope(), id, note).await?.ok_or_else(not_found)? {
        Redelivery::Unaddressed => Err(Problem::new(&error::EVENT_UNADDRESSED)),
        Redelivery::Due(event) => {
            tracing::info!(
                event = event.id.as_str(),
                merchant = event.merchant.as_str(),
                "event to be delivered again"
            );
            window.callback_wake.notify_one();
            Answer::new(StatusCode::ACCEPTED, &describe(&event))
        }
    }
}

/// The body of `POST /v1/events/test`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestRequest {
    callback_url: String,
}

/// `POST /v1/events/test`: sends an endpoint a `test.ping`, delivered as any event.
///
/// # Errors
/// A problem; nothing is sent then.
pub async fn test_event(
    request: HttpRequest,
    caller: Caller,
    payload: Payload,
    window: Data<Window>,
) -> Result<Answer, Problem> {
    let wanted: TestRequest = json(&request, payload).await?;
    let may_call = |port| window.callback_ports.contains(&port);
    let refuse = |message: String| Problem::invalid(vec![InvalidField { field: "callbackUrl", message }]);
    if url_holds_card_number(&wanted.callback_url) {
        return Err(refuse("must not hold a card number".to_owned()));
    }
    let url = caller.merchant.allow_list.check_callback(&wanted.callback_url, caller.mode, may_call);
    let url = url.map_err(|refusal| refuse(refusal.to_string()))?;
    let event = window.store.record_test(caller.merchant.id.clone(), caller.mode, url).await?;
    tracing::info!(event = event.id.as_str(), merchant = caller.merchant.id.as_str(), "test event written");
    window.callback_wake.notify_one();
    Ok(Answer::new(StatusCode::ACCEPTED, &describe(&event))?.at(format!("/v1/events/{}", event.id)))
}

impl Caller {
    fn scope(&self) -> EventScope {
        EventScope::Of(self.merchant.id.clone(), self.mode)
    }
}

fn not_found() -> Problem {
    StoreError::Missing { what: "event" }.into()
}

fn parse(id: &str) -> Result<EventId, Problem> {
    EventId::parse(id).ok_or_else(not_found)
}

/// An event as merchants see it in a list.
fn describe(event: &Event) -> Map<String, Value> {
    let fields = [
        ("id", Some(json!(event.id))),
        ("type", Some(json!(event.kind.name()))),
        ("mode", Some(json!(event.mode))),
        ("session", event.session.as_ref().map(|session| json!(session))),
        ("callbackUrl", event.callback_url.as_ref().map(|url| json!(url.url().as_str()))),
        ("state", Some(json!(event.state.name()))),
        ("createdAt", Some(json!(rfc3339(event.created_at)))),
        ("attemptCount", Some(json!(event.attempts))),
        ("nextAttemptAt", event.next_attempt_at.map(|at| json!(rfc3339(at)))),
        ("lastReason", event.last_reason.as_ref().map(|reason| json!(reason))),
        ("settledAt", event.settled_at.map(|at| json!(rfc3339(at)))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn describe_attempt(attempt: &Attempt) -> Value {
    let mut body = json!({
        "number": attempt.number,
        "at": rfc3339(attempt.began_at()),
        "latencyMs": u64::try_from(attempt.latency.as_millis()).unwrap_or(u64::MAX),
        "answer": attempt.answer,
    });
    if let Some(status) = attempt.status {
        body["status"] = json!(status);
    }
    if let Some(reason) = &attempt.reason {
        body["reason"] = json!(reason);
    }
    body
}
