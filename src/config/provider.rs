//! Where the payment provider's services are and how long they may take.

use super::reader::Reader;
use super::source::Value;
use crate::provider::breaker::BreakerSettings;
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
    /// `connect_timeout_ms`: name lookup, TCP and TLS together. 100 to 30000;
    /// default 3000, or `timeout_ms` where that is less.
    pub connect_timeout: Duration,
    /// `timeout_ms`: one whole call, connecting included. Default 15000, 100 to 60000.
    pub timeout: Duration,
    /// `retry_codes`: provider codes that mean "stale, sign again"; one retry. Default
    /// `["0009", "0015"]`; at most 20 of at most 16 letters and digits.
    pub retry_codes: Vec<String>,
    /// `merchant_codes`: provider codes that speak about the merchant's keys or
    /// set-up: no attempt is counted against the cardholder. Default `["0001", "0003"]`;
    /// at most 20 of at most 16 letters and digits.
    pub merchant_codes: Vec<String>,
    /// `unique_conversation_ids`: append `-2`, `-3` from the second attempt on. Default false.
    pub unique_conversation_ids: bool,
    /// `breaker_failures`: failed calls in a row that stop further ones for a
    /// while; 0 never does. Default 10, at most 1000. `breaker_window_seconds`: time
    /// within which they must happen. Default 60, 1 to 3600. `breaker_pause_ms`:
    /// the first pause. Default 5000, 100 to 600000. `breaker_longest_pause_ms`:
    /// what it doubles up to. Default 60000, 100 to 3600000.
    pub breaker: BreakerSettings,
}

impl ProviderConfig {
    /// Reads `[provider.card_token.test]` and `[provider.card_token.live]`.
    pub(super) fn read(reader: &mut Reader<'_>, live: bool) -> Self {
        Self {
            test: CardTokenConfig::read(reader, "provider.card_token.test", false),
            live: CardTokenConfig::read(reader, "provider.card_token.live", live),
        }
    }
}

impl CardTokenConfig {
    /// Reads one mode's section. Nothing when it is absent or its URL is refused.
    fn read(reader: &mut Reader<'_>, section: &str, required: bool) -> Option<Self> {
        const URL: &str = r#"the provider's https URL, such as "https://provider.example.com/v1/card-token""#;
        const CODES: &str = r#"at most 20 codes of 1 to 16 letters and digits, such as ["0009", "0015"]"#;
        let key = |name: &str| format!("{section}.{name}");
        if required || reader.mentions(section) {
            reader.require(&key("url"), URL);
        }
        let url = reader.url(&key("url"), URL, |url| url.scheme() == "https");
        let ca_file = reader.file(&key("ca_file"), r#"a readable PEM file of roots, such as "roots.pem""#);
        let (client_certificate, client_key) = client_files(reader, section);
        let (connect_timeout, timeout) = timeouts(reader, section);
        let retry_codes = reader.list(&key("retry_codes"), 0..=20, CODES, provider_code);
        let merchant_codes = reader.list(&key("merchant_codes"), 0..=20, CODES, provider_code);
        let unique_conversation_ids = reader.flag(&key("unique_conversation_ids"));
        let breaker = breaker(reader, section);
        Some(Self {
            url: url?,
            ca_file,
            client_certificate,
            client_key,
            connect_timeout,
            timeout,
            retry_codes: retry_codes.unwrap_or_else(|| vec!["0009".into(), "0015".into()]),
            merchant_codes: merchant_codes.unwrap_or_else(|| vec!["0001".into(), "0003".into()]),
            unique_conversation_ids,
            breaker,
        })
    }
}

fn provider_code(item: &Value) -> Option<String> {
    let code = item.text()?;
    let fits = (1..=16).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then(|| code.to_owned())
}

/// The certificate for mutual TLS and its key: both or neither.
pub(super) fn client_files(reader: &mut Reader<'_>, section: &str) -> (Option<PathBuf>, Option<PathBuf>) {
    const CERTIFICATE: &str = r#"a readable PEM chain beside client_key, such as "client.pem""#;
    const KEY: &str = r#"a readable PEM key beside client_certificate, such as "client-key.pem""#;
    let (certificate, key) = (format!("{section}.client_certificate"), format!("{section}.client_key"));
    if reader.mentions(&certificate) {
        reader.require(&key, KEY);
    }
    if reader.mentions(&key) {
        reader.require(&certificate, CERTIFICATE);
    }
    (reader.file(&certificate, CERTIFICATE), reader.file(&key, KEY))
}

/// The time to connect and the time of the whole call, which holds it.
fn timeouts(reader: &mut Reader<'_>, section: &str) -> (Duration, Duration) {
    let connect_key = format!("{section}.connect_timeout_ms");
    let timeout = reader.milliseconds(&format!("{section}.timeout_ms"), 15_000, 100..=60_000);
    let connect_timeout = reader.milliseconds(&connect_key, 3_000, 100..=30_000);
    if reader.mentions(&connect_key) && connect_timeout > timeout {
        reader.refuse(&connect_key, "a time above timeout_ms", "at most timeout_ms, which includes it");
    }
    (connect_timeout.min(timeout), timeout)
}

/// When failing calls stop further ones.
fn breaker(reader: &mut Reader<'_>, section: &str) -> BreakerSettings {
    let key = |name: &str| format!("{section}.breaker_{name}");
    let failures = reader.number(&key("failures"), 10, 0..=1000, "failed calls");
    let window = Duration::from_secs(reader.number(&key("window_seconds"), 60, 1..=3600, "seconds"));
    let pause = reader.milliseconds(&key("pause_ms"), 5_000, 100..=600_000);
    let longest_pause = reader.milliseconds(&key("longest_pause_ms"), 60_000, 100..=3_600_000);
    BreakerSettings { failures, window, pause, longest_pause: longest_pause.max(pause) }
}
