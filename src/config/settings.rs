//! The whole configuration and its smaller parts.

use super::{ProviderConfig, ServerConfig};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that `vezne serve` is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// `live`: real cards. Live API keys work only with it; every `danger_`
    /// switch is refused with it. Default false.
    pub live: bool,
    /// `locale`: the page's language when neither session nor browser names one. Default `tr`.
    pub locale: String,
    /// `[server]`
    pub server: ServerConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[keys]`
    pub keys: KeysConfig,
    /// `[provider]`
    pub provider: ProviderConfig,
    /// `[callback]`
    pub callback: CallbackConfig,
    /// `[egress]`
    pub egress: EgressConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[log]`
    pub log: LogConfig,
}

/// `[store]`: where sessions and merchants are kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `path`: the SQLite file; made when absent. Default `vezne.db`.
    pub path: PathBuf,
}

/// `[keys]`: the master key that seals secrets at rest.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// `master_key_file`: 32 bytes in base64. Without it `VEZNE_MASTER_KEY` holds them.
    pub master_key_file: Option<PathBuf>,
}

/// `[callback]`: how merchants' endpoints are called.
#[derive(Clone, Debug)]
pub struct CallbackConfig {
    /// `timeout_ms`: one delivery. Default 15000, at most 60000.
    pub timeout: Duration,
    /// `ca_file`: PEM roots to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// `retry_seconds`: waits after each failed delivery, ±20% jitter. The
    /// default spreads eleven deliveries over three days.
    pub retry: Vec<Duration>,
}

/// `[egress]`: what the address guard lets through.
#[derive(Clone, Debug, Default)]
pub struct EgressConfig {
    /// `allow`: networks (CIDR) that callbacks may reach although they are not
    /// on the public Internet. Default none.
    pub allow: Vec<IpNet>,
    /// `nameservers`: `address:port` of DNS servers; the system's when empty.
    pub nameservers: Vec<SocketAddr>,
}

/// `[limits]`: requests per process; above them the answer is 429 with Retry-After.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// `api_per_second`: calls of one merchant, bursts of twice as many. Default 100.
    pub api_per_second: u32,
    /// `page_per_minute`: page and form requests of one client address
    /// (IPv4 address, IPv6 /64). Default 300.
    pub page_per_minute: u32,
}

/// `[log]`: what is written and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. Default `info`.
    pub level: tracing::Level,
    /// `format`: `json` or `text`. Default `json`.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}
