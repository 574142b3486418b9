//! What is sealed under which master key, and what does not open at all.

use super::Sealing;
use crate::cli::Failure;
use crate::hardening::{MasterKeyError, MasterKeyId};
use crate::store::{SealedRecord, Vault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Records by kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Signing secrets and provider credentials in use.
    pub secrets: u64,
    /// Those that were rotated out: nothing opens them any more.
    pub retired_secrets: u64,
    /// Card tokens of sessions.
    pub card_tokens: u64,
}

impl Tally {
    pub(super) fn add(&mut self, vault: Vault, in_use: bool) {
        *match (vault, in_use) {
            (Vault::CardTokens, _) => &mut self.card_tokens,
            (Vault::MerchantSecrets, true) => &mut self.secrets,
            (Vault::MerchantSecrets, false) => &mut self.retired_secrets,
        } += 1;
    }

    fn in_use(self) -> u64 {
        self.secrets + self.card_tokens
    }

    pub(super) fn total(self) -> u64 {
        self.in_use() + self.retired_secrets
    }

    pub(super) fn to_json(self) -> Value {
        json!({ "secrets": self.secrets, "retiredSecrets": self.retired_secrets, "cardTokens": self.card_tokens })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secrets, retired_secrets, card_tokens } = self;
        write!(formatter, "secrets {secrets}, retired secrets {retired_secrets}, card tokens {card_tokens}")
    }
}

/// Every sealed record, counted.
pub struct Census {
    current: MasterKeyId,
    previous: Option<MasterKeyId>,
    /// By the key that they say they are under; those that open, where the key is at hand.
    keys: BTreeMap<MasterKeyId, Tally>,
    /// Changed or moved records: no key opens them.
    damaged: Tally,
}

impl Census {
    /// Records in use.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.keys.values().map(|tally| tally.in_use()).sum::<u64>() + self.damaged.in_use()
    }

    /// Records that open under the previous key alone.
    #[must_use]
    pub fn under_previous(&self) -> u64 {
        self.previous.and_then(|previous| self.keys.get(&previous)).map_or(0, |tally| tally.total())
    }

    /// What is in use and opens under neither key; nothing when everything opens.
    #[must_use]
    pub fn unopened(&self) -> Option<String> {
        let others = self.keys.iter().filter(|(key, tally)| !self.has(**key) && tally.in_use() > 0);
        let mut lines: Vec<String> =
            others.map(|(key, tally)| format!("under another master key, {key}: {tally}")).collect();
        if self.damaged.in_use() > 0 {
            lines.push(format!("changed, cut or moved: {}", self.damaged));
        }
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    /// The counts by key, as `status --json` prints them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let keys: serde_json::Map<String, Value> =
            self.keys.iter().map(|(key, tally)| (key.to_string(), tally.to_json())).collect();
        json!({
            "current": self.current.to_string(),
            "previous": self.previous.map(|previous| previous.to_string()),
            "keys": keys,
            "damaged": self.damaged.to_json(),
        })
    }

    fn has(&self, key: MasterKeyId) -> bool {
        key == self.current || Some(key) == self.previous
    }

    fn role(&self, key: MasterKeyId) -> &'static str {
        match key {
            key if key == self.current => "current",
            key if Some(key) == self.previous => "previous",
            _ => "not configured",
        }
    }
}

/// A line for each key.
impl fmt::Display for Census {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let configured = std::iter::once(self.current).chain(self.previous);
        let others = self.keys.keys().copied().filter(|key| !self.has(*key));
        for (place, key) in configured.chain(others).enumerate() {
            let tally = self.keys.get(&key).copied().unwrap_or_default();
            let line_break = if place == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{key} ({}): {tally}", self.role(key))?;
        }
        match self.damaged.total() {
            0 => Ok(()),
            _ => write!(formatter, "\nchanged, cut or moved, no key opens them: {}", self.damaged),
        }
    }
}

impl Sealing {
    /// Opens and counts every sealed record.
    ///
    /// # Errors
    /// The store's.
    pub async fn census(&self) -> Result<Census, Failure> {
        let mut census = Census {
            current: self.sealer.current(),
            previous: self.sealer.previous(),
            keys: BTreeMap::new(),
            damaged: Tally::default(),
        };
        self.each_page(async |vault, records| {
            for record in &records {
                self.count(vault, record, &mut census);
            }
            Ok(())
        })
        .await?;
        Ok(census)
    }

    fn count(&self, vault: Vault, record: &SealedRecord, census: &mut Census) {
        let is_sound = match self.sealer.open(record.context(), &record.sealed) {
            Ok(_) | Err(MasterKeyError::OtherKey) => true,
            Err(_) => false,
        };
        let tally = match record.sealed.key().filter(|_| is_sound) {
            Some(key) => census.keys.entry(key).or_default(),
            None => &mut census.damaged,
        };
        tally.add(vault, record.in_use);
    }
}
