//! The fields that a log line may have, and the reading of an event's fields.

use super::scrub::scrub;
use serde_json::{Number, Value};
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::{Field, Visit};

/// Every name that a field may have, sorted. A field by another name is
/// dropped and counted: what is logged is decided here, not where a log line
/// is written. None of them may hold card data, a key or a session's secret.
pub const ALLOWED: [&str; 48] = [
    "address",
    "attempt",
    "attempts",
    "blocked",
    "bytes",
    "chain",
    "code",
    "connections",
    "count",
    "delivery",
    "detail",
    "directive",
    "duration_ms",
    "error",
    "event",
    "fence",
    "hash",
    "host",
    "live",
    "location",
    "measure",
    "merchant",
    "method",
    "mode",
    "next_attempt_in_s",
    "number",
    "outcome",
    "path",
    "peer_prefix",
    "problem",
    "protocol",
    "provider",
    "reason",
    "request_id",
    "route",
    "seconds",
    "session",
    "setting",
    "signal",
    "state",
    "status",
    "thread",
    "timeout_ms",
    "upstream_ms",
    "value",
    "version",
    "warning",
    "workers",
];

/// Longest text of a field or a message, in characters.
pub(super) const LONGEST: usize = 300;
/// How much further the scrubber looks, so that a number on the cut is seen whole:
/// more than 19 digits with a separator after each.
const BEYOND: usize = 40;

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Fields dropped since the process started because their names are not in [`ALLOWED`].
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The fields of a span or of an event, scrubbed and cut, in the order of writing.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// The event's text.
    pub(super) message: String,
    /// Allowed fields, each name once.
    pub(super) list: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Takes a field in; a later one replaces an earlier one of its name.
    pub(super) fn put(&mut self, name: &'static str, value: Value) {
        match self.list.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.list.push((name, value)),
        }
    }

    /// Takes in what a span says on behalf of the events inside it.
    pub(super) fn extend(&mut self, outer: &Self) {
        for (name, value) in &outer.list {
            self.put(name, value.clone());
        }
    }

    fn record(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        match field.name() {
            "message" => match value() {
                Value::String(text) => self.message = text,
                other => self.message = other.to_string(),
            },
            name if ALLOWED.binary_search(&name).is_ok() => self.put(name, value()),
            _ => {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, || text(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, || Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, || number(Number::from(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, || number(Number::from(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, || Number::from_f64(value).map_or(Value::Null, number));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record(field, || text(&value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, || text(&format!("{value:?}")));
    }
}

fn text(value: &str) -> Value {
    let ahead: String = value.chars().take(LONGEST + BEYOND).collect();
    Value::String(scrub(&ahead).chars().take(LONGEST).collect())
}

/// A number stays one unless it could be a card's.
fn number(number: Number) -> Value {
    let written = number.to_string();
    match scrub(&written) {
        masked if masked == written => Value::Number(number),
        masked => Value::String(masked.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_no_name_of_card_data() {
        assert!(ALLOWED.is_sorted());
        for name in
            ["pan", "card", "card_number", "cvv", "cvc", "token", "card_token", "secret", "url", "body", "query"]
        {
            assert!(!ALLOWED.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_number_on_the_cut_is_masked_before_the_cut() {
        for lead in 270..=300 {
            let long = format!("{}4 3 5 5 0 9 3 0 0 0 7 7 7 0 6 8", "x".repeat(lead));
            let Value::String(kept) = text(&long) else { panic!("text stays text") };
            assert!(kept.chars().count() <= LONGEST);
            assert!(!kept.contains(|letter: char| letter.is_ascii_digit()), "{kept}");
        }
    }

    #[test]
    fn a_card_number_recorded_as_a_number_is_masked() {
        assert_eq!(number(Number::from(4_355_093_000_777_068_u64)), Value::String("****************".into()));
        assert_eq!(number(Number::from(15_000)), Value::from(15_000));
    }
}
