//! What is kept no longer than it should be: old events and sessions are removed
//! a few at a time. Safe on every node of a store.

use crate::config::RetentionConfig;
use crate::store::{EndedCursor, SharedStore, StoreError};
use std::time::Duration;

/// Rows of one transaction: bounds how long others wait for it.
const BATCH: u32 = 100;
/// Pause after a batch when more are waiting.
const BREATH: Duration = Duration::from_millis(50);
/// Pause when nothing is.
const PERIOD: Duration = Duration::from_mins(1);

/// Removes what is old, for ever.
pub async fn enforce(store: SharedStore, config: RetentionConfig) {
    let mut round = Round { store, config, place: None };
    loop {
        let more = round.step().await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "what is old cannot be removed");
            false
        });
        tokio::time::sleep(if more { BREATH } else { PERIOD }).await;
    }
}

/// One way through what is old.
struct Round {
    store: SharedStore,
    config: RetentionConfig,
    /// Where the look at ended sessions goes on: those with an event stay.
    place: Option<EndedCursor>,
}

impl Round {
    /// Looks at one batch of each kind; says whether there is more to look at.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let RetentionConfig { events, sessions } = self.config;
        let given_up = self.store.give_up_waiting(events, BATCH).await?;
        if given_up > 0 {
            tracing::error!(count = given_up, "callbacks given up: they waited longer than events are kept");
        }
        let events = self.store.prune_events(events, BATCH).await?;
        let looked_at = self.store.prune_sessions(sessions, self.place.take(), BATCH).await?;
        if events > 0 {
            tracing::info!(count = events, "old events removed");
        }
        if looked_at.removed > 0 {
            tracing::info!(count = looked_at.removed, "old sessions removed");
        }
        self.place = looked_at.next;
        Ok(given_up == BATCH || events == BATCH || self.place.is_some())
    }
}
