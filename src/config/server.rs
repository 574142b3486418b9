//! Where and how the window listens.

use super::reader::Reader;
use ipnet::IpNet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use url::Url;

/// `[server]`: the listener, its certificate and its public name.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `listen`: addresses to accept on. Default `["127.0.0.1:8443"]`.
    pub listen: Vec<SocketAddr>,
    /// `public_url`: what browsers and merchants call this service: an https
    /// origin without path. Required. With `danger_plain_http` it may be http
    /// to a loopback host.
    pub public_url: Url,
    /// `certificate`: PEM chain, leaf first. Read again when the file changes.
    pub certificate: Option<PathBuf>,
    /// `private_key`: PEM (PKCS #8, SEC1 or PKCS #1). Read again with the certificate.
    pub private_key: Option<PathBuf>,
    /// `user`: the name or number of the user that a start as root goes on as
    /// once the addresses are bound. Default none: the user that started it.
    pub user: Option<String>,
    /// `workers`: threads that serve requests; 0 means one per core. Default 0, at most 512.
    pub workers: usize,
    /// `max_connections`: per worker, further ones wait in the backlog. Default 10000, at most 1000000.
    pub max_connections: usize,
    /// `shutdown_seconds`: how long requests in flight may take to end. Default 30, at most 3600.
    pub shutdown_seconds: u64,
    /// `proxy_protocol_from`: networks (CIDR) of balancers whose connections begin
    /// with a PROXY protocol header of version 2. Default none, at most 64.
    pub proxy_protocol_from: Vec<IpNet>,
    /// `danger_plain_http`: serve without TLS. Warns at start; refused when `live`.
    pub danger_plain_http: bool,
}

impl ServerConfig {
    /// Reads `[server]`. Nothing when `public_url` is missing or refused.
    pub(super) fn read(reader: &mut Reader<'_>, live: bool) -> Option<Self> {
        let danger_plain_http = reader.danger("server.danger_plain_http", live);
        let listen = reader.list("server.listen", 1..=16, LISTEN, |item| item.text()?.parse().ok());
        let public_url = public_url(reader, danger_plain_http);
        let (certificate, private_key) = tls_files(reader, danger_plain_http);
        let user = reader.name("server.user", USER);
        let workers = reader.number("server.workers", 0, 0..=512, "threads");
        let max_connections = reader.number("server.max_connections", 10_000, 1..=1_000_000, "connections");
        let shutdown_seconds = reader.number("server.shutdown_seconds", 30, 1..=3600, "seconds");
        let proxies = reader.list("server.proxy_protocol_from", 0..=64, PROXIES, |item| item.text()?.parse().ok());
        Some(Self {
            listen: listen.unwrap_or_else(|| vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8443))]),
            public_url: public_url?,
            certificate,
            private_key,
            user,
            workers,
            max_connections,
            shutdown_seconds,
            proxy_protocol_from: proxies.unwrap_or_default(),
            danger_plain_http,
        })
    }
}

const LISTEN: &str = r#"1 to 16 of address:port, such as ["0.0.0.0:8443", "[::]:8443"]"#;
const PROXIES: &str = r#"at most 64 networks of balancers, such as ["10.0.0.0/24"]"#;
const USER: &str = r#"a user's name or number other than root's, such as "vezne""#;
const PUBLIC_URL: &str = r#"an https origin without a path, such as "https://pay.example.com""#;

fn public_url(reader: &mut Reader<'_>, danger_plain_http: bool) -> Option<Url> {
    reader.require("server.public_url", PUBLIC_URL);
    reader.url("server.public_url", PUBLIC_URL, |url| {
        let is_origin = url.path() == "/" && url.query().is_none();
        is_origin && (url.scheme() == "https" || (danger_plain_http && url.scheme() == "http" && is_loopback(url)))
    })
}

impl ServerConfig {
    /// Whether browsers may be told to insist on https (RFC 6797): not on a
    /// loopback address, where that would bind every other server of the host.
    #[must_use]
    pub fn wants_hsts(&self) -> bool {
        self.public_url.scheme() == "https" && !is_loopback(&self.public_url)
    }
}

impl ServerConfig {
    /// Puts the number of cores where 0 stands for it. A container's share of
    /// them is told by files that a hardened process does not read.
    pub fn fix_workers(&mut self) {
        if self.workers == 0 {
            self.workers = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The certificate and its key: both, or neither and the switch that says so.
fn tls_files(reader: &mut Reader<'_>, danger_plain_http: bool) -> (Option<PathBuf>, Option<PathBuf>) {
    const CERTIFICATE: &str = r#"a readable PEM chain, such as "tls/fullchain.pem""#;
    const PRIVATE_KEY: &str = r#"a readable PEM key, such as "tls/private.pem""#;
    let certificate = reader.file("server.certificate", CERTIFICATE);
    let private_key = reader.file("server.private_key", PRIVATE_KEY);
    let is_named = |key| reader.mentions(key);
    let must_have = match (is_named("server.certificate"), is_named("server.private_key")) {
        (false, false) if danger_plain_http => &[][..],
        _ => &[("server.certificate", CERTIFICATE), ("server.private_key", PRIVATE_KEY)],
    };
    for (key, what) in must_have {
        reader.require(key, what);
    }
    (certificate, private_key)
}
