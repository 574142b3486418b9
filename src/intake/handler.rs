//! `POST /c/{secret}` and `POST /c/{secret}/cancel`.

use super::body::BoundedBody;
use super::form::{Form, MAX_BODY};
use super::forward::{Forwarded, forward};
use super::origin::is_ours;
use super::reply::Reply;
use crate::card::{Card, Cvv, Expiry, ExpiryError, Month, Pan};
use crate::page::{FieldProblem, Visit};
use crate::session::{Session, Status};
use crate::store::CancelOutcome;
use crate::window::{Providers, Window};
use actix_web::web::{Data, Path, Payload, ThinData};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use std::sync::Arc;

/// Takes a card.
pub async fn submit(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    window: Data<Window>,
    providers: ThinData<Providers>,
) -> HttpResponse {
    let mut visit = Visit::new(&request, window.into_inner(), path.into_inner());
    let body = BoundedBody::new(payload.into_inner(), MAX_BODY);
    let reply = match admit(&request, &mut visit, &body).await {
        Ok((session, form)) => take_card(&visit, providers.0, session, &form).await,
        Err(reply) => *reply,
    };
    body.drain().await;
    reply.respond(&visit).await
}

/// Calls the session off for the cardholder.
pub async fn cancel(request: HttpRequest, path: Path<String>, payload: Payload, window: Data<Window>) -> HttpResponse {
    let mut visit = Visit::new(&request, window.into_inner(), path.into_inner());
    let body = BoundedBody::new(payload.into_inner(), MAX_BODY);
    let reply = match admit(&request, &mut visit, &body).await {
        Ok((session, _)) => call_off(&visit, &session).await,
        Err(reply) => *reply,
    };
    body.drain().await;
    reply.respond(&visit).await
}

/// Lets a form in: within the client's limit, for an open session, from our own
/// page, well-formed, with a token of ours.
async fn admit(request: &HttpRequest, visit: &mut Visit, body: &BoundedBody) -> Result<(Session, Form), Box<Reply>> {
    if let Some(Err(too_many)) = visit.client().map(|client| visit.window().limits.client(client)) {
        return Err(Box::new(Reply::TooMany(too_many)));
    }
    let session = match visit.find_session().await {
        Ok(found) => found.ok_or(Reply::Unknown)?,
        Err(error) => return Err(Box::new(Reply::trouble(visit, &error))),
    };
    match session.status {
        Status::Open => {}
        Status::Claimed => return Err(Box::new(Reply::Busy)),
        _ => return Err(Box::new(Reply::ended(session))),
    }
    if !is_ours(request, &visit.window().origin()) {
        return Err(Box::new(Reply::Stale(session)));
    }
    let form = Form::read(request, body).await.map_err(Reply::Unreadable)?;
    if !visit.window().form_tokens.accepts(&session.id, form.value("formToken"), Timestamp::now()) {
        return Err(Box::new(Reply::Stale(session)));
    }
    Ok((session, form))
}

async fn take_card(visit: &Visit, providers: Providers, session: Session, form: &Form) -> Reply {
    let card = match read_card(form, Month::not_over_anywhere(Timestamp::now())) {
        Ok(card) => card,
        Err(problems) => return Reply::Invalid(session, problems),
    };
    let mode = session.mode.name();
    #[cfg(feature = "sandbox")]
    super::panics::in_handler(&card);
    let window = Arc::clone(visit.window());
    let forwarded = forward(window, providers, session, card, visit.request_id().clone()).await;
    let outcome = match &forwarded {
        Ok(Forwarded::Ended(session)) => session.status.name(),
        Ok(Forwarded::Busy) => "busy",
        Ok(Forwarded::Declined(..)) => "declined",
        Ok(Forwarded::TryAgain(_)) => "try_again",
        Err(_) => "trouble",
    };
    visit.window().metrics.journeys.one([mode, outcome]);
    match forwarded {
        Ok(Forwarded::Ended(session)) => Reply::ended(*session),
        Ok(Forwarded::Busy) => Reply::Busy,
        Ok(Forwarded::Declined(session, message)) => Reply::Declined(*session, message),
        Ok(Forwarded::TryAgain(session)) => Reply::TryAgain(*session),
        Err(error) => Reply::trouble(visit, &error),
    }
}

async fn call_off(visit: &Visit, session: &Session) -> Reply {
    match visit.window().store.cancel(session.id.clone()).await {
        Ok(CancelOutcome::Ended(session)) => {
            visit.window().metrics.sessions_ended.one([session.status.name()]);
            visit.window().callback_wake.notify_one();
            Reply::Left(*session)
        }
        Ok(CancelOutcome::Requested(_)) => Reply::Busy,
        Err(error) => Reply::trouble(visit, &error),
    }
}

/// The card, or every field that the cardholder must mend.
///
/// # Errors
/// One problem for each field.
pub fn read_card(form: &Form, now: Month) -> Result<Card, Vec<FieldProblem>> {
    let pan = Pan::parse(form.value("cardNumber"));
    let expiry = read_expiry(form, now);
    let cvv = Cvv::parse(form.value("cvv"));
    match (pan, expiry, cvv) {
        (Ok(pan), Ok(expiry), Ok(cvv)) => Card::new(pan, expiry, cvv).map_err(|error| vec![error.into()]),
        (pan, expiry, cvv) => {
            let fits = match (&pan, &cvv) {
                (Ok(pan), Ok(cvv)) => cvv.check_length(pan.brand()).err(),
                _ => None,
            };
            let problems: [Option<FieldProblem>; 3] =
                [pan.err().map(Into::into), expiry.err().map(Into::into), cvv.err().or(fits).map(Into::into)];
            Err(problems.into_iter().flatten().collect())
        }
    }
}

/// One field, or two where a page or a browser's autofill has them apart.
fn read_expiry(form: &Form, now: Month) -> Result<Expiry, ExpiryError> {
    if form.has("expiryMonth") || form.has("expiryYear") {
        return Expiry::from_parts(form.value("expiryMonth"), form.value("expiryYear"), now);
    }
    Expiry::parse(form.value("expiry"), now)
}
