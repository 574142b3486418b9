//! How entries are listed.

use super::time;
use crate::audit::Entry;
use serde_json::{Value, json};
use std::io::Write;

/// A line each, or one JSON object.
pub(super) fn print(entries: &[Entry], as_json: bool) {
    let text = if as_json {
        let entries: Vec<Value> = entries.iter().map(to_json).collect();
        json!({ "entries": entries }).to_string()
    } else {
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    // A reader that has gone away (`| head`) is no failure.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn line(entry: &Entry) -> String {
    let count = if entry.count == 1 { String::new() } else { format!("{} times", entry.count) };
    let who = format!("{} {}", entry.actor, entry.actor_name);
    let parts = [
        &time(entry),
        who.trim(),
        &entry.action,
        &entry.subject,
        &entry.outcome,
        &count,
        &entry.detail,
        &format!("{}/{}", entry.chain, entry.number),
    ];
    let shown: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| printable(part)).collect();
    shown.join("  ")
}

/// Whatever somebody may have put into the store, no control character reaches a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Everything that a verifier needs.
fn to_json(entry: &Entry) -> Value {
    json!({
        "chain": entry.chain.as_str(),
        "number": entry.number,
        "at": entry.at,
        "time": time(entry),
        "previous": entry.previous.to_string(),
        "actor": entry.actor,
        "actorName": entry.actor_name,
        "action": entry.action,
        "subject": entry.subject,
        "outcome": entry.outcome,
        "count": entry.count,
        "detail": entry.detail,
        "hash": entry.hash.to_string(),
    })
}
