//! Events as they are written, leased and settled. The body of a callback is
//! made from its session when it is sent: an ended session never changes.

use super::events::{EVENT_COLUMNS, EVENT_WIDTH, event, subject};
use super::rows::milliseconds;
use super::sessions::by_id;
use super::{NOW, SqliteStore};
use crate::id::{EventId, MerchantId, SessionId};
use crate::merchant::{AllowedUrl, Mode};
use crate::session::{Session, Violation};
use crate::store::{
    Among, Backlog, Delivery, DeliveryAsk, DeliveryOutcome, Endpoint, EventKind, EventState, KEPT_ATTEMPTS,
    OutboxStore, Settlement, StoreError,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn record_violation(&self, session: SessionId, violation: Violation) -> Result<bool, StoreError> {
        // A power cut may undo it: the browser's next report brings it back.
        self.writer.run_relaxed(move |db| record_violation(db, &session, &violation)).await
    }

    async fn lease_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Delivery>, StoreError> {
        // Undone by a power cut, a lease or its outcome means one more delivery:
        // at least once is what is promised.
        self.writer.run_relaxed(move |db| lease(db, &ask)).await
    }

    async fn backlog(&self, paused: Vec<Endpoint>) -> Result<Backlog, StoreError> {
        self.readers.run(move |db| backlog(db, &paused)).await
    }

    async fn settle_delivery(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.writer.run_relaxed(move |db| settle(db, &settlement)).await
    }
}

/// An event to write.
pub(super) struct NewEvent<'a> {
    pub id: EventId,
    pub merchant: &'a MerchantId,
    pub mode: Mode,
    pub kind: EventKind,
    pub session: Option<&'a SessionId>,
    pub violation: Option<&'a Violation>,
    pub url: Option<&'a AllowedUrl>,
    pub state: EventState,
}

/// Writes an event, unless it is of a violation and the session has one of the
/// same directive; says whether it did.
pub(super) fn insert(db: &Connection, new: &NewEvent<'_>) -> Result<bool, StoreError> {
    let endpoint = new.url.map(|url| Endpoint::of(new.merchant, url));
    let written = db
        .prepare_cached(&format!(
            "INSERT INTO events (id, merchant_id, mode, session_id, kind, directive, blocked, callback_url, endpoint,
                state, created_at, scheduled_at, due_at, settled_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, {NOW}, {NOW},
                CASE WHEN ?10 = 'pending' THEN {NOW} END, CASE WHEN ?10 <> 'pending' THEN {NOW} END)
             ON CONFLICT (session_id, directive) WHERE kind = 'page.violation' DO NOTHING"
        ))?
        .execute(params![
            new.id.as_str(),
            new.merchant.as_str(),
            new.mode.name(),
            new.session.map(SessionId::as_str),
            new.kind.name(),
            new.violation.map(|found| found.directive.name()),
            new.violation.map(|found| found.blocked.name()),
            new.url.map(|url| url.url().as_str()),
            endpoint.as_ref().map(Endpoint::as_str),
            new.state.name(),
        ])?;
    Ok(written == 1)
}

/// Writes the event of a session that has just ended, in the transaction that ended it.
pub(super) fn record_end(db: &Connection, session: &Session) -> Result<(), StoreError> {
    let kind = EventKind::of_end(session.status).ok_or(StoreError::Corrupt { what: "status" })?;
    insert(db, &of_session(db, session, kind)?)?;
    Ok(())
}

fn record_violation(db: &Connection, session: &SessionId, found: &Violation) -> Result<bool, StoreError> {
    let session = by_id(db, session)?;
    insert(db, &NewEvent { violation: Some(found), ..of_session(db, &session, EventKind::Violation)? })
}

fn of_session<'a>(db: &Connection, session: &'a Session, kind: EventKind) -> Result<NewEvent<'a>, StoreError> {
    let url = session.callback_url.as_ref();
    Ok(NewEvent {
        id: EventId::generate(),
        merchant: &session.merchant,
        mode: session.mode,
        kind,
        session: Some(&session.id),
        violation: None,
        url,
        state: match url {
            None => EventState::Unaddressed,
            Some(url) if is_disabled(db, &session.merchant, url)? => EventState::EndpointDisabled,
            Some(_) => EventState::Pending,
        },
    })
}

