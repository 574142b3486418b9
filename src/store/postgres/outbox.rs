//! Events as they are written, leased and settled. The body of a callback is
//! made from its session when it is sent: an ended session never changes.

use super::connection::{Connection, Trouble};
use super::events::{EVENT_COLUMNS, EVENT_WIDTH, event, subject};
use super::executor::Kind;
use super::rows::{column, count};
use super::sessions::by_ids;
use super::{NOW, PostgresStore};
use crate::id::{EventId, MerchantId, SessionId};
use crate::merchant::{AllowedUrl, Mode};
use crate::session::{Session, Violation};
use crate::store::columns::milliseconds;
use crate::store::{
    Among, Backlog, Delivery, DeliveryAsk, DeliveryOutcome, Endpoint, Event, EventKind, EventState, KEPT_ATTEMPTS,
    OutboxStore, Settlement, StoreError,
};
use async_trait::async_trait;
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn record_violation(&self, session: SessionId, violation: Violation) -> Result<bool, StoreError> {
        // A power cut may undo it: the browser's next report brings it back.
        self.executor.run(Kind::Relaxed, async move |db| record_violation(db, &session, &violation).await).await
    }

    async fn lease_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Delivery>, StoreError> {
        // Undone by a power cut, a lease or its outcome means one more delivery:
        // at least once is what is promised.
        self.executor.run(Kind::Relaxed, async move |db| lease(db, &ask).await).await
    }

    async fn backlog(&self, paused: Vec<Endpoint>) -> Result<Backlog, StoreError> {
        self.executor.run(Kind::Read, async move |db| backlog(db, &paused).await).await
    }

    async fn settle_delivery(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| settle(db, &settlement).await).await
    }
}

/// An event to write. Whether its endpoint is disabled is found out then, but
/// for a test, which is sent all the same.
pub(super) struct NewEvent<'a> {
    pub id: EventId,
    pub merchant: &'a MerchantId,
    pub mode: Mode,
    pub kind: EventKind,
    pub session: Option<&'a SessionId>,
    pub violation: Option<&'a Violation>,
    pub url: Option<&'a AllowedUrl>,
}

/// Writes events, but none of a violation whose session has one of the same
/// directive; says how many.
pub(super) async fn insert(db: &Connection, new: &[NewEvent<'_>]) -> Result<u64, Trouble> {
    let sql = format!(
        "INSERT INTO events (id, merchant_id, mode, session_id, kind, directive, blocked, callback_url, endpoint,
            state, created_at, scheduled_at, due_at, settled_at)
         SELECT id, merchant_id, mode, session_id, kind, directive, blocked, callback_url, endpoint,
            state, {NOW}, {NOW}, CASE WHEN state = 'pending' THEN {NOW} END, CASE WHEN state <> 'pending' THEN {NOW} END
         FROM (SELECT new.*, CASE WHEN callback_url IS NULL THEN 'unaddressed'
                WHEN session_id IS NOT NULL AND EXISTS (SELECT 1 FROM disabled_endpoints d
                    WHERE d.merchant_id = new.merchant_id AND d.url = new.callback_url) THEN 'endpoint_disabled'
                ELSE 'pending' END AS state
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[]) AS new (id, merchant_id, mode, session_id, kind, directive, blocked, callback_url, endpoint)
         ) AS judged
         ON CONFLICT (session_id, directive) WHERE kind = 'page.violation' DO NOTHING"
    );
    let ids: Vec<&str> = new.iter().map(|new| new.id.as_str()).collect();
    let merchants: Vec<&str> = new.iter().map(|new| new.merchant.as_str()).collect();
    let modes: Vec<&str> = new.iter().map(|new| new.mode.name()).collect();
    let sessions: Vec<Option<&str>> = new.iter().map(|new| new.session.map(SessionId::as_str)).collect();
    let kinds: Vec<&str> = new.iter().map(|new| new.kind.name()).collect();
    let directives: Vec<Option<&str>> =
        new.iter().map(|new| new.violation.map(|found| found.directive.name())).collect();
    let blocked: Vec<Option<&str>> = new.iter().map(|new| new.violation.map(|found| found.blocked.name())).collect();
    let urls: Vec<Option<&str>> = new.iter().map(|new| new.url.map(|url| url.url().as_str())).collect();
    let endpoints: Vec<Option<String>> =
        new.iter().map(|new| new.url.map(|url| Endpoint::of(new.merchant, url).as_str().to_owned())).collect();
    db.execute(&sql, &[&ids, &merchants, &modes, &sessions, &kinds, &directives, &blocked, &urls, &endpoints]).await
}

/// Writes the events of sessions that have just ended, in the transaction that ended them.
pub(super) async fn record_ends(db: &Connection, sessions: &[Session]) -> Result<(), Trouble> {
    let new: Vec<NewEvent<'_>> = sessions.iter().map(of_end).collect::<Result<_, StoreError>>()?;
    insert(db, &new).await?;
    Ok(())
}

