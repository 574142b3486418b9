//! `/v1/sessions`: create, read, list, cancel.

use super::answer::Answer;
use super::body::json;
use super::caller::Caller;
use super::cursor;
use super::idempotency::Names;
use crate::error::{self, Problem};
use crate::handoff::result::rfc3339;
use crate::hardening::SecretText;
use crate::id::SessionId;
use crate::page::Locale;
use crate::session::{Session, SessionRequest, Status};
use crate::store::{CancelOutcome, SecretKind, SessionCursor, SessionQuery};
use crate::window::Window;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// `POST /v1/sessions`: opens a session and gives its URL, this once.
///
/// # Errors
/// A problem; nothing is created then.
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    payload: Payload,
    names: Names,
    window: Data<Window>,
) -> Result<Answer, Problem> {
    let wanted: SessionRequest = json(&request, payload).await?;
    let may_call = |port| window.callback_ports.contains(&port);
    let (mut new, secret) =
        wanted.check(&caller.merchant, caller.mode, Locale::is_known, may_call).map_err(Problem::invalid)?;
    let credentials = window.store.secrets(caller.merchant.id.clone(), SecretKind::provider(caller.mode)).await?;
    if credentials.is_empty() {
        return Err(Problem::new(&error::PROVIDER_NOT_SET));
    }
    // Everything that can fail comes before the session is there.
    let key = signing_key(&window, &caller).await?;
    let secret = names.give(&mut new, secret)?;
    let session = window.store.create_session(new).await?;
    window.metrics.sessions_created.one([session.mode.name()]);
    tracing::info!(session = session.id.as_str(), merchant = caller.merchant.id.as_str(), "session created");
    let mut body = describe(&window, &key, &session)?;
    body.insert("url".to_owned(), json!(window.session_url(secret.expose()).expose()));
    Ok(Answer::new(StatusCode::CREATED, &body)?.at(format!("/v1/sessions/{}", session.id)))
}

/// `GET /v1/sessions/{id}`: the session, and its signed result.
///
/// # Errors
/// A problem.
pub async fn read(caller: Caller, id: Path<String>, window: Data<Window>) -> Result<HttpResponse, Problem> {
    let session = find(&caller, &id, &window).await?;
    let key = signing_key(&window, &caller).await?;
    Ok(HttpResponse::Ok().json(describe(&window, &key, &session)?))
}

/// `POST /v1/sessions/{id}/cancel`: 200 when it is canceled, 202 while a card is
/// on its way (it is canceled when that ends without a token), 409 when it had
/// ended otherwise.
///
/// # Errors
/// A problem.
pub async fn cancel(caller: Caller, id: Path<String>, window: Data<Window>) -> Result<Answer, Problem> {
    let session = find(&caller, &id, &window).await?;
    let key = signing_key(&window, &caller).await?;
    let (status, session) = match window.store.cancel(session.id.clone()).await? {
        CancelOutcome::Requested(session) => (StatusCode::ACCEPTED, session),
        CancelOutcome::Ended(ended) if ended.status == Status::Canceled => {
            if !session.status.has_ended() {
                window.metrics.sessions_ended.one([ended.status.name()]);
            }
            (StatusCode::OK, ended)
        }
        CancelOutcome::Ended(session) => {
            let detail = format!("the session is {}", session.status.name());
            return Err(Problem::new(&error::SESSION_ENDED).detail(detail));
        }
    };
    window.callback_wake.notify_one();
    Answer::new(status, &describe(&window, &key, &session)?)
}

/// The query of `GET /v1/sessions`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    status: Option<String>,
    conversation_id: Option<String>,
}

/// `GET /v1/sessions`: the caller's sessions, newest first.
///
/// # Errors
/// A problem.
pub async fn list(
    caller: Caller,
    query: Result<Query<ListQuery>, actix_web::Error>,
    window: Data<Window>,
) -> Result<HttpResponse, Problem> {
    let invalid = |detail: &str| Problem::new(&error::INVALID_QUERY).detail(detail);
    let Query(asked) =
        query.map_err(|_| invalid("the parameters are limit, cursor, status and conversationId, each once"))?;
    let limit = asked.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit must be 1 to 100"));
    }
    let status = asked.status.map(|name| Status::parse(&name).ok_or_else(|| invalid("there is no such status")));
    let after = asked
        .cursor
        .map(|text| cursor::read(&text, SessionId::parse).ok_or_else(|| invalid("cursor is not one of ours")));
    let after = after.transpose()?.map(|(created_at, id)| SessionCursor { created_at, id });
    let key = signing_key(&window, &caller).await?;
    let query = SessionQuery {
        merchant: caller.merchant.id,
        mode: caller.mode,
        status: status.transpose()?,
        conversation_id: asked.conversation_id,
        after,
        limit,
    };
    let page = window.store.sessions(query).await?;
    let data: Vec<_> =
        page.sessions.iter().map(|session| describe(&window, &key, session)).collect::<Result<_, _>>()?;
    let next = page.next.map(|next| cursor::write(next.created_at, next.id.as_str()));
    Ok(HttpResponse::Ok().json(json!({ "data": data, "nextCursor": next })))
}

async fn find(caller: &Caller, id: &str, window: &Window) -> Result<Session, Problem> {
    let not_found = || Problem::new(&error::NOT_FOUND);
    let id = SessionId::parse(id).ok_or_else(not_found)?;
    window.store.session(caller.merchant.id.clone(), caller.mode, id).await?.ok_or_else(not_found)
}

async fn signing_key(window: &Window, caller: &Caller) -> Result<SecretText, Problem> {
    window.results.signing_key(&caller.merchant.id).await.map_err(Problem::ours)
}

/// A session as merchants see it. Its signed result lies in the same object, so
/// that one function verifies it and every hand-off.
fn describe(window: &Window, key: &SecretText, session: &Session) -> Result<Map<String, Value>, Problem> {
    let result = window.results.signed_with(key, session).map_err(Problem::ours)?;
    let mut body = result.to_json();
    let url = |url: &crate::merchant::AllowedUrl| json!(url.url().as_str());
    let fields = [
        ("id", Some(json!(session.id))),
        ("mode", Some(json!(session.mode))),
        ("purpose", Some(json!(session.purpose))),
        ("handoff", Some(json!(session.handoff))),
        ("returnUrl", Some(url(&session.return_url))),
        ("cancelUrl", session.cancel_url.as_ref().map(url)),
        ("callbackUrl", session.callback_url.as_ref().map(url)),
        ("embedOrigin", session.embed_origin.as_ref().map(|origin| json!(origin.as_str()))),
        ("locale", session.locale.as_ref().map(|locale| json!(locale))),
        ("createdAt", Some(json!(rfc3339(session.created_at)))),
        ("expiresAt", Some(json!(rfc3339(session.expires_at)))),
        ("endedAt", session.ended_at.map(|ended| json!(rfc3339(ended)))),
        ("attempts", Some(json!(session.attempts))),
        ("cancelRequested", session.cancel_requested.then_some(json!(true))),
        ("failure", session.failure.as_ref().map(|failure| json!(failure))),
        ("metadata", Some(json!(session.metadata))),
    ];
    body.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(body)
}
