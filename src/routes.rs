//! The one route table and the one list of what stands before it.

use crate::error::Problem;
use crate::hardening::headers;
use crate::id::RequestId;
use crate::window::{Providers, Window};
use crate::{api, intake, page};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, ThinData, get, head, post, resource, route};
use actix_web::{App, Error, HttpMessage, HttpResponse, Resource};
use std::future::ready;
use std::time::Instant;
use url::Host;

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
        .service(at("/c/{secret}", "GET, POST").route(get().to(page::show)).route(post().to(intake::submit)))
        .service(at("/c/{secret}/done", "GET").route(get().to(page::done)))
        .service(at("/c/{secret}/cancel", "POST").route(post().to(intake::cancel)))
        .service(at("/v1/sessions", "GET, POST").route(get().to(api::list)).route(post().to(api::create)))
        .service(at("/v1/sessions/{id}", "GET").route(get().to(api::read)))
        .service(at("/v1/sessions/{id}/cancel", "POST").route(post().to(api::cancel)))
        .service(at("/problems/{slug}", "GET").route(get().to(api::explain)))
        .service(at("/livez", "GET, HEAD").route(get().to(live)).route(head().to(live)))
        .service(at("/readyz", "GET, HEAD").route(get().to(answers)).route(head().to(answers)))
        .service(at("/", "GET").route(get().to(front)));
}

/// An address and the methods that it takes; others are told so.
fn at(path: &str, methods: &'static str) -> Resource {
    let refuse = move || ready(Err::<HttpResponse, Problem>(Problem::method_not_allowed(methods)));
    resource(path).default_service(route().to(refuse))
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
    let with_hsts = request.app_data::<Data<Window>>().is_some_and(|window| {
        window.public_url.scheme() == "https" && !window.public_url.host().is_none_or(|host| is_loopback(&host))
    });
    let mut response = next.call(request).await?;
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    headers::secure(response.headers_mut(), with_hsts);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(request_id = id.as_str(), method = method.as_str(), route, status, duration_ms, "request");
    Ok(response)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The process runs.
async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The process can serve: its store answers.
async fn answers(window: Data<Window>) -> HttpResponse {
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
