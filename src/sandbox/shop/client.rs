//! A small HTTPS client for the window's API, one connection a call.

use super::settings::ShopSettings;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// For a whole call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer taken.
const MAX_ANSWER: usize = 64 * 1024;

/// Calls the window as the merchant whose key it has.
pub struct Client {
    tls: TlsConnector,
    window: Url,
    authorization: String,
}

/// A status and a JSON body.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Client {
    /// A client that trusts the authority in the settings' file alone.
    pub fn new(settings: &ShopSettings) -> Result<Self> {
        let invalid = |why: String| Error::new(ErrorKind::InvalidInput, why);
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(&settings.ca_file).map_err(|error| invalid(error.to_string()))?;
        roots.add(root).map_err(|error| invalid(error.to_string()))?;
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(tls)),
            window: settings.window_url.clone(),
            authorization: format!("Bearer {}", settings.api_key),
        })
    }

    /// `POST` with a JSON body. A repeated key repeats the first answer.
    pub async fn post(&self, path: &str, idempotency_key: &str, body: &Value) -> Result<Answer> {
        let request = Request::post(path).header("Idempotency-Key", idempotency_key);
        self.call(request, Bytes::from(body.to_string())).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Request::get(path), Bytes::new()).await
    }

    async fn call(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<Answer> {
        let request = request
            .header(HOST, self.authority()?)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(Error::other)?;
        tokio::time::timeout(TIMEOUT, self.exchange(request)).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let host = self.window.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let tcp = TcpStream::connect((host.as_str(), self.window.port_or_known_default().unwrap_or(443))).await?;
        let name = ServerName::try_from(host).map_err(Error::other)?;
        let tls = self.tls.connect(name, tcp).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.map_err(Error::other)?;
        let connection = tokio::task::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await.map_err(Error::other)?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(Error::other)?;
            let body = serde_json::from_slice(&body.to_bytes()).map_err(Error::other)?;
            Ok(Answer { status, body })
        }
        .await;
        connection.abort();
        answer
    }

    fn authority(&self) -> Result<String> {
        let missing = || Error::new(ErrorKind::InvalidInput, "the window's address has no host");
        let host = self.window.host_str().ok_or_else(missing)?;
        Ok(self.window.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}
