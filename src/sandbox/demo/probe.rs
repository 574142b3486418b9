//! Whether the demo's processes answer `GET /livez`, each over its own protocol.

use super::{Announcement, DemoError};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::{Error, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// For all processes together.
const DEADLINE: Duration = Duration::from_secs(15);
/// For one attempt, and between attempts.
const ATTEMPT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(25);

/// The three addresses and how to trust them.
pub(super) struct Probes {
    targets: [(&'static str, Url); 3],
    tls: TlsConnector,
}

impl Probes {
    pub fn new(demo: &Announcement) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(&demo.ca).map_err(Error::other)?;
        roots.add(root).map_err(Error::other)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let livez = |base: &str| Url::parse(base).and_then(|base| base.join("/livez")).map_err(Error::other);
        Ok(Self {
            targets: [
                ("the sandbox", livez(&demo.sandbox_url)?),
                ("the shop", livez(&demo.shop_url)?),
                ("the window", livez(&demo.url)?),
            ],
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }

    /// Waits until all have answered 200.
    pub async fn all_ready(&self) -> std::result::Result<(), DemoError> {
        let mut waiting_for = "";
        let wait = async {
            for (name, url) in &self.targets {
                waiting_for = name;
                while !matches!(tokio::time::timeout(ATTEMPT, self.answers(url)).await, Ok(Ok(true))) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let waited = tokio::time::timeout(DEADLINE, wait).await;
        waited.map_err(|_| DemoError::Unavailable(format!("{waiting_for} did not answer within 15 seconds")))
    }

    async fn answers(&self, url: &Url) -> Result<bool> {
        // The shop's public name is `localhost`; all three listen on 127.0.0.1.
        let tcp = TcpStream::connect(("127.0.0.1", url.port_or_known_default().unwrap_or(0))).await?;
        if url.scheme() == "http" {
            return livez(tcp, url).await;
        }
        let name = ServerName::try_from(url.host_str().unwrap_or_default().to_owned()).map_err(Error::other)?;
        livez(self.tls.connect(name, tcp).await?, url).await
    }
}

async fn livez(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, url: &Url) -> Result<bool> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    let request = Request::get(url.path())
        .header("Host", url.authority())
        .header("Connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(Error::other)?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    connection.abort();
    Ok(answer.map_err(Error::other)?.status().is_success())
}
