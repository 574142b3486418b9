//! The described callbacks against those that an endpoint receives.

use super::Api;
use super::schema::Document;
use crate::config::{CallbackConfig, EgressConfig};
use crate::egress::{Connector, Resolver, Roots, client_config};
use crate::handoff::CallbackWorker;
use crate::merchant::Mode;
use crate::session::{Blocked, Directive, Violation};
use crate::store::{EventKind, SecretKind};
use actix_web::dev::ServerHandle;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web::{Bytes, Data, to};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// The headers and the body of a callback.
type Received = (HeaderMap, Value);

async fn receive(request: HttpRequest, body: Bytes, sender: Data<UnboundedSender<Received>>) -> HttpResponse {
    sender.send((request.headers().clone(), serde_json::from_slice(&body).unwrap())).unwrap();
    HttpResponse::NoContent().finish()
}

/// A merchant's endpoint on the loopback.
fn endpoint() -> (SocketAddr, ServerHandle, UnboundedReceiver<Received>) {
    let (sender, receiver) = unbounded_channel();
    let sender = Data::new(sender);
    let server = HttpServer::new(move || App::new().app_data(sender.clone()).default_service(to(receive)))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    (address, handle, receiver)
}

fn worker(api: &Api) -> CallbackWorker {
    let time = Duration::from_secs(10);
    let connector = Connector {
        resolver: Resolver::new(&EgressConfig::default()).unwrap(),
        guard: None,
        tls: client_config(Roots::Public, None).unwrap(),
        timeout: time,
    };
    let config = CallbackConfig { timeout: time, ca_file: None, retry: vec![time] };
    let window = &api.window;
    let wake = Arc::clone(&window.callback_wake);
    CallbackWorker::new(
        Arc::clone(&window.store),
        window.results.clone(),
        connector,
        config,
        wake,
        Arc::default(),
        Arc::default(),
    )
}

/// Holds a callback against its description; says which it is.
fn check(document: &Document, (headers, body): &Received) -> String {
    let kind = body["type"].as_str().unwrap();
    let operation = document.at(&format!("/webhooks/{kind}/post"));
    document.check(&operation["requestBody"]["content"]["application/json"]["schema"], body, kind);
    assert_eq!(headers.get("content-type").unwrap(), "application/json");
    let mut documented = BTreeSet::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let parameter = document.resolve(parameter);
        let name = parameter["name"].as_str().unwrap();
        let value = headers.get(name).unwrap().to_str().unwrap();
        let number = parameter["schema"]["type"] == "integer";
        let value = if number { json!(value.parse::<i64>().unwrap()) } else { json!(value) };
        document.check(&parameter["schema"], &value, name);
        documented.insert(name);
    }
    let sent = headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("webhook-"));
    assert_eq!(sent.collect::<BTreeSet<_>>(), documented);
    kind.to_owned()
}

#[actix_web::test]
async fn callbacks_are_as_described() {
    let (address, endpoint, mut received) = endpoint();
    let shop = format!("http://{address}/");
    let api = Api::new(&shop, &[SecretKind::Result, SecretKind::Webhook]).await;
    let body = json!({
        "purpose": "tokenize", "conversationId": "sipariş-42", "metadata": { "cart": "c-1042" },
        "returnUrl": shop, "callbackUrl": shop,
    });
    let life = Duration::from_mins(15);
    api.complete(&api.session(&body, life).await).await;
    api.refuse_until_failed(&api.session(&body, life).await).await;
    api.window.store.cancel(api.session(&body, life).await).await.unwrap();
    api.session(&body, Duration::ZERO).await;
    assert_eq!(api.window.store.expire_sessions(10).await.unwrap(), 1);

    let session = api.session(&body, life).await;
    let violation = Violation { directive: Directive::parse("img-src"), blocked: Blocked::OtherOrigin };
    assert!(api.window.store.record_violation(session.clone(), violation).await.unwrap());
    assert!(!api.window.store.record_violation(session, violation).await.unwrap(), "one for each directive");

    let url = api.merchant.allow_list.check(&shop, Mode::Test).unwrap();
    api.window.store.record_test(api.merchant.id.clone(), Mode::Test, url).await.unwrap();

    let worker = actix_rt::spawn(worker(&api).run_until(std::future::pending(), Duration::ZERO));
    let document = Document::load();
    let mut bodies = Vec::new();
    let mut kinds = BTreeSet::new();
    for _ in 0..6 {
        let callback = timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
        kinds.insert(check(&document, &callback));
        bodies.push(callback.1);
    }
    worker.abort();
    endpoint.stop(false).await;
    assert!(kinds.iter().eq(document.at("/webhooks").as_object().unwrap().keys()), "{kinds:?}");
    let schemas = ["SessionEvent", "ViolationEvent", "PingEvent"];
    for pointer in schemas.iter().flat_map(|name| document.pointers(document.schema(name))) {
        assert!(bodies.iter().any(|body| body.pointer(&pointer).is_some()), "no callback has {pointer}");
    }
    the_catalogue_has_them(&bodies);
}

/// What kind of value stands where: metadata aside, whose names are the merchant's.
fn shape(value: &Value, place: &str) -> BTreeSet<String> {
    let kind = match value {
        Value::Object(fields) if !place.ends_with("/metadata") => {
            return fields.iter().flat_map(|(name, value)| shape(value, &format!("{place}/{name}"))).collect();
        }
        Value::Object(_) => "object",
        Value::String(_) => "text",
        Value::Number(_) => "number",
        _ => "other",
    };
    BTreeSet::from([format!("{place} {kind}")])
}

/// Holds the examples of docs/events.md against what was sent.
fn the_catalogue_has_them(bodies: &[Value]) {
    let document = include_str!("../../../../docs/events.md");
    let mut examples = BTreeSet::new();
    for example in document.split("```json\n").skip(1) {
        let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
        let kind = example["type"].as_str().unwrap().to_owned();
        let sent = bodies.iter().find(|body| body["type"] == example["type"]).unwrap_or_else(|| panic!("no {kind}"));
        assert_eq!(shape(&example, ""), shape(sent, ""), "{kind}");
        assert!(document.contains(&format!("\n### {kind}\n")), "{kind} has no heading");
        examples.insert(kind);
    }
    assert!(
        examples
            .iter()
            .map(String::as_str)
            .eq(EventKind::ALL.map(EventKind::name).into_iter().collect::<BTreeSet<_>>())
    );
}
