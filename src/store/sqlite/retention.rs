//! What is old is removed. A power cut may undo it: it is done again.

use super::rows::{milliseconds, parsed};
use super::{NOW, SqliteStore};
use crate::id::SessionId;
use crate::store::{EndedCursor, PrunedSessions, RetentionStore, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, params};
use std::time::Duration;

#[async_trait]
impl RetentionStore for SqliteStore {
    async fn give_up_waiting(&self, age: Duration, limit: u32) -> Result<u32, StoreError> {
        self.writer.run_relaxed(move |db| give_up_waiting(db, age, limit)).await
    }

    async fn prune_events(&self, age: Duration, limit: u32) -> Result<u32, StoreError> {
        self.writer.run_relaxed(move |db| prune_events(db, age, limit)).await
    }

    async fn prune_sessions(
        &self,
        age: Duration,
        after: Option<EndedCursor>,
        limit: u32,
    ) -> Result<PrunedSessions, StoreError> {
        self.writer.run_relaxed(move |db| prune_sessions(db, age, after.as_ref(), limit)).await
    }
}

fn give_up_waiting(db: &Connection, age: Duration, limit: u32) -> Result<u32, StoreError> {
    let abandoned = db
        .prepare_cached(&format!(
            "UPDATE events SET state = 'abandoned', leased = 0, due_at = NULL, last_reason = 'waited_too_long',
                settled_at = {NOW}
             WHERE id IN (SELECT id FROM events WHERE state = 'pending' AND scheduled_at <= {NOW} - ?1
                AND (leased = 0 OR due_at <= {NOW}) ORDER BY scheduled_at LIMIT ?2)"
        ))?
        .execute(params![milliseconds(age), limit])?;
    Ok(u32::try_from(abandoned).unwrap_or(limit))
}

fn prune_events(db: &Connection, age: Duration, limit: u32) -> Result<u32, StoreError> {
    // What is on the wire although its endpoint was disabled is left for its end.
    let old: Vec<String> = db
        .prepare_cached(&format!(
            "SELECT id FROM events WHERE settled_at <= {NOW} - ?1 AND (leased = 0 OR due_at <= {NOW})
             ORDER BY settled_at LIMIT ?2"
        ))?
        .query_and_then(params![milliseconds(age), limit], |row| row.get(0))?
        .collect::<Result<_, rusqlite::Error>>()?;
    for id in &old {
        db.prepare_cached("DELETE FROM delivery_attempts WHERE event_id = ?")?.execute([id])?;
        db.prepare_cached("DELETE FROM events WHERE id = ?")?.execute([id])?;
    }
    Ok(u32::try_from(old.len()).unwrap_or(limit))
}

fn prune_sessions(
    db: &Connection,
    age: Duration,
    after: Option<&EndedCursor>,
    limit: u32,
) -> Result<PrunedSessions, StoreError> {
    let (ended_at, id) = after.map_or((i64::MIN, ""), |cursor| (cursor.ended_at, cursor.id.as_str()));
    let looked_at: Vec<EndedCursor> = db
        .prepare_cached(&format!(
            "SELECT id, ended_at FROM sessions WHERE ended_at <= {NOW} - ?1 AND (ended_at, id) > (?2, ?3)
             ORDER BY ended_at, id LIMIT ?4"
        ))?
        .query_and_then(params![milliseconds(age), ended_at, id, limit], |row| {
            Ok(EndedCursor { id: parsed(row, 0, "session id", SessionId::parse)?, ended_at: row.get(1)? })
        })?
        .collect::<Result<_, StoreError>>()?;
    let mut removed = 0;
    for session in &looked_at {
        removed += db
            .prepare_cached(
                "DELETE FROM sessions
                 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM events WHERE session_id = ?1)",
            )?
            .execute([session.id.as_str()])?;
    }
    let is_full = looked_at.len() == limit as usize;
    Ok(PrunedSessions {
        removed: u32::try_from(removed).unwrap_or(limit),
        next: looked_at.into_iter().next_back().filter(|_| is_full),
    })
}
