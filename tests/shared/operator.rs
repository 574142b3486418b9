//! The operator: a configuration and its master key, and `vezne merchant …` on
//! an installation.

use crate::Outcome;
use aws_lc_rs::rand;
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use vezne::sandbox::SandboxMerchant;
use vezne::sandbox::certificates::LeafFiles;

/// What an installation is configured with. All else is as in production, but
/// for limits that a single client address does not meet.
pub struct Installation<'a> {
    /// What browsers call it.
    pub address: SocketAddr,
    pub certificate: &'a LeafFiles,
    /// Whoever vouches for the provider and the merchant's endpoint.
    pub ca_file: &'a Path,
    /// Where the provider is called.
    pub token_url: String,
    /// The port of the merchant's endpoint.
    pub callback_port: u16,
    pub workers: u8,
    pub log_level: &'a str,
    /// The section `[store]`.
    pub store: &'a str,
    /// Further lines of the provider's section.
    pub provider: String,
    /// Further lines of `[callback]`.
    pub callback: &'a str,
}

impl Installation<'_> {
    /// Writes `vezne.toml` and a new `master.key` into the folder; returns the former.
    pub fn write(&self, folder: &Path) -> Outcome<PathBuf> {
        write_master_key(folder)?;
        let config = folder.join("vezne.toml");
        fs::write(&config, self.configuration())?;
        Ok(config)
    }

    fn configuration(&self) -> String {
        let quoted = |path: &Path| json!(path).to_string();
        let Self { address, token_url, callback_port, workers, log_level, store, provider, callback, .. } = self;
        let certificate = quoted(&self.certificate.certificate);
        let private_key = quoted(&self.certificate.private_key);
        let ca_file = quoted(self.ca_file);
        format!(
            r#"
[server]
public_url = "https://{address}"
certificate = {certificate}
private_key = {private_key}
workers = {workers}
[store]
{store}
[keys]
master_key_file = "master.key"
[provider.card_token.test]
url = "{token_url}"
ca_file = {ca_file}
{provider}
[callback]
ca_file = {ca_file}
{callback}
[egress]
allow = ["127.0.0.0/8"]
ports = [{callback_port}]
[limits]
api_per_second = 100000
page_per_minute = 1000000
[log]
level = "{log_level}"
"#
        )
    }
}

/// What a new merchant is given, once.
#[allow(dead_code, reason = "not every suite verifies what it is sent")]
#[derive(Clone)]
pub struct Shop {
    /// Of test mode.
    pub api_key: String,
    /// Of results.
    pub signing_secret: String,
    /// Of callbacks.
    pub webhook_secret: String,
}

/// Whoever has the program and its configuration.
pub struct Operator<'a> {
    pub binary: &'a Path,
    pub config: &'a Path,
}

impl Operator<'_> {
    /// A merchant who may send to `allow`, with its keys at the upstream.
    pub fn create_merchant(&self, allow: &str, keys: &SandboxMerchant) -> Outcome<Shop> {
        let created = self.merchant(&["create", "--name", "Deneme Mağazası", "--allow", allow], "")?;
        let id = created["id"].as_str().ok_or("the merchant has no id")?;
        let mode = ["--mode", "test"];
        let public = ["--public-key", &keys.public_key, "--merchant-number", &keys.merchant_number];
        self.merchant(&[&["set-provider", id], &mode[..], &public].concat(), &keys.secret_key)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("the merchant lacks a key or a secret");
        Ok(Shop {
            api_key: text(&created["apiKeys"]["test"])?,
            signing_secret: text(&created["signingSecret"])?,
            webhook_secret: text(&created["webhookSecret"])?,
        })
    }

    /// `vezne merchant …`, answered in JSON.
    fn merchant(&self, arguments: &[&str], input: &str) -> Outcome<Value> {
        let mut command = Command::new(self.binary);
        command.arg("merchant").args(arguments).args(["--json", "--config", text(self.config)?]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("vezne merchant {}: {}", arguments[0], output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// A new `master.key` in the folder, for its owner alone to read.
fn write_master_key(folder: &Path) -> Outcome<()> {
    let mut master_key = [0; 32];
    rand::fill(&mut master_key).map_err(|_| "the system has no randomness")?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("master.key"))?;
    file.write_all(BASE64.encode(&master_key).as_bytes())?;
    Ok(())
}

/// A path as an argument.
pub fn text(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}