fn of_end(session: &Session) -> Result<NewEvent<'_>, StoreError> {
    let kind = EventKind::of_end(session.status).ok_or(StoreError::Corrupt { what: "status" })?;
    Ok(of_session(session, kind))
}

async fn record_violation(db: &Connection, session: &SessionId, found: &Violation) -> Result<bool, Trouble> {
    let session = by_ids(db, &[session.as_str()]).await?.pop().ok_or(StoreError::Missing { what: "session" })?;
    let new = NewEvent { violation: Some(found), ..of_session(&session, EventKind::Violation) };
    Ok(insert(db, &[new]).await? == 1)
}

fn of_session(session: &Session, kind: EventKind) -> NewEvent<'_> {
    NewEvent {
        id: EventId::generate(),
        merchant: &session.merchant,
        mode: session.mode,
        kind,
        session: Some(&session.id),
        violation: None,
        url: session.callback_url.as_ref(),
    }
}

/// Steps from endpoint to endpoint through the index instead of reading every
/// due event.
const WAITING: &str = "WITH RECURSIVE waiting (endpoint) AS (
    (SELECT endpoint FROM events WHERE state = 'pending' ORDER BY endpoint LIMIT 1)
    UNION ALL
    SELECT (SELECT endpoint FROM events WHERE state = 'pending' AND endpoint > waiting.endpoint
            ORDER BY endpoint LIMIT 1)
    FROM waiting WHERE waiting.endpoint IS NOT NULL),
 named (endpoint) AS (SELECT endpoint FROM waiting WHERE endpoint <> ALL ($4::text[])),";

const NAMED: &str = "WITH named (endpoint) AS (SELECT unnest($4::text[])),";

