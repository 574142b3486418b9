//! Events on the terminal, as text or JSON. What is told of an event is not
//! printed: there is a token in it.

use crate::handoff::result::rfc3339;
use crate::id::EventId;
use crate::store::{Attempt, Event, EventDetail};
use serde_json::{Value, json};
use std::fmt;
use std::io::Write;

/// Some events, a line each.
pub(super) fn list(events: &[Event], as_json: bool) {
    if as_json {
        let events: Vec<Value> = events.iter().map(as_value).collect();
        say(format_args!("{}", json!({ "events": events })));
        return;
    }
    for event in events {
        say(format_args!("{}", line(event)));
    }
}

/// One event with its attempts.
pub(super) fn shown(detail: &EventDetail, as_json: bool) {
    let event = &detail.event;
    if as_json {
        let mut body = as_value(event);
        body["attempts"] = detail.attempts.iter().map(attempt_as_value).collect();
        say(format_args!("{body}"));
        return;
    }
    say(format_args!("event       {}", event.id));
    say(format_args!("type        {}", event.kind.name()));
    say(format_args!("merchant    {} ({})", event.merchant, event.mode.name()));
    if let Some(session) = &event.session {
        say(format_args!("session     {session}"));
    }
    if let Some(url) = &event.callback_url {
        say(format_args!("endpoint    {}", url.url()));
    }
    say(format_args!("created     {}", rfc3339(event.created_at)));
    say(format_args!("state       {}", event.state.name()));
    for (name, at) in [("next try    ", event.next_attempt_at), ("settled     ", event.settled_at)] {
        if let Some(at) = at {
            say(format_args!("{name}{}", rfc3339(at)));
        }
    }
    for attempt in &detail.attempts {
        say(format_args!("{}", attempt_line(attempt)));
        if !attempt.answer.is_empty() {
            say(format_args!("            {}", attempt.answer));
        }
    }
}

/// An event that is due again.
pub(super) fn due(event: &Event, as_json: bool) {
    if as_json {
        return say(format_args!("{}", as_value(event)));
    }
    say(format_args!("{}: due now, at the start of a new schedule", event.id));
}

/// A new event, as it came.
pub(super) fn happened(event: &Event, as_json: bool) {
    if as_json {
        return say(format_args!("{}", json!({ "event": as_value(event) })));
    }
    say(format_args!("{}", line(event)));
}

/// An attempt, as it ended.
pub(super) fn tried(event: &EventId, attempt: &Attempt, as_json: bool) {
    if as_json {
        let mut body = attempt_as_value(attempt);
        body["event"] = json!(event);
        return say(format_args!("{}", json!({ "attempt": body })));
    }
    say(format_args!("{event}  {}", attempt_line(attempt)));
}

fn line(event: &Event) -> String {
    let about = event.session.as_ref().map_or("", |session| session.as_str());
    let (created, state) = (rfc3339(event.created_at), event.state.name());
    let reason = event.last_reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{}  {created}  {}  {state}{reason}  {}  {about}", event.id, event.kind.name(), event.merchant)
}

fn attempt_line(attempt: &Attempt) -> String {
    let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let reason = attempt.reason.as_deref().unwrap_or("delivered");
    let (at, latency) = (rfc3339(attempt.began_at()), attempt.latency.as_millis());
    format!("attempt {:<3} {at}  {status}  {reason}  {latency} ms", attempt.number)
}

fn as_value(event: &Event) -> Value {
    json!({
        "id": event.id,
        "type": event.kind.name(),
        "merchant": event.merchant,
        "mode": event.mode,
        "session": event.session,
        "callbackUrl": event.callback_url.as_ref().map(|url| url.url().as_str()),
        "createdAt": rfc3339(event.created_at),
        "state": event.state.name(),
        "attemptCount": event.attempts,
        "nextAttemptAt": event.next_attempt_at.map(rfc3339),
        "lastReason": event.last_reason,
        "settledAt": event.settled_at.map(rfc3339),
    })
}

fn attempt_as_value(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "at": rfc3339(attempt.began_at()),
        "latencyMs": u64::try_from(attempt.latency.as_millis()).unwrap_or(u64::MAX),
        "status": attempt.status,
        "reason": attempt.reason,
        "answer": attempt.answer,
    })
}

/// One line. A reader that has gone away (`| head`) is no failure.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
