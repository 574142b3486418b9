//! What the demo prints once everything accepts connections.

use super::DemoMerchant;
use crate::sandbox::cardwall::RETURNING_CUSTOMER;
use crate::sandbox::magic::{MAGIC_CARDS, SandboxCard, TEST_CARDS};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{Result, Write as _};
use std::path::PathBuf;

/// Where everything is and how to call it.
pub struct Announcement {
    /// The window.
    pub url: String,
    /// The shop.
    pub shop_url: String,
    /// The sandbox's console.
    pub sandbox_url: String,
    /// An address that the demo merchant may name as `returnUrl`.
    pub return_url: String,
    /// The development authority's certificate.
    pub ca: PathBuf,
    /// What the window logs.
    pub log_file: PathBuf,
    /// Who may call the window.
    pub merchant: DemoMerchant,
    /// The window's process.
    pub pid: u32,
}

impl Announcement {
    /// Prints it: one line of JSON, or text for people.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print(&self, json: bool) -> Result<()> {
        let text = if json { format!("{}\n", self.to_json()) } else { self.to_text() };
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "url": self.url,
            "shopUrl": self.shop_url,
            "sandboxUrl": self.sandbox_url,
            "apiKey": self.merchant.api_key,
            "signingSecret": self.merchant.signing_secret,
            "webhookSecret": self.merchant.webhook_secret,
            "returnUrl": self.return_url,
            "ca": self.ca,
            "pid": self.pid,
            "logFile": self.log_file,
        })
    }

    fn to_text(&self) -> String {
        let Self { url, shop_url, sandbox_url, return_url, merchant, .. } = self;
        let (api_key, ca, log) = (&merchant.api_key, self.ca.display(), self.log_file.display());
        format!(
            r#"
Cards that work, with any future expiry and any code:
{good}
Cards that fail, to see what happens then:
{magic}
All of them, and what the provider was asked: {sandbox_url}

Create a session from a script:
  curl --cacert '{ca}' {url}/v1/sessions \
    -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' \
    -d '{{"purpose":"tokenize","conversationId":"order-1","returnUrl":"{return_url}","handoff":"redirect"}}'

A returning customer's saved cards, one of them expired:
  curl --cacert '{ca}' -H 'Authorization: Bearer {api_key}' \
    '{url}/v1/saved-cards?relationalId1={RETURNING_CUSTOMER}&scope=ecommerce'

  API key   {api_key}
  CA file   {ca}
  Log       {log}
  Window    {url}
  Shop      {shop_url}   ← open this in a browser

Ctrl-C stops everything; the next start uses the same data.
"#,
            good = list(&one_of_each_brand()),
            magic = list(&MAGIC_CARDS),
        )
    }
}

/// The first working card of each name: enough for a terminal.
fn one_of_each_brand() -> Vec<SandboxCard> {
    let mut cards: Vec<SandboxCard> = Vec::new();
    for card in TEST_CARDS {
        if !cards.iter().any(|other| other.name == card.name) {
            cards.push(card);
        }
    }
    cards
}

fn list(cards: &[SandboxCard]) -> String {
    cards.iter().fold(String::new(), |mut list, card| {
        // Writing to a String cannot fail.
        let _ = writeln!(list, "  {:<17} {:<19} {}", card.number, card.name, card.description);
        list
    })
}
