//! Problems as answers, and the page that each problem's `type` leads to.

use crate::error::{KINDS, METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use crate::id::RequestId;
use crate::window::Window;
use actix_http::ConnectionType;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::{Data, Path};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use std::fmt::Write;

pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Middleware: gives a handler's [`Problem`] its body (RFC 9457), which needs
/// the request's id and this service's address.
///
/// # Errors
/// Those of the handler that are no problems.
pub async fn answer_problems(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    // The router refuses methods by itself, with the `Allow` header that a 405 needs and no body.
    let refused = (response.status() == StatusCode::METHOD_NOT_ALLOWED).then(|| Problem::new(&METHOD_NOT_ALLOWED));
    let told = response.response().error().and_then(|error| error.as_error::<Problem>());
    let Some(problem) = told.or(refused.as_ref()) else { return Ok(response) };
    let id = request_id(response.request());
    if let Some(cause) = problem.cause() {
        tracing::error!(request_id = id, error = cause, "request failed");
    }
    let retry_after = problem.retry_after_seconds();
    let body = body(problem, response.request());
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    if refuses_a_body(response.status()) {
        // It may have held a card number, and the connection's read buffer still does.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if unauthorized {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Ok(response)
}

/// A problem's body in the answer to a request.
pub(super) fn body(problem: &Problem, request: &HttpRequest) -> String {
    let Some(window) = request.app_data::<Data<Window>>() else { return String::new() };
    problem.body(&window.public_url, &request_id(request)).to_string()
}

fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default()
}

pub(super) fn refuses_a_body(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// What an unknown address answers.
///
/// # Errors
/// Always: a problem.
pub async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(&NOT_FOUND))
}

/// `GET /problems/{slug}`: what a problem means and what to do about it.
///
/// # Errors
/// A problem when there is no such page.
pub async fn explain(slug: Path<String>) -> Result<HttpResponse, Problem> {
    let kind = KINDS.iter().find(|kind| kind.slug == *slug).ok_or_else(|| Problem::new(&NOT_FOUND))?;
    let mut page = String::with_capacity(1024);
    // The table is our own text without markup characters; nothing of the request is in the page.
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} · vezne</title><h1>{title}</h1><p>HTTP status {status}, \
         <code>{slug}</code></p><p>{remedy}</p>",
        title = kind.title,
        status = kind.status,
        slug = kind.slug,
        remedy = with_code(kind.remedy),
    );
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page))
}

/// The table writes code between backticks, in pairs.
fn with_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for (place, piece) in text.split('`').enumerate() {
        html.push_str(match place {
            0 => "",
            odd if odd % 2 == 1 => "<code>",
            _ => "</code>",
        });
        html.push_str(piece);
    }
    html
}
