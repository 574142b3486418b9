//! From a file and the environment to a checked configuration.

use super::mistake::{Mistake, Mistakes, Origin};
use super::reader::Reader;
use super::source::{Environment, Source, is_ours};
use super::{CallbackConfig, Config, EgressConfig, HardeningMode, KeysConfig, LimitsConfig, LogConfig};
use super::{PageConfig, ProviderConfig, RetentionConfig, ServerConfig, StoreConfig, TelemetryConfig};
use crate::hardening::environment;
use crate::languages;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Longest configuration file that is read, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

impl Config {
    /// Reads the file (none: only the environment) and the process's `VEZNE_` variables.
    ///
    /// # Errors
    /// Every mistake of both.
    pub fn load(path: Option<&Path>) -> Result<Self, Mistakes> {
        let mut environment: Environment = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .filter(|(name, _)| is_ours(name))
            .collect();
        let held = environment::SECRETS.into_iter().filter(|name| environment::holds(name));
        environment.extend(held.map(|name| (name.to_owned(), "set".to_owned())));
        let Some(path) = path else {
            return Self::from_str("", &environment, Path::new("."));
        };
        let text = read_file(path).map_err(|mistake| Mistakes::new(vec![mistake]).of_file(path.into()))?;
        let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
        Self::from_str(&text, &environment, &folder.unwrap_or_default())
            .map_err(|mistakes| mistakes.of_file(path.into()))
    }

    /// Reads a file's text and the variables that override it. Relative paths,
    /// the variables' too, start at `base`.
    ///
    /// # Errors
    /// Every mistake of both.
    pub fn from_str(text: &str, environment: &Environment, base: &Path) -> Result<Self, Mistakes> {
        let source = Source::read(text, environment).map_err(Mistakes::new)?;
        let mut reader = Reader::new(source, base);
        let config = Self::read(&mut reader);
        match (config, reader.finish()) {
            (Some(config), mistakes) if mistakes.is_empty() => Ok(config),
            (_, mistakes) => Err(Mistakes::new(mistakes)),
        }
    }

    /// Asks for every key. Nothing only when the reader holds a mistake.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let live = reader.flag("live");
        let locales: Vec<_> = languages::tags().map(|tag| (tag, tag)).collect();
        let locale = reader.choice("locale", languages::DEFAULT, &locales).to_owned();
        let page = PageConfig::read(reader);
        let hardening = HardeningMode::read(reader);
        let server = ServerConfig::read(reader, live);
        let store = StoreConfig::read(reader);
        let keys = KeysConfig::read(reader);
        let provider = ProviderConfig::read(reader, live);
        let callback = CallbackConfig::read(reader);
        let retention = RetentionConfig::read(reader, &callback.retry);
        let egress = EgressConfig::read(reader);
        let limits = LimitsConfig::read(reader);
        let telemetry = TelemetryConfig::read(reader);
        let log = LogConfig::read(reader);
        Some(Self {
            live,
            locale,
            hardening,
            page,
            server: server?,
            store: store?,
            keys: keys?,
            provider,
            callback,
            retention,
            egress,
            limits,
            telemetry,
            log,
        })
    }

    /// What is allowed but deserves a second look; for `check-config` and the log at start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.server.danger_plain_http {
            warnings.push("server.danger_plain_http: card numbers cross the network in the clear".into());
        }
        if self.provider.test.is_none() && self.provider.live.is_none() {
            warnings.push("provider.card_token: neither test nor live is set, so every API key is refused".into());
        }
        if !self.live && self.provider.live.is_some() {
            warnings.push("provider.card_token.live: not used while live = false".into());
        }
        if self.server.shutdown_seconds < self.longest_call().as_secs() {
            warnings.push(
                "server.shutdown_seconds: less than timeout_ms of a provider: a stop may cut a card off on its way"
                    .into(),
            );
        }
        for network in self.server.proxy_protocol_from.iter().filter(|network| network.prefix_len() == 0) {
            warnings.push(format!("server.proxy_protocol_from: {network} lets every client say who it is"));
        }
        for network in self.egress.allow.iter().filter(|network| network.prefix_len() == 0) {
            warnings.push(format!("egress.allow: {network} lets callbacks reach every address, this machine's too"));
        }
        warnings
    }
}

impl Config {
    /// The longest that a call of a provider in use may take.
    fn longest_call(&self) -> Duration {
        let live = self.provider.live.as_ref().filter(|_| self.live);
        let calls = [self.provider.test.as_ref(), live].into_iter().flatten().map(|provider| provider.timeout);
        calls.max().unwrap_or_default()
    }
}

fn read_file(path: &Path) -> Result<String, Mistake> {
    let refuse = |found: String| Mistake {
        key: "configuration file".into(),
        origin: Origin::File,
        found,
        wanted: "a TOML file in UTF-8 of at most 1 MiB that this process can read".into(),
    };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > LONGEST_FILE => Err(refuse("a file above 1 MiB".into())),
        Ok(_) => Ok(text),
        Err(error) => Err(refuse(format!("a file that cannot be read: {}", error.kind()))),
    }
}
