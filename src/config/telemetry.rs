//! The private listener: health and metrics, for the operator alone.

use super::reader::Reader;
use std::net::SocketAddr;

/// `[telemetry]`: where this process tells how it is.
#[derive(Clone, Debug, Default)]
pub struct TelemetryConfig {
    /// `listen`: serve `/livez`, `/readyz` and `/metrics` here, in plain HTTP.
    /// Default none: no private listener.
    pub listen: Option<SocketAddr>,
    /// `allow_remote`: `listen` may be an address that other machines reach.
    /// Whoever reaches it reads volumes and states, no secrets and no cards.
    /// Default false.
    pub allow_remote: bool,
}

impl TelemetryConfig {
    /// Reads `[telemetry]`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const LISTEN: &str =
            r#"a loopback address and port, such as "127.0.0.1:9464"; another with allow_remote = true"#;
        let allow_remote = reader.flag("telemetry.allow_remote");
        let listen = reader.address("telemetry.listen", LISTEN, |address| {
            let is_private = allow_remote || address.ip().to_canonical().is_loopback();
            if is_private { Ok(()) } else { Err("an address that other machines may reach".into()) }
        });
        Self { listen, allow_remote }
    }
}
