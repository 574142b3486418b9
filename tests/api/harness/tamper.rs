//! Somebody between the browser and the service, who changes what is answered.

use super::app::TestApp;
use super::client::Client;
use super::scene::Running;
use actix_web::web::{Data, route};
use actix_web::{App, HttpRequest, HttpResponse};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use vezne::server::{self, Options, ReloadingCertificate};

/// What is changed of the next answers.
enum Change {
    Nothing,
    Body(String, String),
    Header(String, Option<String>),
    Policy(String, String),
}

struct Middle {
    service: Client,
    change: Mutex<Change>,
}

/// A TLS server that passes on what it gets, but for one change.
pub struct Tamper {
    port: u16,
    pub certificate: PathBuf,
    middle: Data<Middle>,
    _server: Running,
}

impl Tamper {
    pub fn start(app: &TestApp) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (app.file("tamper.pem"), app.file("tamper-key.pem"));
        std::fs::write(&certificate, cert.pem()).unwrap();
        std::fs::write(&key, signing_key.serialize_pem()).unwrap();
        let tls = server::tls_config(ReloadingCertificate::load(&certificate, &key).unwrap()).unwrap();
        let listeners = server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        let ca = app.config().provider.test.as_ref().unwrap().upstream.ca_file.clone().unwrap();
        let service = Client::new(app.client.address(), &ca);
        let middle = Data::new(Middle { service, change: Mutex::new(Change::Nothing) });
        let shared = middle.clone();
        let server = Running::start(move || {
            let options = Options { workers: 1, shutdown_timeout: Duration::from_secs(1), ..Options::default() };
            server::serve("tamper", listeners, Some(tls), &options, move || {
                App::new().app_data(shared.clone()).default_service(route().to(pass_on))
            })
        });
        Self { port, certificate, middle, _server: server }
    }

    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Puts `to` in the place of the first `from` of the document.
    pub fn changes_body(&self, from: &str, to: &str) {
        self.set(Change::Body(from.to_owned(), to.to_owned()));
    }

    /// Gives a header another value, or takes it away.
    pub fn changes_header(&self, name: &str, value: Option<&str>) {
        self.set(Change::Header(name.to_owned(), value.map(str::to_owned)));
    }

    /// Puts `to` in the place of `from` in the policy.
    pub fn changes_policy(&self, from: &str, to: &str) {
        self.set(Change::Policy(from.to_owned(), to.to_owned()));
    }

    fn set(&self, change: Change) {
        *self.middle.change.lock().unwrap() = change;
    }
}

async fn pass_on(request: HttpRequest, middle: Data<Middle>) -> HttpResponse {
    let answer = middle.service.request("GET", request.path()).send().await;
    let mut body = answer.text().to_owned();
    let hop_by_hop = ["connection", "content-length", "transfer-encoding", "date"];
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| !hop_by_hop.contains(&name.as_str()))
        .collect();
    match &*middle.change.lock().unwrap() {
        Change::Nothing => {}
        Change::Body(from, to) => {
            assert!(body.contains(from), "the page has no {from:?} that could be changed");
            body = body.replacen(from, to, 1);
        }
        Change::Header(name, value) => {
            headers.retain(|(known, _)| known != name);
            headers.extend(value.clone().map(|value| (name.clone(), value)));
        }
        Change::Policy(from, to) => {
            let (_, policy) = headers.iter_mut().find(|(name, _)| name == "content-security-policy").unwrap();
            assert!(policy.contains(from), "the policy has no {from:?}");
            *policy = policy.replacen(from, to, 1);
        }
    }
    let mut response = HttpResponse::build(answer.status.try_into().unwrap());
    for (name, value) in &headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response.body(body)
}
