//! The cardholder's side: TLS connections without resumption, and the journey
//! over one of them.

use crate::Outcome;
use crate::trust::TrustAll;
use actix_rt::net::TcpStream;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, ORIGIN};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use vezne::residue::RandomCards;

/// A connection that can send requests.
pub type Sender = SendRequest<Full<Bytes>>;

const BOUNDARY: &str = "----vezne-load-7MA4YWxkTrZu0gW";

/// One cardholder's way: a page, then the form with this card.
#[derive(Clone)]
pub struct Journey {
    /// The page's path.
    pub page: String,
    /// Where the form goes.
    pub form: String,
    /// The card's number.
    pub card: String,
}

/// The next card's number, as it is typed.
pub fn typed(cards: &mut RandomCards) -> String {
    String::from_utf8_lossy(&cards.number()).into_owned()
}

/// A key exchange that both servers can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyExchange {
    /// RFC 7748.
    X25519,
    /// X25519 and ML-KEM-768 together, as browsers do it.
    X25519MlKem768,
}

impl KeyExchange {
    /// The name that OpenSSL and IANA give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::X25519MlKem768 => "X25519MLKEM768",
        }
    }

    fn group(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => aws_lc_rs::kx_group::X25519,
            Self::X25519MlKem768 => aws_lc_rs::kx_group::X25519MLKEM768,
        }
    }
}

/// A client of one server.
pub struct Client {
    address: SocketAddr,
    origin: String,
    tls: TlsConnector,
    name: ServerName<'static>,
    form_answer: StatusCode,
}

impl Client {
    /// A client that takes `form_answer` for the form's right answer.
    pub fn new(address: SocketAddr, exchange: KeyExchange, form_answer: StatusCode) -> Outcome<Self> {
        let provider = Arc::new(CryptoProvider {
            kx_groups: vec![exchange.group()],
            // What browsers ask for first.
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
            ..aws_lc_rs::default_provider()
        });
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
            .with_no_client_auth();
        tls.resumption = Resumption::disabled();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            address,
            origin: format!("https://{address}"),
            tls: TlsConnector::from(Arc::new(tls)),
            name: ServerName::from(address.ip()),
            form_answer,
        })
    }

    /// Takes the page and sends the form over one new connection; both answers
    /// are read to their ends.
    pub async fn travel(&self, journey: &Journey) -> Outcome<()> {
        let mut connection = self.connect().await?;
        let page = self.page(&mut connection, &journey.page).await?;
        let form = multipart(form_token(&page)?, &journey.card);
        let request = self
            .request(Method::POST, &journey.form)
            .header(ORIGIN, &self.origin)
            .header("sec-fetch-site", "same-origin")
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(Full::from(form))?;
        let (status, _) = send(&mut connection, request).await?;
        if status == self.form_answer { Ok(()) } else { Err(format!("the form was answered {status}").into()) }
    }

    /// A new TLS connection.
    pub async fn connect(&self) -> Outcome<Sender> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(self.name.clone(), stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // How a connection ends is of no interest: an answer that misses is.
        actix_rt::spawn(connection);
        Ok(sender)
    }

    /// The page, over a connection that is there.
    pub async fn page(&self, connection: &mut Sender, path: &str) -> Outcome<Bytes> {
        let request = self.request(Method::GET, path).body(Full::default())?;
        match send(connection, request).await? {
            (StatusCode::OK, page) => Ok(page),
            (status, _) => Err(format!("the page was answered {status}").into()),
        }
    }

    /// A request's head, with its Host.
    pub fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(HOST, self.address.to_string())
    }
}

/// Sends a request and reads all of its answer.
pub async fn send(connection: &mut Sender, request: Request<Full<Bytes>>) -> Outcome<(StatusCode, Bytes)> {
    connection.ready().await?;
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}

fn form_token(page: &[u8]) -> Outcome<&str> {
    const FIELD: &str = r#"name="formToken" value=""#;
    let page = std::str::from_utf8(page)?;
    let value = page.split_once(FIELD).ok_or("the page has no form token")?.1;
    Ok(value.split_once('"').ok_or("the form token has no end")?.0)
}

/// The form as a browser sends it (RFC 7578).
fn multipart(form_token: &str, card: &str) -> String {
    let fields = [("formToken", form_token), ("cardNumber", card), ("expiry", "12 / 30"), ("cvv", "123")];
    let mut body = String::with_capacity(1024);
    for (name, value) in fields {
        body.extend(["--", BOUNDARY, "\r\nContent-Disposition: form-data; name=\"", name, "\"\r\n\r\n", value, "\r\n"]);
    }
    body.extend(["--", BOUNDARY, "--\r\n"]);
    body
}
