//! What is old is removed. A power cut may undo it: it is done again. What
//! another node is at is left to it.

use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::rows::{column, parsed};
use super::{NOW, PostgresStore};
use crate::id::SessionId;
use crate::store::columns::milliseconds;
use crate::store::{EndedCursor, PrunedSessions, RetentionStore, StoreError};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl RetentionStore for PostgresStore {
    async fn give_up_waiting(&self, age: Duration, limit: u32) -> Result<u32, StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| give_up_waiting(db, age, limit).await).await
    }

    async fn prune_events(&self, age: Duration, limit: u32) -> Result<u32, StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| prune_events(db, age, limit).await).await
    }

    async fn prune_sessions(
        &self,
        age: Duration,
        after: Option<EndedCursor>,
        limit: u32,
    ) -> Result<PrunedSessions, StoreError> {
        let prune = async move |db: &Connection| prune_sessions(db, age, after.as_ref(), limit).await;
        self.executor.run(Kind::Relaxed, prune).await
    }
}

async fn give_up_waiting(db: &Connection, age: Duration, limit: u32) -> Result<u32, Trouble> {
    let sql = format!(
        "UPDATE events SET state = 'abandoned', leased = FALSE, due_at = NULL, last_reason = 'waited_too_long',
            settled_at = {NOW}
         WHERE id IN (SELECT id FROM events WHERE state = 'pending' AND scheduled_at <= {NOW} - $1
            AND (NOT leased OR due_at <= {NOW}) ORDER BY scheduled_at LIMIT $2 FOR UPDATE SKIP LOCKED)"
    );
    let abandoned = db.execute(&sql, &[&milliseconds(age), &i64::from(limit)]).await?;
    Ok(u32::try_from(abandoned).unwrap_or(limit))
}

async fn prune_events(db: &Connection, age: Duration, limit: u32) -> Result<u32, Trouble> {
    // What is on the wire although its endpoint was disabled is left for its end.
    let sql = format!(
        "SELECT id FROM events WHERE settled_at <= {NOW} - $1 AND (NOT leased OR due_at <= {NOW})
         ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED"
    );
    let rows = db.all(&sql, &[&milliseconds(age), &i64::from(limit)]).await?;
    let old: Vec<&str> = rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
    db.execute("DELETE FROM delivery_attempts WHERE event_id = ANY ($1)", &[&old]).await?;
    db.execute("DELETE FROM events WHERE id = ANY ($1)", &[&old]).await?;
    Ok(u32::try_from(old.len()).unwrap_or(limit))
}

async fn prune_sessions(
    db: &Connection,
    age: Duration,
    after: Option<&EndedCursor>,
    limit: u32,
) -> Result<PrunedSessions, Trouble> {
    let (ended_at, id) = after.map_or((i64::MIN, ""), |cursor| (cursor.ended_at, cursor.id.as_str()));
    let sql = format!(
        "SELECT id, ended_at FROM sessions WHERE ended_at <= {NOW} - $1 AND (ended_at, id) > ($2, $3)
         ORDER BY ended_at, id LIMIT $4"
    );
    let rows = db.all(&sql, &[&milliseconds(age), &ended_at, &id, &i64::from(limit)]).await?;
    let looked_at: Vec<EndedCursor> = rows
        .iter()
        .map(|row| Ok(EndedCursor { id: parsed(row, 0, "session id", SessionId::parse)?, ended_at: column(row, 1)? }))
        .collect::<Result<_, StoreError>>()?;
    let ids: Vec<&str> = looked_at.iter().map(|session| session.id.as_str()).collect();
    let sql = "DELETE FROM sessions WHERE id = ANY ($1)
               AND NOT EXISTS (SELECT 1 FROM events WHERE events.session_id = sessions.id)";
    let removed = db.execute(sql, &[&ids]).await?;
    let is_full = looked_at.len() == limit as usize;
    Ok(PrunedSessions {
        removed: u32::try_from(removed).unwrap_or(limit),
        next: looked_at.into_iter().next_back().filter(|_| is_full),
    })
}
