//! What the merchant was given for its shop.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// Addresses and secrets, as `shop.json` holds them.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShopSettings {
    /// The window's base address.
    pub window_url: Url,
    /// The shop's own address, as browsers call it.
    pub shop_url: Url,
    /// The shop's address for callbacks.
    pub callback_url: Url,
    /// `vz_test_…`
    pub api_key: String,
    /// `vzsig_…`: verifies results.
    pub signing_secret: String,
    /// `whsec_…`: verifies callbacks.
    pub webhook_secret: String,
    /// PEM of the authority that vouches for the window.
    pub ca_file: PathBuf,
}
