//! Configuration: one struct per concern, read from a file and the environment.

mod provider;
mod server;
mod settings;

pub use provider::{CardTokenConfig, ProviderConfig};
pub use server::ServerConfig;
pub use settings::{CallbackConfig, Config, EgressConfig, KeysConfig, LimitsConfig, LogConfig, LogFormat, StoreConfig};
