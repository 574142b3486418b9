//! The whole configuration and its smaller parts.

use super::reader::Reader;
use super::source::Value;
use super::{KeysConfig, ProviderConfig, RetentionConfig, ServerConfig, StoreConfig, TelemetryConfig};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tracing::Level;
use url::Url;

/// Waits after each failed delivery of a callback, in seconds: eleven
/// deliveries over a little more than three days, enough for a weekend's outage.
#[rustfmt::skip]
pub const DEFAULT_RETRY_SECONDS: [u64; 10] = [
    5, 30,                             // a restart
    2 * 60, 10 * 60,                   // a deployment
    3600, 3 * 3600, 8 * 3600,          // an incident
    12 * 3600, 24 * 3600, 24 * 3600,   // a weekend
];

/// Everything that `vezne serve` is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// `live`: real cards. Live API keys work only with it; every `danger_`
    /// switch is refused with it. Default false.
    pub live: bool,
    /// `locale`: the page's language when neither session nor browser
    /// names one, by its tag. Default `tr`.
    pub locale: String,
    /// `hardening`: what happens when a measure of `hardening::process` fails:
    /// `prefer` warns, `require` refuses to start. Default `prefer`.
    pub hardening: HardeningMode,
    /// `[page]`
    pub page: PageConfig,
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
    /// `[retention]`
    pub retention: RetentionConfig,
    /// `[egress]`
    pub egress: EgressConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
    /// `[log]`
    pub log: LogConfig,
}

/// How much of the process's hardening must hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HardeningMode {
    /// All that can be done; what is missing is a warning.
    Prefer,
    /// Everything that this kernel can do, or no start.
    Require,
}

/// `[page]`: what the operator adds to the card page.
#[derive(Clone, Debug, Default)]
pub struct PageConfig {
    /// `privacy_url`: the operator's privacy notice, linked below every page:
    /// an https URL, in which `{locale}` stands for the page's language. None
    /// by default, and then no link.
    pub privacy_url: Option<String>,
}

/// `[callback]`: how merchants' endpoints are called.
#[derive(Clone, Debug)]
pub struct CallbackConfig {
    /// `timeout_ms`: one delivery. Default 15000, 100 to 60000.
    pub timeout: Duration,
    /// `ca_file`: PEM roots to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// `retry_seconds`: waits after each failed delivery, ±20% jitter. The
    /// default ([`DEFAULT_RETRY_SECONDS`]) spreads eleven deliveries over three
    /// days. 1 to 20 waits of 1 second to 2 days.
    pub retry: Vec<Duration>,
}

/// `[egress]`: where callbacks may go.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// `allow`: networks (CIDR) that callbacks may reach although they are not
    /// on the public Internet. Default none, at most 64.
    pub allow: Vec<IpNet>,
    /// `nameservers`: `address:port` of DNS servers; the system's when
    /// empty. At most 8.
    pub nameservers: Vec<SocketAddr>,
    /// `ports`: TCP ports that callbacks may go to. Default `[443]`, 1 to 16.
    pub ports: Vec<u16>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), nameservers: Vec::new(), ports: vec![443] }
    }
}

/// `[limits]`: requests per process; above them the answer is 429 with Retry-After.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// `api_per_second`: calls of one merchant, bursts of twice as many. Default 100,
    /// at most 100000.
    pub api_per_second: u32,
    /// `page_per_minute`: page and form requests of one client address
    /// (IPv4 address, IPv6 /64). Default 300, at most 1000000.
    pub page_per_minute: u32,
}

/// `[log]`: what is written and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. Default `info`.
    pub level: Level,
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

impl HardeningMode {
    /// Reads `hardening`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.choice("hardening", Self::Prefer, &[("prefer", Self::Prefer), ("require", Self::Require)])
    }
}

impl PageConfig {
    /// Reads `[page]`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const PRIVACY: &str = r#"an https URL, such as "https://example.com/{locale}/privacy""#;
        let is_https = |url: &Url| url.scheme() == "https";
        Self { privacy_url: reader.url_with("page.privacy_url", PRIVACY, "{locale}", is_https) }
    }
}

impl CallbackConfig {
    /// Reads `[callback]`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const RETRY: &str = "1 to 20 waits of 1 to 172800 seconds (2 days), such as [5, 60, 3600]";
        let wait = |item: &Value| {
            let seconds = u64::try_from(item.number()?).ok()?;
            (1..=2 * 24 * 3600).contains(&seconds).then(|| Duration::from_secs(seconds))
        };
        let retry = reader.list("callback.retry_seconds", 1..=20, RETRY, wait);
        Self {
            timeout: reader.milliseconds("callback.timeout_ms", 15_000, 100..=60_000),
            ca_file: reader.file("callback.ca_file", r#"a readable PEM file of roots, such as "roots.pem""#),
            retry: retry.unwrap_or_else(|| DEFAULT_RETRY_SECONDS.map(Duration::from_secs).to_vec()),
        }
    }
}

impl EgressConfig {
    /// Reads `[egress]`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const ALLOW: &str = r#"at most 64 networks, such as ["10.20.0.0/16", "fd00:20::/32"]"#;
        const PORTS: &str = "1 to 16 TCP ports from 1 to 65535, such as [443, 8443]";
        const NAMESERVERS: &str = r#"at most 8 of address:port, such as ["10.0.0.53:53"]"#;
        let allow = reader.list("egress.allow", 0..=64, ALLOW, |item| item.text()?.parse().ok());
        let nameservers = reader.list("egress.nameservers", 0..=8, NAMESERVERS, |item| item.text()?.parse().ok());
        let port = |item: &Value| u16::try_from(item.number()?).ok().filter(|&port| port > 0);
        let ports = reader.list("egress.ports", 1..=16, PORTS, port);
        let default = Self::default();
        Self {
            allow: allow.unwrap_or(default.allow),
            nameservers: nameservers.unwrap_or(default.nameservers),
            ports: ports.unwrap_or(default.ports),
        }
    }
}

impl LimitsConfig {
    /// Reads `[limits]`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            api_per_second: reader.number("limits.api_per_second", 100, 1..=100_000, "calls"),
            page_per_minute: reader.number("limits.page_per_minute", 300, 1..=1_000_000, "requests"),
        }
    }
}

impl LogConfig {
    /// Reads `[log]`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const LEVELS: [(&str, Level); 5] = [
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ];
        const FORMATS: [(&str, LogFormat); 2] = [("json", LogFormat::Json), ("text", LogFormat::Text)];
        Self {
            level: reader.choice("log.level", Level::INFO, &LEVELS),
            format: reader.choice("log.format", LogFormat::Json, &FORMATS),
        }
    }
}
