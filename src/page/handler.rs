//! `GET /c/{secret}` and `GET /c/{secret}/done`.

use super::{Notice, Visit};
use crate::session::{Session, Status};
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
        Status::Claimed => visit.notice(&mut HttpResponse::Ok(), Notice::Waiting, None),
        Status::Completed | Status::Failed => see_other(&format!("{}/done", visit.path())),
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
        Status::Expired => gone(&visit, &session).await,
        Status::Completed | Status::Failed | Status::Canceled => match visit.destination(&session).await {
            Ok(next) => visit.leave(&mut HttpResponse::Ok(), &session, &next),
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
    match visit.destination(session).await {
        Ok(back) => visit.notice(HttpResponse::Gone().force_close(), notice, Some(&back)),
        Err(error) => trouble(visit, &error),
    }
}

/// Ours or the operator's fault: logged here, once, and not explained to the cardholder.
pub fn trouble(visit: &Visit, error: &dyn Display) -> HttpResponse {
    tracing::error!(request_id = visit.request_id().as_str(), error = %error, "a page could not be made");
    visit.notice(HttpResponse::InternalServerError().force_close(), Notice::ServerTrouble, None)
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
        return Err(visit.notice(&mut answer, Notice::TooManyRequests, None));
    }
    match visit.find_session().await {
        Ok(Some(session)) => Ok((visit, session)),
        Ok(None) => Err(visit.notice(&mut HttpResponse::NotFound(), Notice::NotFound, None)),
        Err(error) => Err(trouble(&visit, &error)),
    }
}

fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}