fn is_disabled(db: &Connection, merchant: &MerchantId, url: &AllowedUrl) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT 1 FROM disabled_endpoints WHERE merchant_id = ? AND url = ?")?
        .exists(params![merchant.as_str(), url.url().as_str()])?)
}

/// Steps from endpoint to endpoint through the index instead of reading every
/// due event.
const WAITING: &str = "WITH RECURSIVE waiting (endpoint) AS (
    SELECT MIN(endpoint) FROM events WHERE state = 'pending'
    UNION ALL
    SELECT (SELECT MIN(endpoint) FROM events WHERE state = 'pending' AND endpoint > waiting.endpoint)
    FROM waiting WHERE waiting.endpoint IS NOT NULL),
 named (endpoint) AS (SELECT endpoint FROM waiting WHERE endpoint NOT IN (SELECT value FROM json_each(?4)))";

const NAMED: &str = "WITH named (endpoint) AS (SELECT value FROM json_each(?4))";

/// Endpoints for `json_each`.
fn list_of(endpoints: &[Endpoint]) -> Result<String, StoreError> {
    let names: Vec<&str> = endpoints.iter().map(Endpoint::as_str).collect();
    serde_json::to_string(&names).map_err(|_| StoreError::Corrupt { what: "endpoint" })
}

/// Takes a few due events of each endpoint, so that one with a thousand of them
/// does not keep the others waiting.
fn lease(db: &Connection, ask: &DeliveryAsk) -> Result<Vec<Delivery>, StoreError> {
    let (named, list) = match &ask.among {
        Among::AllBut(list) => (WAITING, list),
        Among::Only(list) => (NAMED, list),
    };
    let list = list_of(list)?;
    db.prepare_cached(&format!(
        "{named}
         UPDATE events SET attempts = attempts + 1, leased = 1, due_at = {NOW} + ?3
         WHERE id IN (SELECT e.id FROM named JOIN events e ON e.id IN (
                SELECT due.id FROM events due
                WHERE due.endpoint = named.endpoint AND due.state = 'pending' AND due.due_at <= {NOW}
                ORDER BY due.due_at LIMIT ?2)
            ORDER BY e.due_at LIMIT ?1)
         RETURNING {EVENT_COLUMNS}, directive, blocked, failures"
    ))?
    .query_and_then(params![ask.limit, ask.per_endpoint, milliseconds(ask.lease), list], |row| delivery(db, row))?
    .collect()
}

fn delivery(db: &Connection, row: &Row<'_>) -> Result<Delivery, StoreError> {
    let event = event(row)?;
    Ok(Delivery {
        subject: subject(db, row, &event)?,
        url: event.callback_url.clone().ok_or(StoreError::Corrupt { what: "callback URL" })?,
        failures: row.get(EVENT_WIDTH + 2)?,
        event,
    })
}

/// Reads the index of what is pending alone.
fn backlog(db: &Connection, paused: &[Endpoint]) -> Result<Backlog, StoreError> {
    let paused = list_of(paused)?;
    let (pending, late): (u32, i64) = db
        .prepare_cached(&format!(
            "SELECT COUNT(*), MAX(0, {NOW} - COALESCE(
                MIN(due_at) FILTER (WHERE endpoint NOT IN (SELECT value FROM json_each(?2))), {NOW}))
             FROM (SELECT due_at, endpoint FROM events WHERE state = 'pending' ORDER BY endpoint LIMIT ?1)"
        ))?
        .query_row(params![Backlog::MOST, paused], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Backlog { pending, oldest_due: Duration::from_millis(u64::try_from(late).unwrap_or_default()) })
}

