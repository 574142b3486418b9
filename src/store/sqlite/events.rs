//! Events read back, and made due anew.

use super::audit::append;
use super::outbox::{NewEvent, insert};
use super::rows::{mode, parsed, timestamp};
use super::sessions::by_id;
use super::{NOW, SqliteStore};
use crate::audit::Note;
use crate::id::{EventId, MerchantId, SessionId};
use crate::merchant::{AllowedUrl, Mode};
use crate::session::Violation;
use crate::store::{
    Attempt, Event, EventCursor, EventDetail, EventKind, EventPage, EventQuery, EventScope, EventState, EventStore,
    Redelivery, StoreError, Subject,
};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::time::Duration;

#[async_trait]
impl EventStore for SqliteStore {
    async fn record_test(&self, merchant: MerchantId, mode: Mode, url: AllowedUrl) -> Result<Event, StoreError> {
        self.writer.run(move |db| record_test(db, &merchant, mode, &url)).await
    }

    async fn events(&self, query: EventQuery) -> Result<EventPage, StoreError> {
        self.readers.run(move |db| page(db, &query)).await
    }

    async fn event(&self, scope: EventScope, id: EventId) -> Result<Option<EventDetail>, StoreError> {
        self.readers.run(move |db| detail(db, &scope, &id)).await
    }

    async fn redeliver(&self, scope: EventScope, id: EventId, note: Note) -> Result<Option<Redelivery>, StoreError> {
        self.writer.run(move |db| redeliver(db, &scope, &id, &note)).await
    }

    async fn attempts_since(&self, since: Timestamp, limit: u32) -> Result<Vec<(EventId, Attempt)>, StoreError> {
        self.readers.run(move |db| attempts_since(db, since, limit)).await
    }
}

/// The columns of an event.
pub(super) const EVENT_COLUMNS: &str = "id, merchant_id, mode, kind, session_id, callback_url, created_at, state, \
    attempts, CASE WHEN state = 'pending' AND leased = 0 THEN due_at END, last_reason, settled_at";

/// How many columns [`EVENT_COLUMNS`] lists.
pub(super) const EVENT_WIDTH: usize = 12;

/// An event from a row whose first columns are [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let session: Option<String> = row.get(4)?;
    let read = |id: String| SessionId::parse(&id).ok_or(StoreError::Corrupt { what: "session id" });
    let url: Option<String> = row.get(5)?;
    let at = |index: usize| row.get::<_, Option<i64>>(index)?.map(timestamp).transpose();
    Ok(Event {
        id: parsed(row, 0, "event id", EventId::parse)?,
        merchant: parsed(row, 1, "merchant id", MerchantId::parse)?,
        mode: parsed(row, 2, "mode", mode)?,
        kind: parsed(row, 3, "kind of event", EventKind::parse)?,
        session: session.map(read).transpose()?,
        callback_url: url
            .map(|url| AllowedUrl::from_store(&url).ok_or(StoreError::Corrupt { what: "URL" }))
            .transpose()?,
        created_at: timestamp(row.get(6)?)?,
        state: parsed(row, 7, "state of an event", EventState::parse)?,
        attempts: row.get(8)?,
        next_attempt_at: at(9)?,
        last_reason: row.get(10)?,
        settled_at: at(11)?,
    })
}

/// What an event is about, from a row in which `directive` and `blocked` follow
/// [`EVENT_COLUMNS`].
pub(super) fn subject(db: &Connection, row: &Row<'_>, event: &Event) -> Result<Subject, StoreError> {
    let Some(session) = &event.session else { return Ok(Subject::Ping) };
    let session = Box::new(by_id(db, session)?);
    let (directive, blocked): (Option<String>, Option<String>) = (row.get(EVENT_WIDTH)?, row.get(EVENT_WIDTH + 1)?);
    Ok(match directive.zip(blocked) {
        Some((directive, blocked)) => Subject::Page(session, Violation::from_store(&directive, &blocked)),
        None => Subject::End(session),
    })
}

fn record_test(db: &Connection, merchant: &MerchantId, mode: Mode, url: &AllowedUrl) -> Result<Event, StoreError> {
    let id = EventId::generate();
    let (kind, state) = (EventKind::Ping, EventState::Pending);
    let new = NewEvent { id: id.clone(), merchant, mode, kind, session: None, violation: None, url: Some(url), state };
    insert(db, &new)?;
    one(db, &EventScope::All, &id)?.ok_or(StoreError::Missing { what: "event" })
}

/// The part of a condition that keeps to a scope, with its values.
fn within(scope: &EventScope) -> (&'static str, Vec<Value>) {
    let text = |text: &str| Value::from(text.to_owned());
    match scope {
        EventScope::Of(merchant, mode) => {
            ("merchant_id = ? AND mode = ?", vec![text(merchant.as_str()), text(mode.name())])
        }
        EventScope::OfMerchant(merchant) => {
            ("merchant_id = ? AND mode IN ('test', 'live')", vec![text(merchant.as_str())])
        }
        EventScope::All => ("1", Vec::new()),
    }
}

