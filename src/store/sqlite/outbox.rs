//! Events that wait to be told to merchants. The body of a callback is made
//! from its session when it is sent: an ended session never changes.

use super::rows::{milliseconds, parsed, timestamp};
use super::sessions::by_id;
use super::{NOW, SqliteStore};
use crate::id::{EventId, MerchantId, SessionId};
use crate::session::{Session, Violation};
use crate::store::{Backlog, Delivery, DeliveryAsk, DeliveryOutcome, OutboxStore, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
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

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.readers.run(backlog).await
    }

    async fn settle_delivery(&self, event: EventId, attempt: u32, outcome: DeliveryOutcome) -> Result<(), StoreError> {
        self.writer.run_relaxed(move |db| settle(db, &event, attempt, &outcome)).await
    }
}

/// Writes the event of a session that has just ended, in the transaction that ended it.
pub(super) fn record_end(db: &Connection, session: &Session) -> Result<(), StoreError> {
    if session.callback_url.is_none() {
        return Ok(());
    }
    let kind = format!("session.{}", session.status.name());
    db.prepare_cached(&format!(
        "INSERT INTO events (id, merchant_id, session_id, kind, created_at, state, due_at)
         VALUES (?, ?, ?, ?, {NOW}, 'pending', {NOW})"
    ))?
    .execute(params![EventId::generate().as_str(), session.merchant.as_str(), session.id.as_str(), kind])?;
    Ok(())
}

/// Writes the event of a violation, unless the session has one of the same
/// directive or nobody to tell; says whether it did.
fn record_violation(db: &Connection, session: &SessionId, found: &Violation) -> Result<bool, StoreError> {
    let written = db
        .prepare_cached(&format!(
            "INSERT INTO events (id, merchant_id, session_id, kind, created_at, state, due_at, directive, blocked)
             SELECT ?, merchant_id, id, ?, {NOW}, 'pending', {NOW}, ?, ? FROM sessions
             WHERE id = ? AND callback_url IS NOT NULL ON CONFLICT DO NOTHING"
        ))?
        .execute(params![
            EventId::generate().as_str(),
            Violation::EVENT,
            found.directive.name(),
            found.blocked.name(),
            session.as_str()
        ])?;
    Ok(written == 1)
}

/// Takes a few due events of each merchant, so that one with a thousand of them
/// does not keep the others waiting. The recursive part steps from merchant to
/// merchant through the index instead of reading every due event.
fn lease(db: &Connection, ask: &DeliveryAsk) -> Result<Vec<Delivery>, StoreError> {
    let busy: Vec<&str> = ask.busy.iter().map(MerchantId::as_str).collect();
    let busy = serde_json::to_string(&busy).map_err(|_| StoreError::Corrupt { what: "merchant id" })?;
    db.prepare_cached(&format!(
        "WITH RECURSIVE waiting (merchant) AS (
            SELECT MIN(merchant_id) FROM events WHERE state = 'pending'
            UNION ALL
            SELECT (SELECT MIN(merchant_id) FROM events WHERE state = 'pending' AND merchant_id > waiting.merchant)
            FROM waiting WHERE waiting.merchant IS NOT NULL)
         UPDATE events SET attempts = attempts + 1, due_at = {NOW} + ?3
         WHERE id IN (SELECT e.id FROM waiting JOIN events e ON e.id IN (
                SELECT due.id FROM events due
                WHERE due.merchant_id = waiting.merchant AND due.state = 'pending' AND due.due_at <= {NOW}
                ORDER BY due.due_at LIMIT ?2)
            WHERE waiting.merchant NOT IN (SELECT value FROM json_each(?4))
            ORDER BY e.due_at LIMIT ?1)
         RETURNING id, kind, created_at, attempts, session_id, directive, blocked"
    ))?
    .query_and_then(params![ask.limit, ask.per_merchant, milliseconds(ask.lease), busy], |row| {
        let session = parsed(row, 4, "session id", SessionId::parse)?;
        Ok(Delivery {
            event: parsed(row, 0, "event id", EventId::parse)?,
            kind: row.get(1)?,
            created_at: timestamp(row.get(2)?)?,
            attempt: row.get(3)?,
            session: by_id(db, &session)?,
            violation: violation(row)?,
        })
    })?
    .collect()
}

fn violation(row: &Row<'_>) -> Result<Option<Violation>, StoreError> {
    let (directive, blocked): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
    Ok(directive.zip(blocked).map(|(directive, blocked)| Violation::from_store(&directive, &blocked)))
}

/// Reads the index of what is pending alone.
fn backlog(db: &Connection) -> Result<Backlog, StoreError> {
    let (pending, late): (u32, i64) = db
        .prepare_cached(&format!(
            "SELECT COUNT(*), MAX(0, {NOW} - COALESCE(MIN(due_at), {NOW})) FROM
                (SELECT due_at FROM events WHERE state = 'pending' ORDER BY merchant_id LIMIT ?)"
        ))?
        .query_row([Backlog::MOST], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Backlog { pending, oldest_due: Duration::from_millis(u64::try_from(late).unwrap_or_default()) })
}

/// Records an attempt's outcome, unless its lease ran out and a later attempt began.
fn settle(db: &Connection, event: &EventId, attempt: u32, outcome: &DeliveryOutcome) -> Result<(), StoreError> {
    let (state, wait, reason) = match outcome {
        DeliveryOutcome::Delivered => ("delivered", None, None),
        DeliveryOutcome::Retry { after, reason } => ("pending", Some(milliseconds(*after)), Some(*reason)),
        DeliveryOutcome::Abandoned { reason } => ("abandoned", None, Some(*reason)),
    };
    db.prepare_cached(&format!(
        "UPDATE events SET state = ?3, due_at = {NOW} + ?4, last_reason = ?5,
            settled_at = CASE WHEN ?3 = 'pending' THEN NULL ELSE {NOW} END
         WHERE id = ?1 AND attempts = ?2 AND state = 'pending'"
    ))?
    .execute(params![event.as_str(), attempt, state, wait, reason])?;
    Ok(())
}
