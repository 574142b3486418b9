//! Where and how the window listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// `[server]`: the listener, its certificate and its public name.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `listen`: addresses to accept on. Default `["127.0.0.1:8443"]`.
    pub listen: Vec<SocketAddr>,
    /// `public_url`: what browsers and merchants call this service: an https
    /// origin without path. Required.
    pub public_url: Url,
    /// `certificate`: PEM chain, leaf first. Read again when the file changes.
    pub certificate: Option<PathBuf>,
    /// `private_key`: PEM (PKCS #8, SEC1 or PKCS #1). Read again with the certificate.
    pub private_key: Option<PathBuf>,
    /// `workers`: threads that serve requests; 0 means one per core. Default 0.
    pub workers: usize,
    /// `max_connections`: per worker, further ones wait in the backlog. Default 10000.
    pub max_connections: usize,
    /// `shutdown_seconds`: how long requests in flight may take to end. Default 30.
    pub shutdown_seconds: u64,
    /// `danger_plain_http`: serve without TLS. Warns at start; refused when `live`.
    pub danger_plain_http: bool,
}
