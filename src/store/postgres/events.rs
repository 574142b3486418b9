//! Events read back, and made due anew.

use super::audit::append;
use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::outbox::{NewEvent, insert};
use super::rows::{column, count, moment, moment_if_any, parsed};
use super::sessions::by_ids;
use super::{NOW, PostgresStore};
use crate::audit::Note;
use crate::id::{EventId, MerchantId, SessionId};
use crate::merchant::{AllowedUrl, Mode};
use crate::session::{Session, Violation};
use crate::store::columns::mode;
use crate::store::{
    Attempt, Event, EventCursor, EventDetail, EventKind, EventPage, EventQuery, EventScope, EventState, EventStore,
    Redelivery, StoreError, Subject,
};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

#[async_trait]
impl EventStore for PostgresStore {
    async fn record_test(&self, merchant: MerchantId, mode: Mode, url: AllowedUrl) -> Result<Event, StoreError> {
        self.executor.run(Kind::Durable, async move |db| record_test(db, &merchant, mode, &url).await).await
    }

    async fn events(&self, query: EventQuery) -> Result<EventPage, StoreError> {
        self.executor.run(Kind::Read, async move |db| page(db, &query).await).await
    }

    async fn event(&self, scope: EventScope, id: EventId) -> Result<Option<EventDetail>, StoreError> {
        self.executor.run(Kind::Read, async move |db| detail(db, &scope, &id).await).await
    }

    async fn redeliver(&self, scope: EventScope, id: EventId, note: Note) -> Result<Option<Redelivery>, StoreError> {
        self.executor.run(Kind::Durable, async move |db| redeliver(db, &scope, &id, &note).await).await
    }

    async fn attempts_since(&self, since: Timestamp, limit: u32) -> Result<Vec<(EventId, Attempt)>, StoreError> {
        self.executor.run(Kind::Read, async move |db| attempts_since(db, since, limit).await).await
    }
}

/// The columns of an event.
pub(super) const EVENT_COLUMNS: &str = "events.id, events.merchant_id, events.mode, events.kind, events.session_id, \
    events.callback_url, events.created_at, events.state, events.attempts, \
    CASE WHEN events.state = 'pending' AND NOT events.leased THEN events.due_at END, events.last_reason, \
    events.settled_at";

/// How many columns [`EVENT_COLUMNS`] lists.
pub(super) const EVENT_WIDTH: usize = 12;

/// An event from a row whose first columns are [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row) -> Result<Event, StoreError> {
    let session: Option<&str> = column(row, 4)?;
    let url: Option<&str> = column(row, 5)?;
    let read = |id: &str| SessionId::parse(id).ok_or(StoreError::Corrupt { what: "session id" });
    Ok(Event {
        id: parsed(row, 0, "event id", EventId::parse)?,
        merchant: parsed(row, 1, "merchant id", MerchantId::parse)?,
        mode: parsed(row, 2, "mode", mode)?,
        kind: parsed(row, 3, "kind of event", EventKind::parse)?,
        session: session.map(read).transpose()?,
        callback_url: url
            .map(|url| AllowedUrl::from_store(url).ok_or(StoreError::Corrupt { what: "URL" }))
            .transpose()?,
        created_at: moment(row, 6)?,
        state: parsed(row, 7, "state of an event", EventState::parse)?,
        attempts: count(row, 8)?,
        next_attempt_at: moment_if_any(row, 9)?,
        last_reason: column(row, 10)?,
        settled_at: moment_if_any(row, 11)?,
    })
}

/// What an event is about, from a row in which `directive` and `blocked` follow
/// [`EVENT_COLUMNS`], and its session.
pub(super) fn subject(row: &Row, event: &Event, session: Option<Session>) -> Result<Subject, StoreError> {
    if event.session.is_none() {
        return Ok(Subject::Ping);
    }
    let session = Box::new(session.ok_or(StoreError::Missing { what: "session" })?);
    let (directive, blocked): (Option<&str>, Option<&str>) = (column(row, EVENT_WIDTH)?, column(row, EVENT_WIDTH + 1)?);
    Ok(match directive.zip(blocked) {
        Some((directive, blocked)) => Subject::Page(session, Violation::from_store(directive, blocked)),
        None => Subject::End(session),
    })
}

async fn record_test(db: &Connection, merchant: &MerchantId, mode: Mode, url: &AllowedUrl) -> Result<Event, Trouble> {
    let id = EventId::generate();
    let kind = EventKind::Ping;
    let new = NewEvent { id: id.clone(), merchant, mode, kind, session: None, violation: None, url: Some(url) };
    insert(db, &[new]).await?;
    Ok(one(db, &EventScope::All, &id).await?.ok_or(StoreError::Missing { what: "event" })?)
}

/// A condition that grows, with its values. In each part a `?` stands for a value.
#[derive(Default)]
struct Condition {
    parts: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync>>,
}

impl Condition {
    /// Keeps to a scope.
    fn within(scope: &EventScope) -> Self {
        let mut condition = Self::default();
        match scope {
            EventScope::Of(merchant, mode) => {
                condition.and("merchant_id = ?", merchant.as_str().to_owned());
                condition.and("mode = ?", mode.name());
            }
            EventScope::OfMerchant(merchant) => {
                condition.and("merchant_id = ? AND mode IN ('test', 'live')", merchant.as_str().to_owned());
            }
            EventScope::All => {}
        }
        condition
    }

