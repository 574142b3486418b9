//! The merchant's endpoint for callbacks: keeps what comes and answers as told.

use super::PATIENCE;
use super::scene::{Running, TempDir};
use actix_web::web::{Bytes, Data, route};
use actix_web::{App, HttpRequest, HttpResponse};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use standardwebhooks::Webhook;
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;
use vezne::server::{self, Options, ReloadingCertificate};

/// A name of the endpoint that only a test's own name server knows.
pub const PUBLIC_NAME: &str = "hooks.shop.example";

/// How the endpoint answers a callback.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    Status(u16),
    /// 302 to another path of this endpoint.
    Redirect,
    /// No answer within anybody's patience.
    Hang,
    /// What came goes back under this status: in the body, and a piece of it in
    /// a header, in the reason's place of a redirect too.
    Echo(u16),
    /// 200 with this JSON.
    Json(&'static str),
    /// This status with this text.
    Text(u16, &'static str),
    /// 503 with this `Retry-After`.
    RetryAfter(&'static str),
    /// 200, after a while.
    Slow(Duration),
}

/// A callback as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    pub fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }

    /// Whether the official verifier accepts it under a `whsec_…` secret.
    pub fn verifies_with(&self, secret: &str) -> bool {
        Webhook::new(secret).unwrap().verify(&self.body, &self.headers).is_ok()
    }
}

#[derive(Default)]
struct Inbox {
    received: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<Reply>>,
    standing: Mutex<HashMap<String, Reply>>,
    came: Notify,
}

/// The endpoint, over TLS with a certificate of its own.
pub struct MerchantEndpoint {
    pub port: u16,
    pub certificate: PathBuf,
    inbox: Data<Inbox>,
    _server: Running,
}

impl MerchantEndpoint {
    pub fn start(directory: &TempDir) -> Self {
        let names = ["localhost", "127.0.0.1", PUBLIC_NAME].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (directory.join("merchant.pem"), directory.join("merchant-key.pem"));
        std::fs::write(&certificate, cert.pem()).unwrap();
        std::fs::write(&key, signing_key.serialize_pem()).unwrap();
        let tls = server::tls_config(ReloadingCertificate::load(&certificate, &key).unwrap()).unwrap();
        let listeners = server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        let inbox = Data::new(Inbox::default());
        let shared = inbox.clone();
        let server = Running::start(move || {
            let options = Options { workers: 1, shutdown_timeout: Duration::from_secs(1), ..Options::default() };
            server::serve("merchant", listeners, Some(tls), &options, move || {
                App::new().app_data(shared.clone()).default_service(route().to(receive))
            })
        });
        Self { port, certificate, inbox, _server: server }
    }

    /// Where callbacks go.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/hook", self.port)
    }

    /// The same place under its public name.
    pub fn public_url(&self) -> String {
        format!("https://{PUBLIC_NAME}:{}/hook", self.port)
    }

    /// How the next callbacks are answered, one each; afterwards with 200.
    pub fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inbox.script.lock().unwrap().extend(replies);
    }

    /// How callbacks to a path are answered from now on, whatever the others are; as usual by nothing.
    pub fn answers_at(&self, path: &str, reply: Option<Reply>) {
        let mut standing = self.inbox.standing.lock().unwrap();
        match reply {
            Some(reply) => standing.insert(path.to_owned(), reply),
            None => standing.remove(path),
        };
    }

    /// What came to a path so far.
    pub fn at(&self, path: &str) -> Vec<Received> {
        self.so_far().into_iter().filter(|received| received.path == path).collect()
    }

    /// What came so far.
    pub fn so_far(&self) -> Vec<Received> {
        self.inbox.received.lock().unwrap().clone()
    }

    /// The first `count` callbacks, once they have come.
    pub async fn received(&self, count: usize) -> Vec<Received> {
        timeout(PATIENCE, async {
            loop {
                let more = self.inbox.came.notified();
                let received = self.so_far();
                if received.len() >= count {
                    return received;
                }
                more.await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{count} callbacks in time; so far {:?}", self.so_far()))
    }

    /// The one callback that has come.
    pub async fn callback(&self) -> Received {
        self.received(1).await.remove(0)
    }
}

async fn receive(request: HttpRequest, body: Bytes, inbox: Data<Inbox>) -> HttpResponse {
    let mut headers = http::HeaderMap::new();
    for (name, value) in request.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes()).unwrap();
        headers.append(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let path = request.path().to_owned();
    let standing = inbox.standing.lock().unwrap().get(&path).copied();
    inbox.received.lock().unwrap().push(Received { path, headers, body: body.to_vec(), at: Instant::now() });
    inbox.came.notify_waiters();
    let scripted = || inbox.script.lock().unwrap().pop_front();
    let reply = standing.or_else(scripted).unwrap_or(Reply::Status(200));
    match reply {
        Reply::Status(status) => HttpResponse::build(status.try_into().unwrap()).finish(),
        Reply::Redirect => HttpResponse::Found().insert_header(("location", "/elsewhere")).finish(),
        Reply::Echo(status) => {
            let text: String = body.iter().map(|&byte| char::from(byte)).filter(char::is_ascii_graphic).collect();
            let echo = ("location", format!("/echo?{text}"));
            HttpResponse::build(status.try_into().unwrap()).insert_header(echo).body(body)
        }
        Reply::Text(status, text) => HttpResponse::build(status.try_into().unwrap()).body(text),
        Reply::RetryAfter(wait) => HttpResponse::ServiceUnavailable().insert_header(("retry-after", wait)).finish(),
        Reply::Slow(pause) => {
            tokio::time::sleep(pause).await;
            HttpResponse::Ok().finish()
        }
        Reply::Json(json) => HttpResponse::Ok().content_type("application/json").body(json),
        Reply::Hang => {
            tokio::time::sleep(2 * PATIENCE).await;
            HttpResponse::Ok().finish()
        }
    }
}
