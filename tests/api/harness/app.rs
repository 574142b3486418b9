//! The service under test, with a merchant, a provider and a store of its own.

use super::client::{Answer, Client, Request, fetch_plain};
use super::form::Card;
use super::log::assert_nothing_was_masked;
use super::merchant::MerchantEndpoint;
use super::multipart::Form;
use super::result::Query;
use super::sandbox::Provider;
use super::scene::{TempDir, eventually};
use super::service::{Launch, Process, Service};
use super::setup::Setup;
use super::store::Database;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use vezne::cli::merchant::Admin;
use vezne::config::Config;
use vezne::id::MerchantId;

/// A running service and everybody around it.
pub struct TestApp {
    pub merchant: MerchantEndpoint,
    pub sandbox: Provider,
    pub admin: Admin,
    pub shop: Shop,
    pub client: Client,
    pub(super) service: Option<Service>,
    pub(super) launch: Launch,
    pub(super) address: SocketAddr,
    pub(super) config: Config,
    pub(super) directory: TempDir,
    pub database: Database,
}

/// What the merchant was given.
pub struct Shop {
    pub id: MerchantId,
    pub api_key: String,
    pub live_api_key: Option<String>,
    pub signing_secret: String,
    pub webhook_secret: String,
}

/// A session as its merchant got it.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    /// `/c/{secret}`
    pub path: String,
}

/// The card form as a cardholder got it.
pub struct Page {
    pub answer: Answer,
    pub token: String,
}

/// The hand-off page, and where it leads.
pub struct Handoff {
    pub answer: Answer,
    pub url: String,
    pub query: Query,
}

impl TestApp {
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// A service with other settings.
    pub fn with(key: &str, value: &str) -> Setup {
        Setup::default().set(key, value)
    }

    /// A service whose provider takes so long for the stalling card.
    pub fn stalling(stall: Duration) -> Setup {
        Setup::default().stall(stall)
    }