/// Takes a few due events of each endpoint, so that one with a thousand of them
/// does not keep the others waiting. What another node is taking at the same
/// moment is left to it.
async fn lease(db: &Connection, ask: &DeliveryAsk) -> Result<Vec<Delivery>, Trouble> {
    let (named, list) = match &ask.among {
        Among::AllBut(list) => (WAITING, list),
        Among::Only(list) => (NAMED, list),
    };
    let sql = format!(
        "{named}
         taken AS MATERIALIZED (
            SELECT due.id FROM named CROSS JOIN LATERAL (
                SELECT e.id, e.due_at FROM events e
                WHERE e.endpoint = named.endpoint AND e.state = 'pending' AND e.due_at <= {NOW}
                ORDER BY e.due_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
            ORDER BY due.due_at LIMIT $1)
         UPDATE events SET attempts = attempts + 1, leased = TRUE, due_at = {NOW} + $3
         FROM taken WHERE events.id = taken.id
         RETURNING {EVENT_COLUMNS}, events.directive, events.blocked, events.failures"
    );
    let list: Vec<&str> = list.iter().map(Endpoint::as_str).collect();
    let (limit, per_endpoint) = (i64::from(ask.limit), i64::from(ask.per_endpoint));
    let rows = db.all(&sql, &[&limit, &per_endpoint, &milliseconds(ask.lease), &list]).await?;
    let events: Vec<Event> = rows.iter().map(event).collect::<Result<_, _>>()?;
    let ids: Vec<&str> = events.iter().filter_map(|event| event.session.as_ref().map(SessionId::as_str)).collect();
    let sessions = if ids.is_empty() { Vec::new() } else { by_ids(db, &ids).await? };
    let sessions: HashMap<&str, &Session> = sessions.iter().map(|session| (session.id.as_str(), session)).collect();
    Ok(rows.iter().zip(events).map(|(row, event)| delivery(row, event, &sessions)).collect::<Result<_, _>>()?)
}

fn delivery(row: &Row, event: Event, sessions: &HashMap<&str, &Session>) -> Result<Delivery, StoreError> {
    let session =
        event.session.as_ref().and_then(|id| sessions.get(id.as_str())).map(|session| Session::clone(session));
    Ok(Delivery {
        subject: subject(row, &event, session)?,
        url: event.callback_url.clone().ok_or(StoreError::Corrupt { what: "callback URL" })?,
        failures: count(row, EVENT_WIDTH + 2)?,
        event,
    })
}

/// Reads the index of what is pending alone.
async fn backlog(db: &Connection, paused: &[Endpoint]) -> Result<Backlog, Trouble> {
    let paused: Vec<&str> = paused.iter().map(Endpoint::as_str).collect();
    let sql = format!(
        "SELECT COUNT(*), GREATEST(0, {NOW} - COALESCE(MIN(due_at) FILTER (WHERE endpoint <> ALL($2)), {NOW}))
         FROM (SELECT due_at, endpoint FROM events WHERE state = 'pending' LIMIT $1) AS waiting"
    );
    let Some(row) = db.one(&sql, &[&i64::from(Backlog::MOST), &paused]).await? else { return Ok(Backlog::default()) };
    let late: i64 = column(&row, 1)?;
    Ok(Backlog { pending: count(&row, 0)?, oldest_due: Duration::from_millis(u64::try_from(late).unwrap_or_default()) })
}

async fn settle(db: &Connection, end: &Settlement) -> Result<(), Trouble> {
    keep_attempt(db, end).await?;
    match end.outcome {
        DeliveryOutcome::Delivered => {
            if let Some(address) = finish(db, end, EventState::Delivered).await? {
                let sql = "DELETE FROM disabled_endpoints WHERE merchant_id = $1 AND url = $2";
                db.execute(sql, &[&address.merchant, &address.url]).await?;
            }
        }
        DeliveryOutcome::Retry { after } => wait(db, end, milliseconds(after), 1).await?,
        DeliveryOutcome::Interrupted => wait(db, end, 0, 0).await?,
        DeliveryOutcome::Abandoned => drop(finish(db, end, EventState::Abandoned).await?),
        DeliveryOutcome::EndpointGone => {
            if let Some(address) = finish(db, end, EventState::EndpointDisabled).await? {
                disable(db, &address).await?;
            }
        }
    }
    Ok(())
}

async fn keep_attempt(db: &Connection, end: &Settlement) -> Result<(), Trouble> {
    let sql = format!(
        "INSERT INTO delivery_attempts (event_id, number, ended_at, latency_ms, status, reason, answer)
         VALUES ($1, $2, {NOW}, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
    );
    let (number, latency, status) = (i64::from(end.attempt), milliseconds(end.latency), end.status.map(i64::from));
    db.execute(&sql, &[&end.event.as_str(), &number, &latency, &status, &end.reason, &end.answer]).await?;
    if let Some(oldest) = end.attempt.checked_sub(KEPT_ATTEMPTS) {
        let sql = "DELETE FROM delivery_attempts WHERE event_id = $1 AND number <= $2";
        db.execute(sql, &[&end.event.as_str(), &i64::from(oldest)]).await?;
    }
    Ok(())
}

/// The lease is still this attempt's.
const LEASED: &str = "id = $1 AND attempts = $2 AND leased";

/// Where an event goes.
struct Address {
    merchant: String,
    url: String,
    endpoint: String,
}

/// Puts a leased event into its last state; tells where it goes if it did. One
/// whose endpoint was disabled meanwhile is not abandoned on top of it.
async fn finish(db: &Connection, end: &Settlement, state: EventState) -> Result<Option<Address>, Trouble> {
    let sql = format!(
        "UPDATE events SET state = $3::text, leased = FALSE, due_at = NULL, last_reason = $4, settled_at = {NOW}
         WHERE {LEASED} AND (state = 'pending' OR (state = 'endpoint_disabled' AND $3::text <> 'abandoned'))
         RETURNING merchant_id, callback_url, endpoint"
    );
    let values: super::connection::Values<'_> =
        &[&end.event.as_str(), &i64::from(end.attempt), &state.name(), &end.reason];
    let Some(row) = db.one(&sql, values).await? else { return Ok(None) };
    Ok(Some(Address { merchant: column(&row, 0)?, url: column(&row, 1)?, endpoint: column(&row, 2)? }))
}

/// Makes a leased event due again after so many milliseconds.
async fn wait(db: &Connection, end: &Settlement, milliseconds: i64, failures: i64) -> Result<(), Trouble> {
    let sql = format!(
        "UPDATE events SET leased = FALSE, due_at = {NOW} + $3, failures = failures + $4, last_reason = $5
         WHERE {LEASED} AND state = 'pending'"
    );
    let attempt = i64::from(end.attempt);
    db.execute(&sql, &[&end.event.as_str(), &attempt, &milliseconds, &failures, &end.reason]).await?;
    Ok(())
}

/// Holds back all that waits for a URL. What is on the wire keeps its lease.
async fn disable(db: &Connection, address: &Address) -> Result<(), Trouble> {
    let sql = format!(
        "INSERT INTO disabled_endpoints (merchant_id, url, disabled_at) VALUES ($1, $2, {NOW})
         ON CONFLICT (merchant_id, url) DO UPDATE SET disabled_at = excluded.disabled_at"
    );
    db.execute(&sql, &[&address.merchant, &address.url]).await?;
    let sql = format!(
        "UPDATE events SET state = 'endpoint_disabled', last_reason = 'endpoint_disabled', settled_at = {NOW}
         WHERE endpoint = $1 AND state = 'pending' AND callback_url = $2"
    );
    db.execute(&sql, &[&address.endpoint, &address.url]).await?;
    Ok(())
}
