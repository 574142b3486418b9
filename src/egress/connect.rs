//! From a URL to an HTTP/1.1 connection: look the name up, judge each address,
//! connect to exactly what was judged, shake hands.

use super::{AddressGuard, Refused, ResolveError, Resolver};
use crate::hardening::registers::cleared;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

/// What hyper may buffer of one connection's answer head.
const MAX_BUFFER: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// Sends requests on one connection; dropping it closes the connection.
pub type Sender = SendRequest<Full<Bytes>>;

/// At which step a connection failed. Holds addresses and library texts, no
/// path, header or body.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not an https URL with a host, nor http on this machine.
    #[error("not an https URL with a host")]
    Url,
    /// The name has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Every address of the name was refused by the guard.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Not a port that callbacks may go to.
    #[error("the port {0} is not one of egress.ports")]
    Port(u16),
    /// No address accepted the connection.
    #[error("TCP: {0}")]
    Tcp(#[source] io::Error),
    /// The TLS handshake failed: an unknown authority, another name, a reset.
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
    /// HTTP could not start on the connection.
    #[error("HTTP: {0}")]
    Handshake(#[source] hyper::Error),
    /// Name lookup, TCP and TLS together took longer than allowed.
    #[error("connecting took too long")]
    Timeout,
}

/// Opens connections. Cheap to clone; see [`Resolver`] for the runtime it belongs to.
#[derive(Clone)]
pub struct Connector {
    /// Names to addresses.
    pub resolver: Resolver,
    /// What stands before addresses that merchants chose; none for the operator's own.
    pub guard: Option<AddressGuard>,
    /// Trust and identity.
    pub tls: Arc<ClientConfig>,
    /// Name lookup, TCP and TLS together.
    pub timeout: Duration,
}

impl Connector {
    /// Connects to the host and port of an https URL, or of an http URL whose
    /// addresses are loopback ones: a shop under development. The task that
    /// drives the connection runs on the current runtime until the [`Sender`]
    /// is dropped.
    ///
    /// # Errors
    /// [`ConnectError`]; no byte of a request has left by then.
    pub async fn connect(&self, url: &Url) -> Result<Sender, ConnectError> {
        let deadline = Instant::now() + self.timeout;
        let connected = async {
            let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
                return Err(ConnectError::Url);
            };
            if self.guard.as_ref().is_some_and(|guard| !guard.allows_port(port)) {
                return Err(ConnectError::Port(port));
            }
            match url.scheme() {
                "https" => handshake(TokioIo::new(self.secure(&host, port, deadline).await?)).await,
                "http" => handshake(TokioIo::new(self.plain(&host, port, deadline).await?)).await,
                _ => Err(ConnectError::Url),
            }
        };
        timeout_at(deadline, connected).await.map_err(|_| ConnectError::Timeout)?
    }

    async fn secure(
        &self,
        host: &Host<&str>,
        port: u16,
        deadline: Instant,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = server_name(host)?;
        let addresses = self.permitted(self.resolver.addresses(host).await?)?;
        let tcp = dial(&addresses, port, deadline).await.map_err(ConnectError::Tcp)?;
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(ConnectError::Tls)
    }

    /// Without TLS, and so to this machine only, whatever the name resolves to.
    async fn plain(&self, host: &Host<&str>, port: u16, deadline: Instant) -> Result<TcpStream, ConnectError> {
        let mut addresses = self.permitted(self.resolver.addresses(host).await?)?;
        addresses.retain(IpAddr::is_loopback);
        if addresses.is_empty() {
            return Err(ConnectError::Url);
        }
        dial(&addresses, port, deadline).await.map_err(ConnectError::Tcp)
    }

    /// Keeps the addresses that the guard lets through, if it lets any.
    fn permitted(&self, mut addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refused> {
        let Some(guard) = &self.guard else { return Ok(addresses) };
        let mut refused = None;
        addresses.retain(|&address| guard.check(address).map_err(|why| refused = Some(why)).is_ok());
        match refused {
            Some(refused) if addresses.is_empty() => Err(refused),
            _ => Ok(addresses),
        }
    }
}

/// Tries each address in turn. Each gets an even share of the time that is
/// left, so that one that swallows packets does not use it all up.
async fn dial(addresses: &[IpAddr], port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, &address) in (0u32..).zip(addresses) {
        let untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX) - tried;
        let share = deadline.saturating_duration_since(Instant::now()) / untried;
        let attempt = timeout_at(Instant::now() + share, TcpStream::connect(SocketAddr::new(address, port))).await;
        match attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The name that the certificate must carry (RFC 9525): a final dot is no part of it.
fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, ConnectError> {
    match *host {
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::V4(address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::V6(address))),
        Host::Domain(name) => {
            ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(|_| ConnectError::Url)
        }
    }
}

async fn handshake(io: impl Read + Write + Unpin + Send + 'static) -> Result<Sender, ConnectError> {
    let (sender, connection) = Builder::new()
        .max_buf_size(MAX_BUFFER)
        .max_headers(MAX_HEADERS)
        // Queues the body beside the head, whatever the stream says of itself;
        // a flattened write would copy the card into hyper's own buffer.
        .writev(true)
        .handshake(io)
        .await
        .map_err(ConnectError::Handshake)?;
    // How a connection ends is told to whoever waits for an answer on it.
    // The task encrypts a card's body, through the vector registers.
    drop(tokio::spawn(cleared(async move { drop(connection.await) })));
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::post_request;
    use hyper::header::HeaderMap;
    use hyper::rt::ReadBufCursor;
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll};

    /// A stream that never answers and tells where in memory each written piece
    /// lay. It claims no vectored writes, as a careless wrapper would.
    struct Places(mpsc::Sender<(usize, usize)>);

    impl Read for Places {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl Write for Places {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
            self.0.send((piece.as_ptr().addr(), piece.len())).map_err(io::Error::other)?;
            Poll::Ready(Ok(piece.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn the_body_is_written_from_its_own_memory() {
        let (sender, places) = mpsc::channel();
        let mut connection = handshake(Places(sender)).await.unwrap();
        let body = Bytes::from_owner(vec![b'7'; 900]);
        let body_place = (body.as_ptr().addr(), body.len());
        let request = post_request(&"https://localhost/".parse().unwrap(), HeaderMap::new(), body).unwrap();
        let call = tokio::spawn(async move { connection.send_request(request).await.map(drop) });
        let next = move || places.recv_timeout(Duration::from_secs(2));
        let written = tokio::task::spawn_blocking(move || [next(), next()]).await.unwrap();
        assert_eq!(written[1], Ok(body_place), "head and body are two pieces: {written:?}");
        call.abort();
    }
}
