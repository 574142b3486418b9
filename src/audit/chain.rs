//! Chains: one for each process that writes, from its first entry to its last.

use crate::hardening::random_text;
use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use std::fmt;

/// A process's chain: `chn_` and 128 random bits, new at every start.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChainId(String);

impl ChainId {
    const RANDOM_BYTES: usize = 16;

    /// A new chain.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_text("chn_", Self::RANDOM_BYTES).expose().to_owned())
    }

    /// The id as it is stored, whatever stands there.
    #[must_use]
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// SHA-256, as text in base64url without padding (RFC 4648 section 5): hexadecimal
/// digits could look like a card number to the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first entry of a chain has in the place of a hash before it.
    pub const NONE: Self = Self([0; 32]);

    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The bytes of a hash as they are stored; `None` when they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads a hash's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// A place in a chain: whoever knows it can tell whether all up to it is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Which chain.
    pub chain: ChainId,
    /// The number of the entry.
    pub number: i64,
    /// Its hash.
    pub hash: Hash,
}

/// What the store says of a chain beside its entries.
#[derive(Clone, Debug)]
pub struct ChainRecord {
    /// Its last entry. Number 0 for a chain that has entries and no record.
    pub head: Head,
    /// The last entry that was pruned; 0 when none was.
    pub anchor_number: i64,
    /// Its hash.
    pub anchor_hash: Hash,
}

/// One hash for all anchors: that every pruning leaves in its own entry, so that
/// an anchor that was put there by hand is told from one that pruning left.
#[must_use]
pub fn anchors_digest(chains: &[ChainRecord]) -> Hash {
    let anchored = chains.iter().filter(|chain| chain.anchor_number > 0);
    let mut lines: Vec<String> =
        anchored.map(|chain| format!("{} {} {}", chain.head.chain, chain.anchor_number, chain.anchor_hash)).collect();
    lines.sort();
    Hash::of(&lines.join("\n"))
}
