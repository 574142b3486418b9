//! Where the payment provider's services are and how long they may take.

use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// `[provider]`: one upstream per mode. A mode without one refuses its API keys.
#[derive(Clone, Debug, Default)]
pub struct ProviderConfig {
    /// `[provider.card_token.test]`: used by sessions made with `vz_test_` keys.
    pub test: Option<CardTokenConfig>,
    /// `[provider.card_token.live]`: used by sessions made with `vz_live_` keys.
    pub live: Option<CardTokenConfig>,
}

/// The card-token service of one mode (docs/protocols/card-token.md).
#[derive(Clone, Debug)]
pub struct CardTokenConfig {
    /// `url`: the whole https URL that the form is posted to. Required.
    pub url: Url,
    /// `ca_file`: PEM roots to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// `client_certificate`: PEM chain for mutual TLS; needs `client_key`.
    pub client_certificate: Option<PathBuf>,
    /// `client_key`: PEM key of `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// `connect_timeout_ms`: name lookup, TCP and TLS together. Default 3000, at most 30000.
    pub connect_timeout: Duration,
    /// `timeout_ms`: one whole call, connecting included. Default 15000, at most 60000.
    pub timeout: Duration,
    /// `retry_codes`: provider codes that mean "stale, sign again"; one retry. Default `["0009", "0015"]`.
    pub retry_codes: Vec<String>,
    /// `unique_conversation_ids`: append `-2`, `-3` from the second attempt on. Default false.
    pub unique_conversation_ids: bool,
}
