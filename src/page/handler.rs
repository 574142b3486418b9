//! `GET /c/{secret}` and `GET /c/{secret}/done`.

use super::{Notice, Visit};
use crate::session::{Handoff, Session, Status};
use crate::window::Window;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use std::fmt::Display;

/// The card form, or whatever the session has become.
pub async fn show(request: HttpRequest, path: Path<String>, window: Data<Window>) -> HttpResponse {
    let (visit, session) = match open(&request, path, window).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    match session.status {
        Status::Open => visit.form(&mut HttpResponse::Ok(), &session, None),
        Status::Claimed => visit.notice(&mut HttpResponse::Ok(), Notice::Waiting),
        Status::Completed | Status::Failed => see_other(&visit.done_path()),
        Status::Expired | Status::Canceled => gone(&visit, &session).await,
    }
}

/// The hand-off: the same for as long as the session is kept.
pub async fn done(request: HttpRequest, path: Path<String>, window: Data<Window>) -> HttpResponse {
    let (visit, session) = match open(&request, path, window).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    match session.status {
        Status::Open | Status::Claimed => see_other(&visit.path()),
        // A posted form is the only way to the shop there; every other hand-off
        // has said so already, and leads on by its link.
        Status::Expired if session.handoff != Handoff::FormPost => gone(&visit, &session).await,
        _ => match visit.result(&session).await {
            Ok(result) => visit.leave(&mut HttpResponse::Ok(), &session, &result),
            Err(error) => trouble(&visit, &error),
        },
    }
}

/// Where a browser goes that asks for the address of the cancel form: reloaded,
/// or entered in its address bar.
pub async fn back(request: HttpRequest, path: Path<String>, window: Data<Window>) -> HttpResponse {
    see_other(&Visit::new(&request, window.into_inner(), path.into_inner()).path())
}

/// The page that says that a session is over, with the way back to the shop.
pub async fn gone(visit: &Visit, session: &Session) -> HttpResponse {
    let notice = if session.status == Status::Canceled { Notice::Canceled } else { Notice::Expired };
    match visit.result(session).await {
        Ok(result) => visit.say_over(HttpResponse::Gone().force_close(), session, notice, &result),
        Err(error) => trouble(visit, &error),
    }
}

/// Ours or the operator's fault: logged here, once, and not explained to the cardholder.
pub fn trouble(visit: &Visit, error: &dyn Display) -> HttpResponse {
    tracing::error!(request_id = visit.request_id().as_str(), error = %error, "a page could not be made");
    visit.notice(HttpResponse::InternalServerError().force_close(), Notice::ServerTrouble)
}

async fn open(
    request: &HttpRequest,
    path: Path<String>,
    window: Data<Window>,
) -> Result<(Visit, Session), HttpResponse> {
    let mut visit = Visit::new(request, window.into_inner(), path.into_inner());
    if let Some(Err(too_many)) = visit.client().map(|client| visit.window().limits.client(client)) {
        let mut answer = HttpResponse::TooManyRequests();
        answer.insert_header((RETRY_AFTER, too_many.retry_after_seconds));
        return Err(visit.notice(&mut answer, Notice::TooManyRequests));
    }
    match visit.find_session().await {
        Ok(Some(session)) => Ok((visit, session)),
        Ok(None) => Err(visit.notice(&mut HttpResponse::NotFound(), Notice::NotFound)),
        Err(error) => Err(trouble(&visit, &error)),
    }
}

fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}
