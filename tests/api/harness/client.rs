//! An HTTP client that trusts the development CA: well-formed requests through
//! hyper, everything else as bytes.

use super::PATIENCE;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vezne::egress::{Roots, client_config};

/// One server's clients; each request has a connection of its own.
pub struct Client {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    /// What each connection begins with, before TLS.
    preamble: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr, ca: &Path) -> Self {
        Self { address, tls: client_config(Roots::Only(ca), None).unwrap(), preamble: Vec::new() }
    }

    /// The same behind a balancer, whose connections begin with these bytes.
    pub fn behind(&self, preamble: &[u8]) -> Self {
        Self { address: self.address, tls: Arc::clone(&self.tls), preamble: preamble.to_vec() }
    }

    /// Connects; nothing where the server does not shake hands.
    pub async fn try_connect(&self) -> Option<TlsStream<TcpStream>> {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(&self.preamble).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.ok()
    }

    pub fn request(&self, method: &str, path: &str) -> Request<'_> {
        let head = http::Request::builder().method(method).uri(path);
        let head = head.header("host", format!("localhost:{}", self.address.port()));
        Request { client: self, head, body: Vec::new() }
    }

    /// Writes the bytes, keeps the sending side open, and reads to the end of the connection.
    pub async fn raw(&self, request: &[u8]) -> String {
        timeout(PATIENCE, async {
            let mut stream = self.connect().await;
            // A server that has read enough may close while we write.
            let _ = stream.write_all(request).await;
            read_to_end(stream).await
        })
        .await
        .expect("the connection is closed in time")
    }

    /// Writes the bytes, then ends the sending side in the middle of it all.
    pub async fn raw_cut_off(&self, request: &[u8]) -> String {
        timeout(PATIENCE, async {
            let mut stream = self.connect().await;
            stream.write_all(request).await.unwrap();
            stream.shutdown().await.unwrap();
            read_to_end(stream).await
        })
        .await
        .expect("the connection is closed in time")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a server of another name. Its certificate does not fit, and the handshake ends so.
    pub async fn handshake_as(&self, name: &str) {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        assert!(TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.is_err());
    }

    pub async fn connect(&self) -> TlsStream<TcpStream> {
        self.try_connect().await.expect("a handshake")
    }
}

async fn read_to_end(mut stream: TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    // However the connection ends, what came before it is the answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// A request that is being put together.
pub struct Request<'a> {
    client: &'a Client,
    head: http::request::Builder,
    body: Vec<u8>,
}

impl Request<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head = self.head.header(name, value);
        self
    }

    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.header("content-type", content_type) }
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub async fn send(self) -> Answer {
        timeout(PATIENCE, self.exchange()).await.expect("an answer in time")
    }

    async fn exchange(self) -> Answer {
        let request = self.head.body(Full::new(Bytes::from(self.body))).unwrap();
        exchange(self.client.connect().await, request).await
    }
}

/// A GET in plain HTTP.
pub async fn fetch_plain(address: SocketAddr, path: &str) -> Answer {
    let request = http::Request::get(path).header("host", address.to_string()).body(Full::default()).unwrap();
    let asked = async { exchange(TcpStream::connect(address).await.unwrap(), request).await };
    timeout(PATIENCE, asked).await.expect("an answer in time")
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: http::Request<Full<Bytes>>,
) -> Answer {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    driver.abort();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's value, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The last segment of a problem's `type`.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert_eq!(json["requestId"], self.header("vezne-request-id"));
        json["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// Fails unless the status is this one, and shows what came instead.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Whether head or body hold a text.
    pub fn holds(&self, text: &str) -> bool {
        format!("{:?}", self.headers).contains(text) || String::from_utf8_lossy(&self.body).contains(text)
    }
}
