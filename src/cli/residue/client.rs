//! A cardholder's connection, byte by byte: what a browser would not send must
//! be sent too. The server is known by its very certificate.

use crate::config::Config;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    StreamOwned,
};
use std::cell::{Cell, RefCell};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use url::{Position, Url};

/// For one read or write.
const PATIENCE: Duration = Duration::from_mins(1);
/// The largest answer that is taken: a page has some 60 KiB.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Opens connections to one instance, each from another loopback address where
/// that is possible: one address would meet the limit per client.
pub struct Client {
    address: SocketAddr,
    url: Url,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    opened: Cell<u32>,
    /// Our ends of all connections.
    ports: RefCell<Vec<u16>>,
}

/// A connection, with TLS or without.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A status and a body.
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub retry_after: Option<u64>,
}

impl Client {
    /// A client of the instance that this configuration starts.
    pub fn new(config: &Config, address: Option<SocketAddr>) -> io::Result<Self> {
        let listen = address.or_else(|| config.server.listen.first().copied());
        let mut address = listen.ok_or(ErrorKind::AddrNotAvailable)?;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let url = config.server.public_url.clone();
        let tls = config.server.certificate.as_deref().map(|path| {
            let leaf = CertificateDer::from_pem_file(path)
                .map_err(|error| Error::other(format!("{}: {error}", path.display())))?;
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(Error::other)?;
            Ok::<_, Error>((pinned(leaf)?, name))
        });
        Ok(Self { address, url, tls: tls.transpose()?, opened: Cell::default(), ports: RefCell::default() })
    }

    /// `Host` of every request.
    pub fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// `Origin` of a form.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The server's port.
    pub fn server_port(&self) -> u16 {
        self.address.port()
    }

    /// Our end of every connection so far, to see when they have ended.
    pub fn ports(&self) -> Vec<u16> {
        self.ports.borrow().clone()
    }

    /// A new connection.
    pub fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = self.dial()?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        self.ports.borrow_mut().push(tcp.local_addr()?.port());
        let Some((config, name)) = &self.tls else { return Ok(Box::new(tcp)) };
        let connection = ClientConnection::new(Arc::clone(config), name.clone()).map_err(Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, tcp)))
    }

    fn dial(&self) -> io::Result<TcpStream> {
        let turn = self.opened.get();
        self.opened.set(turn + 1);
        let SocketAddr::V4(address) = self.address else { return TcpStream::connect(self.address) };
        if !address.ip().is_loopback() {
            return TcpStream::connect(self.address);
        }
        let [high, low] = u16::try_from(turn % 50_000).unwrap_or_default().to_be_bytes();
        let ours = SocketAddr::from((Ipv4Addr::new(127, 77, high, low.max(1)), 0));
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &ours)?;
        connect(&socket, &self.address)?;
        Ok(TcpStream::from(socket))
    }
}

/// Sends a whole request and reads the answer: to its declared length, or to the connection's end.
pub fn exchange(stream: &mut dyn Stream, request: &[u8]) -> io::Result<Answer> {
    // A server that refuses early may close before all is sent; its answer is there all the same.
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    read_answer(stream).map_err(|error| sent.err().unwrap_or(error))
}

fn read_answer(stream: &mut dyn Stream) -> io::Result<Answer> {
    let mut answer = Vec::new();
    let head_end = loop {
        if let Some(end) = answer.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut answer)?.then_some(()).ok_or(ErrorKind::UnexpectedEof)?;
    };
    let head = String::from_utf8_lossy(&answer[..head_end]).into_owned();
    let number = |name: &str| header(&head, name).and_then(|value| value.parse().ok());
    let length = number("content-length").unwrap_or(MAX_ANSWER).min(MAX_ANSWER);
    while ((answer.len() - head_end) as u64) < length && read_more(stream, &mut answer)? {}
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    let body = String::from_utf8_lossy(&answer[head_end..]).into_owned();
    Ok(Answer { status, body, retry_after: number("retry-after") })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Whether there was more. An end without TLS's farewell is an end too.
fn read_more(stream: &mut dyn Stream, answer: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece) {
        Ok(read) => {
            answer.extend_from_slice(&piece[..read]);
            Ok(read > 0)
        }
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Ok(false),
        Err(error) => Err(error),
    }
}

fn pinned(leaf: CertificateDer<'static>) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let mut config = with_provider(provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { leaf, algorithms }))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn with_provider(
    provider: Arc<CryptoProvider>,
) -> io::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(Error::other)
}

/// Takes one certificate and no other: the file that the server was given. Who
/// signed it, its names and its dates are the operator's affair.
#[derive(Debug)]
struct Pinned {
    leaf: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if *leaf == self.leaf {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
