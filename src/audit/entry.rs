//! Entries: what is written down, and the text that is hashed.

use super::{ChainId, Hash};
use crate::id::KeyId;

/// First line of the text that is hashed.
const VERSION: &str = "vezne-audit-v1";
/// Longest text of a field, in characters.
const LONGEST: usize = 500;

/// Who did it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Actor {
    /// The service by itself.
    System,
    /// Whoever holds an API key, by the key's id.
    ApiKey(KeyId),
    /// Whoever ran a command: the account on the machine.
    Operator(String),
}

impl Actor {
    fn kind(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::ApiKey(_) => "api_key",
            Self::Operator(_) => "operator",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::System => "",
            Self::ApiKey(key) => key.as_str(),
            Self::Operator(name) => name,
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Action { $($(#[$doc])* $name),* }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the store, in lists and in the documentation.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

actions! {
    /// A process wrote its first entry.
    ChainOpened = "chain.opened";
    /// A process wrote its last entry.
    ChainClosed = "chain.closed";
    /// `vezne serve` began.
    ServiceStarted = "service.started";
    /// `vezne serve` was told to stop and has drained.
    ServiceStopped = "service.stopped";
    /// A merchant was made, with its first keys and secrets.
    MerchantCreated = "merchant.created";
    /// A merchant's settings were changed.
    MerchantUpdated = "merchant.updated";
    /// A merchant was switched off.
    MerchantDisabled = "merchant.disabled";
    /// A merchant's keys at the provider were set.
    ProviderSet = "provider.set";
    /// A merchant got a new API key.
    ApiKeyRotated = "api_key.rotated";
    /// A merchant got a new signing secret.
    SecretRotated = "secret.rotated";
    /// An API key or a secret was ended before its time.
    KeyRetired = "key.retired";
    /// Records were sealed anew under the master key.
    MasterKeyRotated = "master_key.rotated";
    /// The database's schema was changed.
    StoreMigrated = "store.migrated";
    /// An event was sent again by hand.
    EventRedelivered = "event.redelivered";
    /// Calls were made with an API key, so many in a minute.
    ApiKeyUsed = "api_key.used";
    /// Calls came without a key that is known, so many in a minute.
    ApiKeyRefused = "api_key.refused";
    /// Card data was shown to its holder, or was to be.
    CardDataShown = "card_data.shown";
    /// The trail was read or verified.
    AuditRead = "audit.read";
    /// Old entries were deleted.
    AuditPruned = "audit.pruned";
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It is under way; another entry of the chain says how it ended.
    Begun,
    /// It was done.
    Done,
    /// It was not done.
    Failed,
}

impl Outcome {
    /// The name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What is to be written down: an entry before it has its place and its time.
#[derive(Clone, Debug)]
pub struct Note {
    chain: ChainId,
    actor: Actor,
    action: Action,
    subject: String,
    outcome: Outcome,
    count: i64,
    detail: String,
}

impl Note {
    /// Something that was done once. Must hold nothing secret and nothing of a card.
    #[must_use]
    pub fn new(chain: ChainId, actor: Actor, action: Action) -> Self {
        Self { chain, actor, action, subject: String::new(), outcome: Outcome::Done, count: 1, detail: String::new() }
    }

    /// The id of what it was done to.
    #[must_use]
    pub fn on(self, subject: &str) -> Self {
        Self { subject: clean(subject), ..self }
    }

    /// Particulars, as `name=value` with spaces between.
    #[must_use]
    pub fn detail(self, detail: &str) -> Self {
        Self { detail: clean(detail), ..self }
    }

    /// One more particular.
    #[must_use]
    pub fn and(self, detail: &str) -> Self {
        let detail = format!("{} {detail}", self.detail);
        self.detail(detail.trim_start())
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// How often.
    #[must_use]
    pub fn count(self, count: i64) -> Self {
        Self { count, ..self }
    }

    /// Which chain it is for.
    #[must_use]
    pub fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// What was done.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// How often.
    #[must_use]
    pub fn times(&self) -> i64 {
        self.count
    }

    /// The API key whose use is counted, if it is that.
    #[must_use]
    pub fn counted_key(&self) -> Option<&KeyId> {
        match &self.actor {
            Actor::ApiKey(key) if self.action == Action::ApiKeyUsed => Some(key),
            _ => None,
        }
    }

    /// The entry that goes before the first of a chain.
    #[must_use]
    pub fn opening(&self) -> Self {
        let version = concat!("version=", env!("CARGO_PKG_VERSION"));
        Self::new(self.chain.clone(), self.actor.clone(), Action::ChainOpened).detail(version)
    }

    /// The entry, in its place. `at` is in Unix milliseconds by the store's clock.
    #[must_use]
    pub fn entry(&self, number: i64, at: i64, previous: Hash) -> Entry {
        let mut entry = Entry {
            chain: self.chain.clone(),
            number,
            at,
            previous,
            actor: self.actor.kind().to_owned(),
            actor_name: clean(self.actor.name()),
            action: self.action.name().to_owned(),
            subject: self.subject.clone(),
            outcome: self.outcome.name().to_owned(),
            count: self.count,
            detail: self.detail.clone(),
            hash: Hash::NONE,
        };
        entry.hash = entry.computed_hash();
        entry
    }
}

/// An entry as it stands in the store, whoever wrote it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its chain.
    pub chain: ChainId,
    /// Its place there, from 1.
    pub number: i64,
    /// When, in Unix milliseconds by the store's clock.
    pub at: i64,
    /// The hash of the entry before.
    pub previous: Hash,
    /// `system`, `api_key` or `operator`.
    pub actor: String,
    /// Which key or account.
    pub actor_name: String,
    /// The name of an [`Action`].
    pub action: String,
    /// The id of what it was done to, or nothing.
    pub subject: String,
    /// The name of an [`Outcome`].
    pub outcome: String,
    /// How often.
    pub count: i64,
    /// Particulars.
    pub detail: String,
    /// The hash of all above.
    pub hash: Hash,
}

impl Entry {
    /// The text that is hashed: twelve lines, joined by LF.
    #[must_use]
    pub fn text(&self) -> String {
        let (number, at, count) = (self.number.to_string(), self.at.to_string(), self.count.to_string());
        let previous = self.previous.to_string();
        [
            VERSION,
            self.chain.as_str(),
            &number,
            &at,
            &previous,
            &self.actor,
            &self.actor_name,
            &self.action,
            &self.subject,
            &self.outcome,
            &count,
            &self.detail,
        ]
        .join("\n")
    }

    /// The hash that the entry should have.
    #[must_use]
    pub fn computed_hash(&self) -> Hash {
        Hash::of(&self.text())
    }

    /// Whether it has the hash that it should have. A field with a line break in it
    /// was not written here: it could make two entries of one text.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let fields = [
            self.chain.as_str(),
            &self.actor,
            &self.actor_name,
            &self.action,
            &self.subject,
            &self.outcome,
            &self.detail,
        ];
        fields.iter().all(|field| !field.contains(char::is_control)) && self.hash == self.computed_hash()
    }
}

/// One line of bounded length: whatever an account or an id is called.
fn clean(text: &str) -> String {
    text.chars().take(LONGEST).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_would_break_a_line_is_replaced() {
        let operator = Actor::Operator("root\nchain.closed".to_owned());
        let note = Note::new(ChainId::generate(), operator, Action::KeyRetired).on("a\u{85}b").detail(&"x".repeat(600));
        let entry = note.entry(1, 0, Hash::NONE);
        assert!(entry.is_whole());
        assert_eq!(entry.text().lines().count(), 12);
        assert_eq!((entry.actor_name.as_str(), entry.detail.len()), ("root\u{fffd}chain.closed", 500));
        let forged = Entry { detail: "x\ny".to_owned(), ..entry };
        assert!(!Entry { hash: forged.computed_hash(), ..forged }.is_whole());
    }

    #[test]
    fn every_field_is_hashed() {
        let key = Actor::ApiKey(KeyId::generate());
        let entry = Note::new(ChainId::generate(), key, Action::ApiKeyUsed).on("mer_1").entry(3, 5, Hash::of("before"));
        let text = |text: &str| text.to_owned();
        let changed = [
            Entry { chain: ChainId::generate(), ..entry.clone() },
            Entry { number: 4, ..entry.clone() },
            Entry { at: 6, ..entry.clone() },
            Entry { previous: Hash::NONE, ..entry.clone() },
            Entry { actor: text("operator"), ..entry.clone() },
            Entry { actor_name: text("key_x"), ..entry.clone() },
            Entry { action: text("api_key.refused"), ..entry.clone() },
            Entry { subject: text("mer_2"), ..entry.clone() },
            Entry { outcome: text("failed"), ..entry.clone() },
            Entry { count: 2, ..entry.clone() },
            Entry { detail: text("x"), ..entry.clone() },
        ];
        assert!(entry.is_whole() && changed.iter().all(|entry| !entry.is_whole()));
    }

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
    }
}
