//! Configuration: one struct per concern, read from a file and the environment.
//!
//! ```text
//! file ──▶ source ──▶ reader ──▶ Config        every key asked for by its type
//! environment ─┘         └─────▶ Mistakes      all that is wrong, at once
//! ```
//!
//! Every key is in docs/configuration.md; a test holds the two together.

mod keys;
mod load;
mod mistake;
mod nearest;
mod provider;
mod reader;
mod retention;
mod server;
mod settings;
mod source;
mod store;
mod telemetry;
#[cfg(test)]
mod tests;

pub use keys::{KeySource, KeysConfig};
pub use mistake::{Mistake, Mistakes, Origin};
pub use provider::{CardTokenConfig, ProviderConfig};
pub use retention::RetentionConfig;
pub use server::ServerConfig;
pub use settings::{
    CallbackConfig, Config, DEFAULT_RETRY_SECONDS, EgressConfig, HardeningMode, LimitsConfig, LogConfig, LogFormat,
    PageConfig,
};
pub use source::Environment;
pub use store::{Backend, PostgresConfig, PostgresHost, StoreConfig};
pub use telemetry::TelemetryConfig;