fn settle(db: &Connection, end: &Settlement) -> Result<(), StoreError> {
    keep_attempt(db, end)?;
    match end.outcome {
        DeliveryOutcome::Delivered => {
            if let Some(address) = finish(db, end, EventState::Delivered)? {
                db.prepare_cached("DELETE FROM disabled_endpoints WHERE merchant_id = ? AND url = ?")?
                    .execute([address.merchant, address.url])?;
            }
        }
        DeliveryOutcome::Retry { after } => wait(db, end, milliseconds(after), 1)?,
        DeliveryOutcome::Interrupted => wait(db, end, 0, 0)?,
        DeliveryOutcome::Abandoned => drop(finish(db, end, EventState::Abandoned)?),
        DeliveryOutcome::EndpointGone => {
            if let Some(address) = finish(db, end, EventState::EndpointDisabled)? {
                disable(db, &address)?;
            }
        }
    }
    Ok(())
}

fn keep_attempt(db: &Connection, end: &Settlement) -> Result<(), StoreError> {
    let latency = u32::try_from(end.latency.as_millis()).unwrap_or(u32::MAX);
    db.prepare_cached(&format!(
        "INSERT INTO delivery_attempts (event_id, number, ended_at, latency_ms, status, reason, answer)
         VALUES (?, ?, {NOW}, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    ))?
    .execute(params![end.event.as_str(), end.attempt, latency, end.status, end.reason, end.answer])?;
    if let Some(oldest) = end.attempt.checked_sub(KEPT_ATTEMPTS) {
        db.prepare_cached("DELETE FROM delivery_attempts WHERE event_id = ? AND number <= ?")?
            .execute(params![end.event.as_str(), oldest])?;
    }
    Ok(())
}

/// The lease is still this attempt's.
const LEASED: &str = "id = ?1 AND attempts = ?2 AND leased = 1";

/// Where an event goes.
struct Address {
    merchant: String,
    url: String,
    endpoint: String,
}

/// Puts a leased event into its last state; tells where it goes if it did. One
/// whose endpoint was disabled meanwhile is not abandoned on top of it.
fn finish(db: &Connection, end: &Settlement, state: EventState) -> Result<Option<Address>, StoreError> {
    Ok(db
        .prepare_cached(&format!(
            "UPDATE events SET state = ?3, leased = 0, due_at = NULL, last_reason = ?4, settled_at = {NOW}
             WHERE {LEASED} AND (state = 'pending' OR (state = 'endpoint_disabled' AND ?3 <> 'abandoned'))
             RETURNING merchant_id, callback_url, endpoint"
        ))?
        .query_row(params![end.event.as_str(), end.attempt, state.name(), end.reason], |row| {
            Ok(Address { merchant: row.get(0)?, url: row.get(1)?, endpoint: row.get(2)? })
        })
        .optional()?)
}

/// Makes a leased event due again after so many milliseconds.
fn wait(db: &Connection, end: &Settlement, milliseconds: i64, failures: u32) -> Result<(), StoreError> {
    db.prepare_cached(&format!(
        "UPDATE events SET leased = 0, due_at = {NOW} + ?3, failures = failures + ?4, last_reason = ?5
         WHERE {LEASED} AND state = 'pending'"
    ))?
    .execute(params![end.event.as_str(), end.attempt, milliseconds, failures, end.reason])?;
    Ok(())
}

/// Holds back all that waits for a URL. What is on the wire keeps its lease.
fn disable(db: &Connection, address: &Address) -> Result<(), StoreError> {
    db.execute(
        &format!(
            "INSERT INTO disabled_endpoints (merchant_id, url, disabled_at) VALUES (?, ?, {NOW})
             ON CONFLICT (merchant_id, url) DO UPDATE SET disabled_at = excluded.disabled_at"
        ),
        [&address.merchant, &address.url],
    )?;
    db.execute(
        &format!(
            "UPDATE events SET state = 'endpoint_disabled', last_reason = 'endpoint_disabled', settled_at = {NOW}
             WHERE endpoint = ? AND state = 'pending' AND callback_url = ?"
        ),
        [&address.endpoint, &address.url],
    )?;
    Ok(())
}
