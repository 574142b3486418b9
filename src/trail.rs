//! What a serving process writes into the audit trail: its start and end, the use
//! of API keys in counts, and what cannot wait.
//!
//! Counts and the process's own entries are appended by one task, in order; while
//! the store is away they wait, bounded, counts added up. What must not happen
//! unrecorded does not wait here: [`Trail::card_data_shown`] returns when its entry
//! is durable, and the changes of administrators take theirs along.

use crate::audit::{Action, Actor, ChainId, Head, Note, Outcome};
use crate::id::KeyId;
use crate::store::{SharedStore, StoreError};
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often counts become entries and heads go to the log.
const PERIOD: Duration = Duration::from_mins(1);
/// Entries that wait for the store. There are few but counts, which are added up.
const MOST_WAITING: usize = 256;
/// API keys that are counted by name; calls with others are counted together.
const MOST_KEYS: usize = 10_000;
/// Entries of one transaction.
const BATCH: usize = 500;
/// How far back the first export goes.
const LOOK_BACK: Duration = Duration::from_hours(24);
/// Heads that are exported at a time.
const HEADS: u32 = 1000;

/// One process's chain.
pub struct Trail {
    store: SharedStore,
    chain: ChainId,
    waiting: Mutex<Waiting>,
    exported: tokio::sync::Mutex<Exported>,
}

/// What is not yet an entry.
#[derive(Default)]
struct Waiting {
    notes: VecDeque<Note>,
    used: HashMap<KeyId, i64>,
    used_by_others: i64,
    refused: i64,
}

/// Up to which moment heads are in the log, and those of that moment.
struct Exported {
    until: Timestamp,
    last: Vec<Head>,
}

impl Trail {
    /// The chain of a process that is about to serve. Nothing is written yet.
    #[must_use]
    pub fn start(store: SharedStore, detail: &str) -> Arc<Self> {
        // Those that ended while nobody exported them, too.
        let until = Timestamp::now() - LOOK_BACK;
        let exported = Exported { until, last: Vec::new() };
        let trail = Self {
            store,
            chain: ChainId::generate(),
            waiting: Mutex::default(),
            exported: tokio::sync::Mutex::new(exported),
        };
        trail.waiting().notes.push_back(trail.note(Actor::System, Action::ServiceStarted).detail(detail));
        Arc::new(trail)
    }

    /// Counts a call with a key.
    pub fn key_used(&self, key: &KeyId) {
        let mut waiting = self.waiting();
        if let Some(count) = waiting.used.get_mut(key) {
            *count += 1;
        } else if waiting.used.len() < MOST_KEYS {
            waiting.used.insert(key.clone(), 1);
        } else {
            waiting.used_by_others += 1;
        }
    }

    /// Counts a call without a key that is known. Nothing of what was presented is kept.
    pub fn key_refused(&self) {
        self.waiting().refused += 1;
    }

    /// An entry of this process for what somebody does with an API key.
    #[must_use]
    pub fn note_of_key(&self, key: &KeyId, action: Action) -> Note {
        self.note(Actor::ApiKey(key.clone()), action)
    }

    /// Records that card data is about to be shown to its holder, or was refused:
    /// to be awaited before anything is shown. `token_digest` is that of results.
    ///
    /// # Errors
    /// The store's; nothing may be shown then.
    pub async fn card_data_shown(&self, actor: Actor, token_digest: &str, outcome: Outcome) -> Result<(), StoreError> {
        let note = self.note(actor, Action::CardDataShown).on(token_digest).outcome(outcome);
        self.store.append_audit(vec![note]).await.map(drop)
    }

    /// Appends what waits and exports heads, every minute, until the process ends.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.flush().await;
            self.export_heads().await;
        }
    }

    /// Appends what waits and the last entries, and exports the last heads.
    pub async fn close(&self) {
        self.flush().await;
        let stopped = self.note(Actor::System, Action::ServiceStopped);
        let closed = self.note(Actor::System, Action::ChainClosed);
        if let Err(error) = self.store.append_audit(vec![stopped, closed]).await {
            tracing::error!(error = %error, "the audit trail is left unclosed");
        }
        self.export_heads().await;
    }

    /// Appends what waits; what cannot be written goes on waiting.
    async fn flush(&self) {
        let taken = std::mem::take(&mut *self.waiting());
        let mut notes: VecDeque<Note> = self.entries(taken);
        while !notes.is_empty() {
            let batch: Vec<Note> = notes.iter().take(BATCH).cloned().collect();
            let count = batch.len();
            if let Err(error) = self.store.append_audit(batch).await {
                tracing::error!(error = %error, count = notes.len(), "audit entries wait");
                return self.put_back(notes);
            }
            notes.drain(..count);
        }
    }

    fn entries(&self, taken: Waiting) -> VecDeque<Note> {
        let Waiting { mut notes, used, used_by_others, refused } = taken;
        let use_of = |actor| self.note(actor, Action::ApiKeyUsed);
        notes.extend(used.into_iter().map(|(key, count)| use_of(Actor::ApiKey(key)).count(count)));
        if used_by_others > 0 {
            notes.push_back(use_of(Actor::System).count(used_by_others).detail("keys=others"));
        }
        if refused > 0 {
            notes.push_back(self.note(Actor::System, Action::ApiKeyRefused).outcome(Outcome::Failed).count(refused));
        }
        notes
    }

    /// Counts are added to those that came meanwhile; the others keep their order.
    fn put_back(&self, notes: VecDeque<Note>) {
        let mut waiting = self.waiting();
        for note in notes.into_iter().rev() {
            match note.counted_key() {
                Some(key) => *waiting.used.entry(key.clone()).or_default() += note.times(),
                None if note.action() == Action::ApiKeyUsed => waiting.used_by_others += note.times(),
                None if note.action() == Action::ApiKeyRefused => waiting.refused += note.times(),
                None if waiting.notes.len() < MOST_WAITING => waiting.notes.push_front(note),
                None => tracing::error!("an audit entry is lost: too many wait"),
            }
        }
    }

    /// Writes to the log where chains end that have grown: this process's, those of
    /// other processes and of commands. Out of the store's reach, a head tells of an
    /// end that was cut off.
    async fn export_heads(&self) {
        let mut exported = self.exported.lock().await;
        let heads = match self.store.audit_heads(exported.until, HEADS).await {
            Ok(heads) => heads,
            Err(error) => return tracing::error!(error = %error, "heads of the audit trail are not exported"),
        };
        let Some(until) = heads.last().map(|(at, _)| *at) else { return };
        for (_, head) in heads.iter().filter(|(_, head)| !exported.last.contains(head)) {
            let (chain, hash) = (head.chain.as_str(), head.hash.to_string());
            tracing::info!(chain, number = head.number, hash, "audit head");
        }
        let last = heads.into_iter().filter(|(at, _)| *at == until).map(|(_, head)| head).collect();
        *exported = Exported { until, last };
    }

    fn note(&self, actor: Actor, action: Action) -> Note {
        Note::new(self.chain.clone(), actor, action)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
