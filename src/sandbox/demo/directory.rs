//! The demo's data directory: what is made once, and what every start writes.

use super::announce::Announcement;
use super::{DemoError, LeafFiles};
use crate::hardening::MasterKey;
use crate::sandbox::private_file;
use crate::sandbox::shop::ShopSettings;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;
use zeroize::Zeroizing;

/// The demo merchant's id and secrets, as `demo.json` keeps them.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DemoMerchant {
    /// `mer_…`
    pub merchant: String,
    /// `vz_test_…`
    pub api_key: String,
    /// `vzsig_…`
    pub signing_secret: String,
    /// `whsec_…`
    pub webhook_secret: String,
}

/// A directory that one demo at a time uses.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory when it is absent, and takes it.
    pub fn open(path: &Path) -> Result<Self, DemoError> {
        private_file::create_dir(path)?;
        let path = path.canonicalize()?;
        let lock = File::create(path.join("demo.lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DemoError::Usage(format!(
                "another demo is using {}; stop it or choose another --data-dir",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it; the directory itself for an empty name.
    pub fn file(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }

    /// The merchant of an earlier start.
    pub fn merchant(&self) -> Result<Option<DemoMerchant>, DemoError> {
        let path = self.file("demo.json");
        let Some(text) = private_file::read(&path)? else { return Ok(None) };
        let merchant = serde_json::from_slice(&text)
            .map_err(|error| Error::new(ErrorKind::InvalidData, format!("{}: {error}", path.display())))?;
        Ok(Some(merchant))
    }

    /// Keeps the merchant for the next start.
    pub fn write_merchant(&self, merchant: &DemoMerchant) -> Result<(), DemoError> {
        self.write_json("demo.json", merchant)
    }

    /// Tells the shop where it is and what it may know.
    pub fn write_shop_settings(&self, demo: &Announcement, callback_url: &str) -> Result<(), DemoError> {
        let url = |text: &str| Url::parse(text).map_err(Error::other);
        let settings = ShopSettings {
            window_url: url(&demo.url)?,
            shop_url: url(&demo.shop_url)?,
            callback_url: url(callback_url)?,
            api_key: demo.merchant.api_key.clone(),
            signing_secret: demo.merchant.signing_secret.clone(),
            webhook_secret: demo.merchant.webhook_secret.clone(),
            ca_file: demo.ca.clone(),
        };
        self.write_json("shop.json", &settings)
    }

    /// Writes the window's configuration, and its master key when there is none.
    pub fn write_config(
        &self,
        demo: &Announcement,
        listen: SocketAddr,
        shop: SocketAddr,
        certificate: &LeafFiles,
    ) -> Result<PathBuf, DemoError> {
        let master_key = self.file("master.key");
        if private_file::read(&master_key)?.is_none() {
            private_file::write(&master_key, MasterKey::generate().expose().as_bytes())?;
        }
        // A JSON string is a TOML string too.
        let path = |path: &Path| json!(path).to_string();
        let text = format!(
            r#"# Written by `vezne demo` at every start; changes are lost.
live = false

[server]
listen = ["{listen}"]
public_url = "{public_url}"
certificate = {certificate}
private_key = {private_key}

[store]
path = {store}

[keys]
master_key_file = {master_key}

[provider.card_token.test]
url = "{sandbox_url}{token_path}"
ca_file = {ca}
# The sandbox's own codes for a wrong key, nonce or signature are not the cardholder's affair.
merchant_codes = ["0001", "0003", "9002", "9003", "9004"]

[provider.cardwall.test]
url = "{sandbox_url}"
ca_file = {ca}

[egress]
allow = ["127.0.0.0/8", "::1/128"]
ports = [{callback_port}]

[limits]
api_per_second = 2000
page_per_minute = 200000

[log]
level = "info"
format = "json"
"#,
            public_url = demo.url,
            callback_port = shop.port(),
            certificate = path(&certificate.certificate),
            private_key = path(&certificate.private_key),
            store = path(&self.file("vezne.db")),
            master_key = path(&master_key),
            sandbox_url = demo.sandbox_url,
            token_path = crate::sandbox::TOKEN_PATH,
            ca = path(&demo.ca),
        );
        let config = self.file("vezne.toml");
        private_file::write(&config, text.as_bytes())?;
        Ok(config)
    }

    fn write_json(&self, name: &str, content: &impl Serialize) -> Result<(), DemoError> {
        let text = Zeroizing::new(serde_json::to_vec_pretty(content).map_err(Error::from)?);
        Ok(private_file::write(&self.file(name), &text)?)
    }
}