    /// One text for each set of filters, so that each is served by its index.
    fn of(query: &EventQuery) -> Self {
        let mut condition = Self::within(&query.scope);
        condition.and_if("state = ?", query.state.map(EventState::name));
        condition.and_if("kind = ?", query.kind.map(EventKind::name));
        condition.and_if("session_id = ?", query.session.as_ref().map(|session| session.as_str().to_owned()));
        condition.and_if("created_at >= ?", query.created_after.map(Timestamp::as_millisecond));
        condition.and_if("created_at < ?", query.created_before.map(Timestamp::as_millisecond));
        if let Some(EventCursor { created_at, id }) = &query.after {
            condition.values.push(Box::new(*created_at));
            condition.and(&format!("(created_at, id) < (${}, ?)", condition.values.len()), id.as_str().to_owned());
        }
        condition
    }

    fn and(&mut self, part: &str, value: impl ToSql + Sync + 'static) {
        self.values.push(Box::new(value));
        self.parts.push(part.replace('?', &format!("${}", self.values.len())));
    }

    fn and_if(&mut self, part: &str, value: Option<impl ToSql + Sync + 'static>) {
        if let Some(value) = value {
            self.and(part, value);
        }
    }

    /// `WHERE` and the parts; nothing without one.
    fn text(&self) -> String {
        let word = if self.parts.is_empty() { "" } else { "WHERE " };
        format!("{word}{}", self.parts.join(" AND "))
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}

async fn page(db: &Connection, query: &EventQuery) -> Result<EventPage, Trouble> {
    let condition = Condition::of(query);
    let (limit, mut values) = (i64::from(query.limit) + 1, condition.values());
    values.push(&limit);
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events {} ORDER BY created_at DESC, id DESC LIMIT ${}",
        condition.text(),
        values.len()
    );
    let rows = db.all(&sql, &values).await?;
    let mut events: Vec<Event> = rows.iter().map(event).collect::<Result<_, _>>()?;
    let more = events.len() > query.limit as usize;
    events.truncate(query.limit as usize);
    let next = events
        .last()
        .filter(|_| more)
        .map(|last| EventCursor { created_at: last.created_at.as_millisecond(), id: last.id.clone() });
    Ok(EventPage { events, next })
}

async fn one(db: &Connection, scope: &EventScope, id: &EventId) -> Result<Option<Event>, Trouble> {
    let mut condition = Condition::within(scope);
    condition.and("id = ?", id.as_str().to_owned());
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events {}", condition.text());
    Ok(db.one(&sql, &condition.values()).await?.map(|row| event(&row)).transpose()?)
}

async fn detail(db: &Connection, scope: &EventScope, id: &EventId) -> Result<Option<EventDetail>, Trouble> {
    let mut condition = Condition::within(scope);
    condition.and("id = ?", id.as_str().to_owned());
    let sql = format!("SELECT {EVENT_COLUMNS}, directive, blocked FROM events {}", condition.text());
    let Some(row) = db.one(&sql, &condition.values()).await? else { return Ok(None) };
    let event = event(&row)?;
    let session = match &event.session {
        Some(session) => by_ids(db, &[session.as_str()]).await?.pop(),
        None => None,
    };
    let subject = subject(&row, &event, session)?;
    Ok(Some(EventDetail { event, subject, attempts: attempts(db, id).await? }))
}

const ATTEMPT_COLUMNS: &str = "number, ended_at, latency_ms, status, reason, answer, event_id";

async fn attempts(db: &Connection, id: &EventId) -> Result<Vec<Attempt>, Trouble> {
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM delivery_attempts WHERE event_id = $1 ORDER BY number");
    Ok(db.all(&sql, &[&id.as_str()]).await?.iter().map(attempt).collect::<Result<_, _>>()?)
}

async fn attempts_since(db: &Connection, since: Timestamp, limit: u32) -> Result<Vec<(EventId, Attempt)>, Trouble> {
    let sql = format!(
        "SELECT {ATTEMPT_COLUMNS} FROM delivery_attempts WHERE ended_at >= $1 ORDER BY ended_at, event_id LIMIT $2"
    );
    let rows = db.all(&sql, &[&since.as_millisecond(), &i64::from(limit)]).await?;
    let read = |row: &Row| Ok((parsed(row, 6, "event id", EventId::parse)?, attempt(row)?));
    Ok(rows.iter().map(read).collect::<Result<_, StoreError>>()?)
}

fn attempt(row: &Row) -> Result<Attempt, StoreError> {
    let status: Option<i64> = column(row, 3)?;
    let status = status.map(|status| u16::try_from(status).map_err(|_| StoreError::Corrupt { what: "status" }));
    Ok(Attempt {
        number: count(row, 0)?,
        ended_at: moment(row, 1)?,
        latency: Duration::from_millis(u64::from(count(row, 2)?)),
        status: status.transpose()?,
        reason: column(row, 4)?,
        answer: column(row, 5)?,
    })
}

async fn redeliver(
    db: &Connection,
    scope: &EventScope,
    id: &EventId,
    note: &Note,
) -> Result<Option<Redelivery>, Trouble> {
    match one(db, scope, id).await? {
        None => return Ok(None),
        Some(event) if event.callback_url.is_none() => return Ok(Some(Redelivery::Unaddressed)),
        Some(_) => {}
    }
    // An attempt that is under way is left its lease; if it fails, what follows
    // is the new schedule.
    let on_wire = format!("(leased AND due_at > {NOW})");
    let sql = format!(
        "UPDATE events SET state = 'pending', failures = 0, scheduled_at = {NOW}, settled_at = NULL,
            leased = COALESCE({on_wire}, FALSE), due_at = CASE WHEN {on_wire} THEN due_at ELSE {NOW} END
         WHERE id = $1"
    );
    db.execute(&sql, &[&id.as_str()]).await?;
    append(db, note).await?;
    Ok(one(db, scope, id).await?.map(|event| Redelivery::Due(Box::new(event))))
}
