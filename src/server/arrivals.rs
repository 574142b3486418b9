//! Accepted connections, each with its client's address: the peer's, or the one
//! that a configured balancer names.

use super::Options;
use super::proxy_protocol::{self, Origin, ProxyPeers};
use crate::telemetry::metrics::Traffic;
use actix_rt::net::TcpStream;
use actix_service::{ServiceFactory, fn_service};
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A connection and where it comes from.
pub(super) type Arrival = (TcpStream, Option<SocketAddr>);

/// How addresses are found out.
#[derive(Clone)]
pub(super) struct Arrivals {
    proxies: ProxyPeers,
    patience: Duration,
    traffic: Traffic,
}

impl Arrivals {
    pub fn new(options: &Options) -> Self {
        let Options { proxies, handshake_timeout, traffic, .. } = options;
        Self { proxies: proxies.clone(), patience: *handshake_timeout, traffic: traffic.clone() }
    }

    /// The first step of every connection.
    pub fn service(
        self,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = Arrival, Error = Error, InitError = ()> {
        fn_service(move |stream: TcpStream| {
            let arrivals = self.clone();
            async move { arrivals.identify(stream).await }
        })
    }

    /// Counts a connection that does not come to its first request.
    pub fn refused(&self, reason: &'static str) {
        self.traffic.refused.one([reason]);
    }

    async fn identify(&self, mut stream: TcpStream) -> Result<Arrival> {
        let peer = stream.peer_addr().ok();
        let Some(proxy) = peer.filter(|peer| self.proxies.contains(peer.ip())) else { return Ok((stream, peer)) };
        let late = || Error::new(ErrorKind::TimedOut, "no PROXY protocol header in time");
        let read = timeout(self.patience, proxy_protocol::read(&mut stream)).await;
        match read.unwrap_or_else(|_| Err(late())) {
            Ok(Origin::Client(client)) => Ok((stream, Some(client))),
            Ok(Origin::Peer) => Ok((stream, peer)),
            // It connected to see whether somebody listens.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(error),
            Err(error) => {
                self.refused("proxy_protocol");
                tracing::warn!(address = %proxy, %error, "a balancer's connection is refused");
                Err(error)
            }
        }
    }
}
