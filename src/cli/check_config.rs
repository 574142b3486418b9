//! `vezne check-config`: reads the configuration as `serve` would and says what it means.

use super::Failure;
use crate::config::{Backend, CallbackConfig, CardTokenConfig, Config};
use clap::ValueHint;
use std::path::PathBuf;
use std::time::Duration;

/// Check a configuration and print what would run, or every mistake.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration file; without it only VEZNE_ variables are read.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

/// Prints `ok`, a summary and the warnings.
///
/// # Errors
/// [`Failure::config`] with every mistake.
pub fn run(args: Args) -> Result<(), Failure> {
    let Args { config: file } = args;
    let config = Config::load(file.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    print!("{}", summary(&config));
    Ok(())
}

/// One line a fact, warnings last.
fn summary(config: &Config) -> String {
    let mut lines = vec!["ok".to_owned()];
    let mut say = |name: &str, fact: &str| lines.push(format!("  {name:<11} {fact}"));
    say("cards", if config.live { "real ones (live = true)" } else { "test cards only (live = false)" });
    let protocol = if config.server.danger_plain_http { "plain HTTP" } else { "TLS" };
    for address in &config.server.listen {
        say("listen", &format!("{address}, {protocol}"));
    }
    if let Some(address) = config.telemetry.listen {
        say("telemetry", &format!("{address}, plain HTTP"));
    }
    say("public URL", config.server.public_url.as_str());
    say("test keys", &upstream(config.provider.test.as_ref()));
    let live = config.provider.live.as_ref().filter(|_| config.live);
    say("live keys", &upstream(live));
    say("store", &store(&config.store.backend));
    say("master key", &config.keys.master.to_string());
    if let Some(previous) = &config.keys.previous {
        say("previous", &format!("{previous}, opens and does not seal"));
    }
    say("callbacks", &deliveries(&config.callback));
    say("language", &config.locale);
    for warning in config.warnings() {
        say("warning", &warning);
    }
    lines.join("\n") + "\n"
}

fn store(backend: &Backend) -> String {
    match backend {
        Backend::Sqlite(path) => path.display().to_string(),
        Backend::Postgres(postgres) => format!("PostgreSQL at {postgres}, {}", postgres.protocol()),
    }
}

fn upstream(service: Option<&CardTokenConfig>) -> String {
    service.map_or_else(|| "refused".into(), |service| format!("to {}", service.url))
}

fn deliveries(callback: &CallbackConfig) -> String {
    let hours = callback.retry.iter().sum::<Duration>().as_secs() / 3600;
    format!("up to {} deliveries over {hours} hours", callback.retry.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_summary_tells_what_would_run_and_warns() {
        let text = "server.danger_plain_http = true\nserver.public_url = 'http://localhost:8080'\n\
                    egress.allow = ['0.0.0.0/0']\n\
                    [provider.card_token.test]\nurl = 'https://provider.example.com/token'\n";
        let environment = Environment::from([("VEZNE_MASTER_KEY".into(), "not read here".into())]);
        let config = Config::from_str(text, &environment, &std::env::temp_dir()).unwrap();
        let summary = summary(&config);
        for line in [
            "ok\n",
            "  cards       test cards only (live = false)\n",
            "  listen      127.0.0.1:8443, plain HTTP\n",
            "  test keys   to https://provider.example.com/token\n",
            "  live keys   refused\n",
            "  master key  VEZNE_MASTER_KEY\n",
            "  callbacks   up to 11 deliveries over 72 hours\n",
            "  warning     server.danger_plain_http: ",
            "  warning     egress.allow: 0.0.0.0/0 ",
        ] {
            assert!(summary.contains(line), "{line:?} in\n{summary}");
        }
        assert!(!summary.contains("not read here"));
    }

    #[test]
    fn a_missing_file_is_a_mistake() {
        let file = std::env::temp_dir().join("vezne-check-config-absent.toml");
        let mistakes = Config::load(Some(&file)).unwrap_err().to_string();
        assert!(mistakes.contains("entity not found"), "{mistakes}");
        assert!(run(Args { config: Some(file) }).is_err());
    }
}