fn page(db: &Connection, query: &EventQuery) -> Result<EventPage, StoreError> {
    let (scope, mut values) = within(&query.scope);
    // One text for each set of filters, so that each is served by its index.
    let mut conditions = vec![scope];
    let mut narrow = |condition, value: Option<Value>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    let text = |text: &str| Value::from(text.to_owned());
    narrow("state = ?", query.state.map(|state| text(state.name())));
    narrow("kind = ?", query.kind.map(|kind| text(kind.name())));
    narrow("session_id = ?", query.session.as_ref().map(|session| text(session.as_str())));
    narrow("created_at >= ?", query.created_after.map(|at| at.as_millisecond().into()));
    narrow("created_at < ?", query.created_before.map(|at| at.as_millisecond().into()));
    if let Some(cursor) = &query.after {
        conditions.push("(created_at, id) < (?, ?)");
        values.extend([cursor.created_at.into(), text(cursor.id.as_str())]);
    }
    values.push(i64::from(query.limit + 1).into());
    // A session has few events, its merchant many: without figures SQLite would take either's index.
    let index = query.session.as_ref().map_or("", |_| "INDEXED BY events_of_session");
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events {index} WHERE {} ORDER BY created_at DESC, id DESC LIMIT ?",
        conditions.join(" AND ")
    );
    let mut events: Vec<Event> =
        db.prepare_cached(&sql)?.query_and_then(params_from_iter(values), event)?.collect::<Result<_, _>>()?;
    let more = events.len() > query.limit as usize;
    events.truncate(query.limit as usize);
    let next = events
        .last()
        .filter(|_| more)
        .map(|last| EventCursor { created_at: last.created_at.as_millisecond(), id: last.id.clone() });
    Ok(EventPage { events, next })
}

fn one(db: &Connection, scope: &EventScope, id: &EventId) -> Result<Option<Event>, StoreError> {
    let (within, mut values) = within(scope);
    values.push(id.as_str().to_owned().into());
    db.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM events WHERE {within} AND id = ?"))?
        .query_row(params_from_iter(values), |row| Ok(event(row)))
        .optional()?
        .transpose()
}

fn detail(db: &Connection, scope: &EventScope, id: &EventId) -> Result<Option<EventDetail>, StoreError> {
    let (within, mut values) = within(scope);
    values.push(id.as_str().to_owned().into());
    let sql = format!("SELECT {EVENT_COLUMNS}, directive, blocked FROM events WHERE {within} AND id = ?");
    let read = |row: &Row<'_>| {
        let event = event(row)?;
        let subject = subject(db, row, &event)?;
        Ok(EventDetail { event, subject, attempts: attempts(db, id)? })
    };
    db.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| Ok(read(row))).optional()?.transpose()
}

const ATTEMPT_COLUMNS: &str = "number, ended_at, latency_ms, status, reason, answer, event_id";

fn attempts(db: &Connection, id: &EventId) -> Result<Vec<Attempt>, StoreError> {
    db.prepare_cached(&format!("SELECT {ATTEMPT_COLUMNS} FROM delivery_attempts WHERE event_id = ? ORDER BY number"))?
        .query_and_then([id.as_str()], attempt)?
        .collect()
}

fn attempts_since(db: &Connection, since: Timestamp, limit: u32) -> Result<Vec<(EventId, Attempt)>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT {ATTEMPT_COLUMNS} FROM delivery_attempts WHERE ended_at >= ? ORDER BY ended_at, event_id LIMIT ?"
    ))?
    .query_and_then(params![since.as_millisecond(), limit], |row| {
        Ok((parsed(row, 6, "event id", EventId::parse)?, attempt(row)?))
    })?
    .collect()
}

fn attempt(row: &Row<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        number: row.get(0)?,
        ended_at: timestamp(row.get(1)?)?,
        latency: Duration::from_millis(u64::from(row.get::<_, u32>(2)?)),
        status: row.get(3)?,
        reason: row.get(4)?,
        answer: row.get(5)?,
    })
}

fn redeliver(db: &Connection, scope: &EventScope, id: &EventId, note: &Note) -> Result<Option<Redelivery>, StoreError> {
    match one(db, scope, id)? {
        None => return Ok(None),
        Some(event) if event.callback_url.is_none() => return Ok(Some(Redelivery::Unaddressed)),
        Some(_) => {}
    }
    // An attempt that is under way is left its lease; if it fails, what follows
    // is the new schedule.
    let on_wire = format!("(leased = 1 AND due_at > {NOW})");
    db.prepare_cached(&format!(
        "UPDATE events SET state = 'pending', failures = 0, scheduled_at = {NOW}, settled_at = NULL,
            leased = CASE WHEN {on_wire} THEN 1 ELSE 0 END, due_at = CASE WHEN {on_wire} THEN due_at ELSE {NOW} END
         WHERE id = ?"
    ))?
    .execute([id.as_str()])?;
    append(db, note)?;
    Ok(one(db, scope, id)?.map(|event| Redelivery::Due(Box::new(event))))
}
