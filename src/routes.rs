//! The one route table and the one list of what stands before it.

use crate::hardening::headers;
use crate::id::RequestId;
use crate::window::{Providers, Window};
use crate::{api, health, intake, page, sdk};
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
        .service(resource("/livez").route(get().to(health::live)).route(head().to(health::live)))
        .service(resource("/readyz").route(get().to(health::ready)).route(head().to(health::ready)))
        .service(resource("/").route(get().to(front)));
}

/// The private listener's application: how this process is, for the operator.
pub fn private(
    window: Data<Window>,
) -> App<impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()>> {
    App::new()
        .app_data(window)
        .service(resource("/livez").route(get().to(health::live)).route(head().to(health::live)))
        .service(resource("/readyz").route(get().to(health::report)).route(head().to(health::report)))
        .service(resource("/metrics").route(get().to(health::metrics)))
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
    let window = request.app_data::<Data<Window>>().cloned();
    let with_hsts = window.as_ref().is_some_and(|window| window.with_hsts);
    let _present = window.as_ref().map(|window| window.metrics.requests_present.one_more());
    let mut response = next.call(request).await?;
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    headers::secure(response.headers_mut(), with_hsts);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = start.elapsed();
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if let Some(window) = window {
        let template = template(&route);
        window.metrics.requests.one([template, status_name(status)]);
        window.metrics.request_seconds.took([template], took);
    }
    tracing::info!(request_id = id.as_str(), method = known(&method), route, status, duration_ms, "request");
    Ok(response)
}

/// Every template of [`routes`], as metrics name it.
const TEMPLATES: [&str; 18] = [
    "/",
    "/c/{secret}",
    "/c/{secret}/cancel",
    "/c/{secret}/done",
    "/csp",
    "/livez",
    "/openapi.json",
    "/problems/{slug}",
    "/readyz",
    "/sdk/v1/manifest.json",
    "/sdk/v1/{version}/{file}",
    "/v1/events",
    "/v1/events/test",
    "/v1/events/{id}",
    "/v1/events/{id}/redeliver",
    "/v1/sessions",
    "/v1/sessions/{id}",
    "/v1/sessions/{id}/cancel",
];

fn template(route: &str) -> &'static str {
    TEMPLATES.into_iter().find(|template| *template == route).unwrap_or("unmatched")
}

/// Every status that this service answers, as metrics name it.
const STATUSES: [(u16, &str); 20] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (303, "303"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
];

fn status_name(status: u16) -> &'static str {
    STATUSES.into_iter().find(|(number, _)| *number == status).map_or("other", |(_, name)| name)
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

/// What a person sees who opens the bare address, for instance to accept a
/// development certificate.
async fn front() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(
        "This is a card window (vezne). It works, and its certificate is accepted.\n\
         Shops send their customers here; there is nothing else to see.\n\n\
         Bu bir kart penceresidir (vezne). Çalışıyor; sertifikası kabul edildi.\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_name_every_route_of_the_table() {
        let table = include_str!("routes.rs").split("fn routes(").nth(1).unwrap().split("\n}\n").next().unwrap();
        let routes: Vec<&str> =
            table.split("resource(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(routes.len() > 10);
        for route in &routes {
            assert_eq!(template(route), *route);
        }
        assert!(TEMPLATES.iter().all(|template| routes.contains(template)));
        assert_eq!((template("unmatched"), status_name(200), status_name(799)), ("unmatched", "200", "other"));
    }
}
