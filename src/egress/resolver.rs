//! Host names to addresses without the C resolver, which loads modules and so
//! could not run behind the system call filter.

use crate::config::EgressConfig;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver as Dns, TokioResolver};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use thiserror::Error;
use url::Host;

/// No caller tries more addresses of one name than this.
const MAX_ADDRESSES: usize = 8;
/// One question to one server; a question is asked twice.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
const CACHED_ANSWERS: u64 = 256;
/// However long a record says it lives, a changed address is noticed after this.
const MAX_TTL: Duration = Duration::from_mins(5);

/// Why a name has no address for us.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The text cannot be a DNS name (RFC 1035 section 2.3.4).
    #[error("not a host name")]
    Name,
    /// No server gave an address; the cause says whether none exists.
    #[error("the name was not resolved: {0}")]
    Lookup(String),
}

/// Looks names up in `/etc/hosts`, its cache, then DNS. Clones share the cache.
///
/// Belongs to the runtime it is first used in, which its sockets live on.
#[derive(Clone)]
pub struct Resolver {
    dns: TokioResolver,
}

impl Resolver {
    /// Asks `egress.nameservers`, or the servers of the system's `resolv.conf`.
    /// Search lists are not used: a merchant's name must not turn into an
    /// internal one by a suffix.
    ///
    /// # Errors
    /// [`ResolveError::Lookup`] when the resolver cannot be put together.
    pub fn new(config: &EgressConfig) -> Result<Self, ResolveError> {
        let servers = match config.nameservers.as_slice() {
            [] => system_servers(),
            configured => configured.iter().copied().map(name_server).collect(),
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = Dns::builder_with_config(config, TokioRuntimeProvider::default());
        bound(builder.options_mut());
        let dns = builder.build().map_err(|error| ResolveError::Lookup(error.to_string()))?;
        Ok(Self { dns })
    }

    /// The addresses of a host, IPv4 first, at most eight. A literal address is
    /// its own answer.
    ///
    /// # Errors
    /// [`ResolveError`] when there is none.
    pub async fn addresses(&self, host: &Host<&str>) -> Result<Vec<IpAddr>, ResolveError> {
        let name = match *host {
            Host::Ipv4(address) => return Ok(vec![IpAddr::V4(address)]),
            Host::Ipv6(address) => return Ok(vec![IpAddr::V6(address).to_canonical()]),
            Host::Domain(name) => name,
        };
        let mut name = Name::from_ascii(name).map_err(|_| ResolveError::Name)?;
        name.set_fqdn(true);
        let found = self.dns.lookup_ip(name).await.map_err(|error| ResolveError::Lookup(error.to_string()))?;
        let addresses: Vec<_> = found.iter().take(MAX_ADDRESSES).map(|address| address.to_canonical()).collect();
        if addresses.is_empty() {
            return Err(ResolveError::Lookup("no address".to_owned()));
        }
        Ok(addresses)
    }
}

fn bound(options: &mut ResolverOpts) {
    options.timeout = QUERY_TIMEOUT;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    options.cache_size = CACHED_ANSWERS;
    options.positive_max_ttl = Some(MAX_TTL);
    options.negative_max_ttl = Some(Duration::from_secs(10));
    options.try_tcp_on_error = true;
}

/// The servers of `resolv.conf`; without any, the one on this machine, as
/// resolv.conf(5) has it.
fn system_servers() -> Vec<NameServerConfig> {
    match read_system_conf() {
        Ok((config, _)) if !config.name_servers.is_empty() => config.name_servers,
        _ => vec![name_server(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)))],
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}
