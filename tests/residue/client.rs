//! The cardholder's side, byte by byte: TLS connections that can be cut at any
//! place and in any way.

use crate::Outcome;
use crate::trust::TrustAll;
use rustix::net::sockopt::set_socket_linger;
use rustls::SupportedCipherSuite;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The longest that anything is waited for: far more than it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What telephones without instructions for AES ask for. On a server that has
/// them, AES passes through all vector registers and leaves nothing in them;
/// `ChaCha20` leaves those alone that copies pass through.
pub const CHACHA20: [SupportedCipherSuite; 2] =
    [TLS13_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];

pub type Connection = TlsStream<TcpStream>;

/// How a client ends a connection.
#[derive(Clone, Copy, Debug)]
pub enum Close {
    /// As TLS has it: `close_notify`, then the end of the sending side.
    Notify,
    /// The end of the sending side without a word of TLS.
    Fin,
    /// A reset.
    Reset,
}

impl Close {
    /// All of them in turn.
    pub fn by_turns(index: usize) -> Self {
        [Self::Notify, Self::Fin, Self::Reset][index % 3]
    }
}

/// Connects to one server, over TLS 1.3 and 1.2 and with AES and `ChaCha20` in turn.
pub struct Client {
    address: SocketAddr,
    manners: [TlsConnector; 4],
}

impl Client {
    pub fn new(address: SocketAddr) -> Outcome<Self> {
        let connector = |version, cipher_suites: &[SupportedCipherSuite]| -> Outcome<TlsConnector> {
            let default = aws_lc_rs::default_provider();
            let provider = Arc::new(CryptoProvider { cipher_suites: cipher_suites.to_vec(), ..default });
            let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[version])?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
                .with_no_client_auth();
            config.resumption = Resumption::disabled();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(TlsConnector::from(Arc::new(config)))
        };
        let manners = [
            connector(&TLS13, aws_lc_rs::ALL_CIPHER_SUITES)?,
            connector(&TLS12, aws_lc_rs::ALL_CIPHER_SUITES)?,
            connector(&TLS13, &CHACHA20)?,
            connector(&TLS12, &CHACHA20)?,
        ];
        Ok(Self { address, manners })
    }

    /// A new connection; the turn decides over its manner.
    pub async fn connect(&self, turn: usize) -> Outcome<Connection> {
        in_time(async {
            let tcp = TcpStream::connect(self.address).await?;
            tcp.set_nodelay(true)?;
            self.manners[turn % 4].connect(ServerName::from(self.address.ip()), tcp).await
        })
        .await
    }
}

/// Writes as much as the server takes: one that has read enough may close meanwhile.
pub async fn send(connection: &mut Connection, bytes: &[u8]) -> Outcome<()> {
    in_time(async {
        let _ = connection.write_all(bytes).await;
        let _ = connection.flush().await;
        Ok(())
    })
    .await
}

/// One answer, by its length; all that comes when it says that it is the last.
pub async fn one_answer(connection: &mut Connection) -> Outcome<Vec<u8>> {
    in_time(async {
        let mut answer = Vec::with_capacity(32 * 1024);
        loop {
            if wanted(&answer).is_some_and(|length| answer.len() >= length) {
                return Ok(answer);
            }
            match connection.read_buf(&mut answer).await {
                Ok(1..) => {}
                _ => return Ok(answer),
            }
        }
    })
    .await
}

/// As much of an answer as shows its head: the server's end of the connection is not awaited.
pub async fn part_of_answer(connection: &mut Connection) -> Outcome<Vec<u8>> {
    in_time(async {
        let mut answer = Vec::with_capacity(32 * 1024);
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") && connection.read_buf(&mut answer).await? > 0 {}
        Ok(answer)
    })
    .await
}

/// Everything until the server ends the connection, however it does.
pub async fn all_answers(connection: &mut Connection) -> Outcome<Vec<u8>> {
    in_time(async {
        let mut answers = Vec::new();
        let _ = connection.read_to_end(&mut answers).await;
        Ok(answers)
    })
    .await
}

/// Ends the sending side in the middle of it all, and reads what is said to that.
pub async fn half_close(mut connection: Connection) -> Outcome<Vec<u8>> {
    let _ = connection.shutdown().await;
    all_answers(&mut connection).await
}

/// Ends the connection.
pub async fn close(mut connection: Connection, how: Close) -> Outcome<()> {
    match how {
        Close::Notify => {
            let _ = timeout(PATIENCE, connection.shutdown()).await;
        }
        Close::Fin => {}
        Close::Reset => set_socket_linger(connection.get_ref().0, Some(Duration::ZERO))?,
    }
    Ok(())
}

/// How long an answer is, once its head is there; the largest number when it
/// lasts until the end of the connection.
fn wanted(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    if text.contains("\r\nconnection: close\r\n") {
        return Some(usize::MAX);
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    Some(length.map_or(usize::MAX, |length| head + length))
}

async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> Outcome<T> {
    Ok(timeout(PATIENCE, step).await.map_err(|_| "a server did not go on in time")??)
}
