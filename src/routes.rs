//! The one route table and the one list of what stands before it.

use crate::hardening::headers;
use crate::id::RequestId;
use crate::window::{Providers, Window};
use crate::{api, intake, page, sdk};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, ThinData, get, head, post, resource, route};
use actix_web::{App, Error, HttpMessage, HttpResponse};
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("vezne-request-id");

/// The window's application, for one worker. Outermost first: a name for the
/// request, its log line, security headers; then bodies for problems.
pub fn application(
    window: Data<Window>,
    providers: Providers,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(window)
        .app_data(ThinData(providers))
        .configure(routes)
        .default_service(route().to(api::not_found))
        .wrap(from_fn(api::answer_problems))
        .wrap(from_fn(observe))
}

fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/c/{secret}").route(get().to(page::show)).route(post().to(intake::submit)))
        .service(resource("/c/{secret}/done").route(get().to(page::done)))
        .service(resource("/c/{secret}/cancel").route(post().to(intake::cancel)).route(get().to(page::back)))
        .service(resource("/v1/sessions").route(get().to(api::list)).route(api::post(api::create)))
        .service(resource("/v1/sessions/{id}").route(get().to(api::read)))
        .service(resource("/v1/sessions/{id}/cancel").route(api::post(api::cancel)))
        .service(resource("/v1/events").route(get().to(api::list_events)))
        .service(resource("/v1/events/test").route(api::post(api::test_event)))
        .service(resource("/v1/events/{id}").route(get().to(api::read_event)))
        .service(resource("/v1/events/{id}/redeliver").route(api::post(api::redeliver_event)))
        .service(resource("/csp").route(post().to(page::report)))
        .service(resource("/openapi.json").route(get().to(api::openapi)))
        .service(resource("/problems/{slug}").route(get().to(api::explain)))
        .service(resource("/sdk/v1/manifest.json").route(get().to(sdk::manifest)))
        .service(resource("/sdk/v1/{version}/{file}").route(get().to(sdk::file)))
        .service(resource("/livez").route(get().to(live)).route(head().to(live)))
        .service(resource("/readyz").route(get().to(ready)).route(head().to(ready)))
        .service(resource("/").route(get().to(front)));
}

/// Names the request, secures the answer, and logs one line: the route's
/// template, never the path, whose secret opens a session.
async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let start = Instant::now();
    let id = RequestId::generate();
    let method = request.method().clone();
    request.extensions_mut().insert(id.clone());
    let with_hsts = request.app_data::<Data<Window>>().is_some_and(|window| window.with_hsts);
    let mut response = next.call(request).await?;
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    headers::secure(response.headers_mut(), with_hsts);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(request_id = id.as_str(), method = known(&method), route, status, duration_ms, "request");
    Ok(response)
}

/// A method's name if it is one: a client can send anything in its place, a card number too.
fn known(method: &Method) -> &'static str {
    const METHODS: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
        Method::CONNECT,
    ];
    const { &METHODS }.iter().find(|known| *known == method).map_or("other", Method::as_str)
}

/// The process runs. Pages of others may ask, too: a shop can find out whether a
/// browser trusts the certificate before it sends a customer here.
async fn live() -> HttpResponse {
    let for_all = ("Cross-Origin-Resource-Policy", "cross-origin");
    HttpResponse::Ok().content_type("text/plain").insert_header(for_all).body("ok\n")
}

/// The process can serve: its store answers.
async fn ready(window: Data<Window>) -> HttpResponse {
    match window.store.ping().await {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ok\n"),
        Err(error) => {
            tracing::warn!(error = %error, "not ready");
            HttpResponse::ServiceUnavailable().content_type("text/plain").body("the store does not answer\n")
        }
    }
}

/// What a person sees who opens the bare address, for instance to accept a
/// development certificate.
async fn front() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(
        "This is a card window (vezne). It works, and its certificate is accepted.\n\
         Shops send their customers here; there is nothing else to see.\n\n\
         Bu bir kart penceresidir (vezne). Çalışıyor; sertifikası kabul edildi.\n",
    )
}
