//! HTTP over TLS as browsers and merchants' servers speak it. Every request has
//! a connection of its own, which may be lost at any time.

use crate::Outcome;
use crate::multipart::Form;
use crate::result::Query;
use crate::trust::TrustAll;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::http::request::Builder;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// For one request: more than the provider's time and the store's together.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of any process of one window.
pub struct Client {
    tls: TlsConnector,
    origin: String,
}

/// What came back, in whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    location: String,
    refresh: String,
}

impl Client {
    /// A client that takes the window for this origin, whichever process answers.
    pub fn new(origin: String) -> Outcome<Self> {
        let provider = Arc::new(default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), origin })
    }

    /// A page.
    pub async fn get(&self, process: SocketAddr, path: &str) -> Outcome<Answer> {
        self.send(process, Request::get(path), Vec::new()).await
    }

    /// A form as the browser sends it that shows our page.
    pub async fn post(&self, process: SocketAddr, path: &str, form: Form) -> Outcome<Answer> {
        let head = Request::post(path).header("origin", &self.origin).header("sec-fetch-site", "same-origin");
        self.send(process, head.header("content-type", Form::CONTENT_TYPE), form.finish()).await
    }

    /// A call of the merchants' API.
    pub async fn api(&self, process: SocketAddr, key: &str, head: Builder, body: Option<Value>) -> Outcome<Answer> {
        let head = head.header("authorization", format!("Bearer {key}")).header("content-type", "application/json");
        self.send(process, head, body.map(|body| body.to_string().into_bytes()).unwrap_or_default()).await
    }

    async fn send(&self, process: SocketAddr, head: Builder, body: Vec<u8>) -> Outcome<Answer> {
        let request =
            head.header("host", self.origin.trim_start_matches("https://")).body(Full::new(Bytes::from(body)))?;
        timeout(PATIENCE, Box::pin(self.exchange(process, request))).await.map_err(|_| "no answer in time")?
    }

    async fn exchange(&self, process: SocketAddr, request: Request<Full<Bytes>>) -> Outcome<Answer> {
        let stream = TcpStream::connect(process).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::from(process.ip()), stream).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = actix_web::rt::spawn(connection);
        let answer = sender.send_request(request).await;
        let answer = async {
            let (head, body) = answer?.into_parts();
            let text = |name: &str| {
                head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
            };
            let (location, refresh) = (text("location"), text("refresh"));
            let body = body.collect().await?.to_bytes().to_vec();
            Ok(Answer { status: head.status.as_u16(), body, location, refresh })
        };
        let answer = answer.await;
        driver.abort();
        answer
    }
}

/// What an answer shows a cardholder.
pub enum Shown {
    /// The card form, with its token.
    Form(String),
    /// "One moment": look again later.
    Wait,
    /// On to the hand-off page.
    Done,
    /// The end, with the signed result on the way back to the shop.
    Over(Query),
    /// No such session.
    Nothing,
    /// The service has troubles and says so.
    Trouble,
}

impl Answer {
    pub fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Whether it is a whole page for people.
    pub fn is_page(&self) -> bool {
        self.body.starts_with(b"<!doctype html>") && self.body.trim_ascii_end().ends_with(b"</html>")
    }

    /// What the cardholder sees.
    pub fn shown(&self) -> Shown {
        let page = String::from_utf8_lossy(&self.body);
        if let Some(url) = self.refresh.strip_prefix("0; url=") {
            return Shown::Over(Query::of(url));
        }
        match self.status {
            303 if self.location.ends_with("/done") => Shown::Done,
            303 => Shown::Wait,
            404 => Shown::Nothing,
            410 => link_with_result(&page).map_or(Shown::Trouble, |url| Shown::Over(Query::of(&url))),
            429 | 500.. if form_token(&page).is_none() => Shown::Trouble,
            _ => form_token(&page).map_or(Shown::Wait, |token| Shown::Form(token.to_owned())),
        }
    }
}

fn form_token(page: &str) -> Option<&str> {
    page.split_once(r#"name="formToken" value=""#)?.1.split('"').next()
}

/// The address of the link that brings the result back.
fn link_with_result(page: &str) -> Option<String> {
    let links = page.split(r#"href=""#).skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|link| link.replace("&amp;", "&").replace("&#38;", "&")).find(|link| link.contains("&signature="))
}