    /// Stops the service and starts it again on the same data and address.
    pub fn restart(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop();
        }
        let listener = TcpListener::bind(self.address).unwrap();
        self.service = Some(self.launch.start(&self.config, listener));
    }

    /// The same with other settings.
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.restart();
    }

    /// Ends the service's process at once, by SIGKILL; [`Self::restart`] starts it again.
    pub fn kill(&mut self) {
        self.process();
        drop(self.service.take());
    }

    /// The service's process, where it is one of its own.
    pub fn process(&self) -> &Process {
        let Some(Service::Process(process)) = &self.service else { panic!("the service runs in this process") };
        process
    }

    /// The same, to wait for its end.
    pub fn process_mut(&mut self) -> &mut Process {
        self.service.as_mut().unwrap().process()
    }

    /// Starts the service again after its process has ended by itself, with
    /// these variables taken away.
    pub fn start_again(&mut self, without: &[&str]) {
        drop(self.service.take());
        if let Launch::Process { environment, .. } = &mut self.launch {
            environment.retain(|name, _| !without.contains(&name.as_str()));
        }
        self.restart();
    }

    /// Asks the private listener.
    pub async fn telemetry(&self, path: &str) -> Answer {
        fetch_plain(self.config.telemetry.listen.expect("a watched service"), path).await
    }

    /// The value of a metric's line, such as `vezne_journeys_total{mode="test",outcome="completed"}`.
    pub async fn metric(&self, line: &str) -> Option<f64> {
        let answer = self.telemetry("/metrics").await.expect(200);
        let value = answer.text().lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    /// Ends the service, which drains first; returns what its process has printed.
    pub fn stop(&mut self) -> String {
        self.service.take().unwrap().stop()
    }

    /// The origin as browsers send it.
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// A call of the merchants' API with the test key.
    pub fn api(&self, method: &str, path: &str) -> Request<'_> {
        self.api_as(&self.shop.api_key, method, path)
    }

    pub fn api_as(&self, key: &str, method: &str, path: &str) -> Request<'_> {
        self.client.request(method, path).header("authorization", &format!("Bearer {key}"))
    }

    /// Opens a session: the usual one with these changes.
    pub async fn create_session(&self, changes: Value) -> Session {
        let json = self.api("POST", "/v1/sessions").json(&wanted(changes)).send().await.expect(201).json();
        let url = json["url"].as_str().unwrap();
        let path = url.strip_prefix(&self.origin()).unwrap().to_owned();
        Session { id: json["id"].as_str().unwrap().to_owned(), path }
    }

    /// The session as its merchant reads it now.
    pub async fn session(&self, session: &Session) -> Value {
        self.api("GET", &format!("/v1/sessions/{}", session.id)).send().await.expect(200).json()
    }

    pub async fn status(&self, session: &Session) -> String {
        self.session(session).await["status"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.client.request("GET", path).send().await
    }

    /// The session's page, which must be the form.
    pub async fn open_page(&self, session: &Session) -> Page {
        let answer = self.get(&session.path).await.expect(200);
        let token = form_token(answer.text()).expect("the page has a form").to_owned();
        Page { answer, token }
    }

    /// Opens the page, types the card, presses the button.
    pub async fn submit_card(&self, session: &Session, card: Card) -> Answer {
        let page = self.open_page(session).await;
        self.post(session, Form::filled(&page.token, &card)).await
    }

    /// The same with the page's script.
    pub async fn submit_by_script(&self, session: &Session, card: Card) -> Answer {
        let page = self.open_page(session).await;
        let form = Form::filled(&page.token, &card);
        self.browser_post(&session.path, form).header("accept", "application/json").send().await
    }

    /// Sends a form as a browser does that shows our page.
    pub async fn post(&self, session: &Session, form: Form) -> Answer {
        self.browser_post(&session.path, form).send().await
    }

    /// Sends a filled form and does not read the answer: the connection is the caller's to drop.
    pub async fn begin_submit(&self, session: &Session, card: Card) -> TlsStream<TcpStream> {
        let token = self.open_page(session).await.token;
        let body = Form::filled(&token, &card).finish();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            session.path,
            Form::CONTENT_TYPE,
            body.len()
        );
        let mut connection = self.client.connect().await;
        connection.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        connection
    }

    pub fn browser_post(&self, path: &str, form: Form) -> Request<'_> {
        self.client
            .request("POST", path)
            .header("origin", &self.origin())
            .header("sec-fetch-site", "same-origin")
            .body(Form::CONTENT_TYPE, form.finish())
    }

    /// The cardholder's own cancel button.
    pub async fn cancel_on_page(&self, session: &Session) -> Answer {
        let page = self.open_page(session).await;
        let path = format!("{}/cancel", session.path);
        self.browser_post(&path, Form::new().field("formToken", &page.token)).send().await
    }

    /// The merchant's cancel.
    pub async fn cancel(&self, session: &Session) -> Answer {
        self.api("POST", &format!("/v1/sessions/{}/cancel", session.id)).send().await
    }

    /// The hand-off page of an ended session.
    pub async fn done(&self, session: &Session) -> Handoff {
        let answer = self.get(&format!("{}/done", session.path)).await.expect(200);
        let url = answer.header("refresh").strip_prefix("0; url=").expect("a Refresh: 0").to_owned();
        let query = Query::of(&url);
        Handoff { answer, url, query }
    }

    /// Calls that reached the provider.
    pub fn sandbox_calls(&self) -> u64 {
        self.sandbox.calls()
    }

    /// The state and the last failure of each event, oldest first, as an operator sees them.
    pub fn events(&self) -> Vec<(String, Option<String>)> {
        let rows = self.database.read("SELECT state, last_reason FROM events ORDER BY id").into_iter();
        let event = |row: Vec<Option<String>>| <[_; 2]>::try_from(row).map(|[state, reason]| (state.unwrap(), reason));
        rows.map(|row| event(row).unwrap()).collect()
    }

    /// Changes the store behind the service's back; says how many rows.
    pub fn alter(&self, statement: &str) -> usize {
        self.database.alter(statement)
    }

    /// One number that the store knows.
    pub fn stored(&self, query: &str) -> i64 {
        self.database.read(query)[0][0].as_ref().unwrap().parse().unwrap()
    }

    /// Where a text stands in what the service has written.
    pub fn places_of(&self, text: &str) -> Vec<String> {
        let files = self.files().into_iter().map(|file| (std::fs::read(&file).unwrap(), file.display().to_string()));
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        files.chain(self.database.dump()).filter(|(bytes, _)| holds(bytes)).map(|(_, place)| place).collect()
    }

    /// The events of a query of `GET /v1/events`, as the merchant lists them.
    pub async fn listed(&self, query: &str) -> Vec<Value> {
        let answer = self.api("GET", &format!("/v1/events?{query}")).send().await.expect(200).json();
        answer["data"].as_array().unwrap().clone()
    }

    /// One event, as the merchant reads it.
    pub async fn event(&self, id: &str) -> Value {
        self.api("GET", &format!("/v1/events/{id}")).send().await.expect(200).json()
    }

    /// The one event of a session, once it is in this state.
    pub async fn event_once(&self, session: &Session, state: &str) -> Value {
        let ask = || async {
            let listed = self.listed(&format!("session={}", session.id)).await;
            assert!(listed.len() <= 1, "{listed:?}");
            Some(self.event(listed.first()?["id"].as_str()?).await).filter(|event| event["state"] == state)
        };
        eventually(&format!("{state} of {}", session.id), ask).await
    }

    /// A session that is canceled at once, and whose callback goes there.
    pub async fn ended(&self, callback_url: &str) -> Session {
        let session = self.create_session(json!({ "callbackUrl": callback_url })).await;
        self.cancel(&session).await.expect(200);
        session
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The file of a SQLite store.
    pub fn store_file(&self) -> &Path {
        match &self.database {
            Database::Sqlite(path) => path,
            Database::Postgres { name, .. } => panic!("the store is the database {name}"),
        }
    }

    /// Where the service keeps its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Every file that the service wrote or was given.
    pub fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for TestApp {
    /// Whatever a test did, nothing of it had to be masked in the log.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_nothing_was_masked();
        }
    }
}

/// What is asked for when a test does not care, with these changes.
pub fn wanted(changes: Value) -> Value {
    let mut body = json!({
        "purpose": "tokenize",
        "conversationId": format!("order-{}", uuid::Uuid::now_v7().simple()),
        "returnUrl": "https://shop.example/return",
        "locale": "en",
    });
    let Value::Object(changes) = changes else { panic!("{changes} is no object") };
    body.as_object_mut().unwrap().extend(changes);
    body
}

/// The value of the page's hidden field.
pub fn form_token(html: &str) -> Option<&str> {
    html.split_once(r#"name="formToken" value=""#)?.1.split('"').next()
}
