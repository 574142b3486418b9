//! How one log line looks, for machines and for people.

use super::fields::Fields;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;
use tracing::Metadata;

/// One JSON object and a line feed: `timestamp` (RFC 3339, UTC, milliseconds),
/// `level`, `target`, `message`, then the fields.
pub(super) fn json(now: Timestamp, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let level = metadata.level().as_str().to_lowercase();
    let mut line = format!(r#"{{"timestamp":"{now:.3}","level":"{level}""#);
    let named = [("target", &Value::from(metadata.target())), ("message", &Value::from(fields.message.as_str()))];
    let listed = fields.list.iter().map(|(name, value)| (*name, value));
    for (name, value) in named.into_iter().chain(listed) {
        push(&mut line, format_args!(",\"{name}\":{value}"));
    }
    line.push_str("}\n");
    line
}

/// Timestamp, level, target, message and `name=value` pairs. Control
/// characters are escaped: a value cannot begin a line of its own.
pub(super) fn text(now: Timestamp, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let mut line = format!("{now:.3} {:<5} {}: {}", metadata.level(), metadata.target(), visible(&fields.message));
    for (name, value) in &fields.list {
        match value {
            Value::String(text) if text.contains([' ', '"', '=']) || text.is_empty() => {
                push(&mut line, format_args!(" {name}={}", visible(&value.to_string())));
            }
            Value::String(text) => push(&mut line, format_args!(" {name}={}", visible(text))),
            other => push(&mut line, format_args!(" {name}={other}")),
        }
    }
    line.push('\n');
    line
}

/// Writing to a `String` cannot fail.
fn push(line: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = line.write_fmt(what);
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() || is_direction(letter) => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

/// Line separators and the marks that turn the writing direction.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
