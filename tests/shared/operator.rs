//! The operator: a master key, and `vezne merchant …` on an installation.

use crate::Outcome;
use aws_lc_rs::rand;
use data_encoding::BASE64;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use vezne::sandbox::SandboxMerchant;

/// Whoever has the program and its configuration.
pub struct Operator<'a> {
    pub binary: &'a Path,
    pub config: &'a Path,
}

impl Operator<'_> {
    /// A merchant who may send to `allow`, with its keys at the upstream; returns
    /// its API key of test mode.
    pub fn create_merchant(&self, allow: &str, keys: &SandboxMerchant) -> Outcome<String> {
        let created = self.merchant(&["create", "--name", "Deneme Mağazası", "--allow", allow], "")?;
        let id = created["id"].as_str().ok_or("the merchant has no id")?;
        let mode = ["--mode", "test"];
        let public = ["--public-key", &keys.public_key, "--merchant-number", &keys.merchant_number];
        self.merchant(&[&["set-provider", id], &mode[..], &public].concat(), &keys.secret_key)?;
        Ok(created["apiKeys"]["test"].as_str().ok_or("the merchant has no key")?.to_owned())
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
pub fn write_master_key(folder: &Path) -> Outcome<()> {
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
