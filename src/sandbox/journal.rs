//! What the console shows: how many calls ended how, and the last hundred.
//! Nothing of a card is in it.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, VecDeque};

/// How many calls are kept one by one.
const KEPT: usize = 100;
/// How much of a caller's text is kept.
const MAX_TEXT: usize = 64;

/// One call and how it ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// When the call came; RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// As sent, cut to 64 characters; empty when it was not sent.
    pub conversation_id: String,
    /// As sent, cut to 64 characters; empty when it was not sent.
    pub merchant_number: String,
    /// `succeed`, a drill's name, or `rejected` when a check failed.
    pub outcome: &'static str,
    /// The code answered, if any.
    pub error_code: Option<&'static str>,
}

/// All calls since the start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Journal {
    total: u64,
    outcomes: BTreeMap<&'static str, u64>,
    calls: VecDeque<Call>,
}

impl Journal {
    /// Adds a call; the newest comes first.
    pub fn record(&mut self, call: Call) {
        self.total += 1;
        *self.outcomes.entry(call.outcome).or_default() += 1;
        self.calls.push_front(call);
        self.calls.truncate(KEPT);
    }

    /// Calls since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Calls by outcome.
    #[must_use]
    pub fn outcomes(&self) -> &BTreeMap<&'static str, u64> {
        &self.outcomes
    }

    /// The last hundred calls, newest first.
    #[must_use]
    pub fn calls(&self) -> &VecDeque<Call> {
        &self.calls
    }
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// A caller's text as far as it is kept.
#[must_use]
pub fn kept_text(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_calls_count_and_the_newest_hundred_stay() {
        let mut journal = Journal::default();
        for number in 0..150 {
            journal.record(Call {
                at: Timestamp::UNIX_EPOCH,
                conversation_id: number.to_string(),
                merchant_number: String::new(),
                outcome: if number % 3 == 0 { "stall" } else { "succeed" },
                error_code: None,
            });
        }
        assert_eq!((journal.total(), journal.calls().len()), (150, 100));
        assert_eq!(journal.calls()[0].conversation_id, "149");
        assert_eq!(journal.outcomes()["succeed"], 100);
    }
}
