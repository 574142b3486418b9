//! Events that wait to be told to merchants. The body of a callback is made
//! from its session when it is sent: an ended session never changes.

use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::rows::{column, count, moment, parsed};
use super::sessions::by_ids;
use super::{NOW, PostgresStore};
use crate::id::{EventId, MerchantId, SessionId};
use crate::session::{Session, Violation};
use crate::store::columns::milliseconds;
use crate::store::{Delivery, DeliveryAsk, DeliveryOutcome, OutboxStore, StoreError};
use async_trait::async_trait;
use std::collections::HashMap;
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

    async fn settle_delivery(&self, event: EventId, attempt: u32, outcome: DeliveryOutcome) -> Result<(), StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| settle(db, &event, attempt, &outcome).await).await
    }
}

/// Writes the events of sessions that have just ended, in the transaction that ended them.
pub(super) async fn record_ends(db: &Connection, sessions: &[Session]) -> Result<(), Trouble> {
    let told: Vec<&Session> = sessions.iter().filter(|session| session.callback_url.is_some()).collect();
    if told.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = told.iter().map(|_| EventId::generate().to_string()).collect();
    let merchants: Vec<&str> = told.iter().map(|session| session.merchant.as_str()).collect();
    let ended: Vec<&str> = told.iter().map(|session| session.id.as_str()).collect();
    let kinds: Vec<String> = told.iter().map(|session| format!("session.{}", session.status.name())).collect();
    let sql = format!(
        "INSERT INTO events (id, merchant_id, session_id, kind, created_at, state, due_at)
         SELECT id, merchant_id, session_id, kind, {NOW}, 'pending', {NOW}
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS ended (id, merchant_id, session_id, kind)"
    );
    db.execute(&sql, &[&ids, &merchants, &ended, &kinds]).await?;
    Ok(())
}

/// Writes the event of a violation, unless the session has one of the same
/// directive or nobody to tell; says whether it did.
async fn record_violation(db: &Connection, session: &SessionId, found: &Violation) -> Result<bool, Trouble> {
    let sql = format!(
        "INSERT INTO events (id, merchant_id, session_id, kind, created_at, state, due_at, directive, blocked)
         SELECT $1, merchant_id, id, $2, {NOW}, 'pending', {NOW}, $3, $4 FROM sessions
         WHERE id = $5 AND callback_url IS NOT NULL ON CONFLICT DO NOTHING"
    );
    let id = EventId::generate();
    let (directive, blocked) = (found.directive.name(), found.blocked.name());
    let written = db.execute(&sql, &[&id.as_str(), &Violation::EVENT, &directive, &blocked, &session.as_str()]).await?;
    Ok(written == 1)
}

/// Takes a few due events of each merchant, so that one with a thousand of them
/// does not keep the others waiting. The recursive part steps from merchant to
/// merchant through the index instead of reading every due event. What another
/// node is taking at the same moment is left to it.
async fn lease(db: &Connection, ask: &DeliveryAsk) -> Result<Vec<Delivery>, Trouble> {
    let sql = format!(
        "WITH RECURSIVE waiting (merchant) AS (
            (SELECT merchant_id FROM events WHERE state = 'pending' ORDER BY merchant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT merchant_id FROM events WHERE state = 'pending' AND merchant_id > waiting.merchant
                    ORDER BY merchant_id LIMIT 1)
            FROM waiting WHERE waiting.merchant IS NOT NULL),
         taken AS MATERIALIZED (
            SELECT due.id FROM waiting CROSS JOIN LATERAL (
                SELECT e.id, e.due_at FROM events e
                WHERE e.merchant_id = waiting.merchant AND e.state = 'pending' AND e.due_at <= {NOW}
                ORDER BY e.due_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
            WHERE waiting.merchant <> ALL ($4)
            ORDER BY due.due_at LIMIT $1)
         UPDATE events SET attempts = attempts + 1, due_at = {NOW} + $3
         FROM taken WHERE events.id = taken.id
         RETURNING events.id, kind, created_at, attempts, session_id, directive, blocked"
    );
    let busy: Vec<&str> = ask.busy.iter().map(MerchantId::as_str).collect();
    let (limit, per_merchant) = (i64::from(ask.limit), i64::from(ask.per_merchant));
    let rows = db.all(&sql, &[&limit, &per_merchant, &milliseconds(ask.lease), &busy]).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = rows.iter().map(|row| column(row, 4)).collect::<Result<_, _>>()?;
    let sessions = by_ids(db, &ids).await?;
    let sessions: HashMap<&str, &Session> = sessions.iter().map(|session| (session.id.as_str(), session)).collect();
    Ok(rows.iter().map(|row| delivery(row, &sessions)).collect::<Result<_, _>>()?)
}

fn delivery(row: &Row, sessions: &HashMap<&str, &Session>) -> Result<Delivery, StoreError> {
    let (directive, blocked): (Option<&str>, Option<&str>) = (column(row, 5)?, column(row, 6)?);
    let session = sessions.get(column::<&str>(row, 4)?).ok_or(StoreError::Missing { what: "session" })?;
    Ok(Delivery {
        event: parsed(row, 0, "event id", EventId::parse)?,
        kind: column(row, 1)?,
        created_at: moment(row, 2)?,
        attempt: count(row, 3)?,
        session: Session::clone(session),
        violation: directive.zip(blocked).map(|(directive, blocked)| Violation::from_store(directive, blocked)),
    })
}

/// Records an attempt's outcome, unless its lease ran out and a later attempt began.
async fn settle(db: &Connection, event: &EventId, attempt: u32, outcome: &DeliveryOutcome) -> Result<(), Trouble> {
    let (state, wait, reason) = match outcome {
        DeliveryOutcome::Delivered => ("delivered", None, None),
        DeliveryOutcome::Retry { after, reason } => ("pending", Some(milliseconds(*after)), Some(*reason)),
        DeliveryOutcome::Abandoned { reason } => ("abandoned", None, Some(*reason)),
    };
    let sql = format!(
        "UPDATE events SET state = $3::text, due_at = {NOW} + $4, last_reason = $5,
            settled_at = CASE WHEN $3::text = 'pending' THEN NULL ELSE {NOW} END
         WHERE id = $1 AND attempts = $2 AND state = 'pending'"
    );
    db.execute(&sql, &[&event.as_str(), &i64::from(attempt), &state, &wait, &reason]).await?;
    Ok(())
}
