//! The audit trail.

use super::{NOW, SqliteStore};
use crate::audit::{Anchors, ChainId, ChainRecord, Entry, Hash, Head, Note, anchors_digest};
use crate::store::columns::{milliseconds, timestamp};
use crate::store::{AuditQuery, AuditStore, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn append_audit(&self, notes: Vec<Note>) -> Result<Option<Head>, StoreError> {
        self.writer.run(move |db| append_all(db, &notes)).await
    }

    async fn close_audit(&self, last: Note) -> Result<Option<Head>, StoreError> {
        self.writer
            .run(move |db| if head(db, last.chain())?.is_some() { append(db, &last).map(Some) } else { Ok(None) })
            .await
    }

    async fn audit_heads(&self, since: Timestamp, limit: u32) -> Result<Vec<(Timestamp, Head)>, StoreError> {
        self.readers.run(move |db| heads(db, since, limit)).await
    }

    async fn audit_chains(&self) -> Result<Vec<ChainRecord>, StoreError> {
        self.readers.run(chains).await
    }

    async fn audit_chain(&self, chain: ChainId, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.readers.run(move |db| of_chain(db, &chain, after, limit)).await
    }

    async fn audit_entries(&self, query: AuditQuery) -> Result<Vec<Entry>, StoreError> {
        self.readers.run(move |db| list(db, &query)).await
    }

    async fn prune_audit(&self, note: Note, age: Duration, limit: u32) -> Result<u32, StoreError> {
        self.writer.run(move |db| prune(db, &note, age, limit)).await
    }
}

fn append_all(db: &Connection, notes: &[Note]) -> Result<Option<Head>, StoreError> {
    notes.iter().try_fold(None, |_, note| append(db, note).map(Some))
}

/// Appends an entry in the transaction of what it tells of; opens its chain where it is the first.
pub(super) fn append(db: &Connection, note: &Note) -> Result<Head, StoreError> {
    let last = head(db, note.chain())?.map_or_else(|| open(db, note), Ok)?;
    push(db, note, &last)
}

/// Begins a chain: its record, and its first entry.
fn open(db: &Connection, note: &Note) -> Result<Head, StoreError> {
    db.prepare_cached(&format!(
        "INSERT INTO audit_chains (id, number, hash, at, anchor_hash) VALUES (?1, 0, ?2, {NOW}, ?2)"
    ))?
    .execute(params![note.chain().as_str(), Hash::NONE.as_bytes()])?;
    push(db, &note.opening(), &Head { chain: note.chain().clone(), number: 0, hash: Hash::NONE })
}

fn push(db: &Connection, note: &Note, last: &Head) -> Result<Head, StoreError> {
    let now = db.prepare_cached(&format!("SELECT {NOW}"))?.query_row([], |row| row.get(0))?;
    let entry = note.entry(last.number + 1, now, last.hash);
    db.prepare_cached(&format!(
        "INSERT INTO audit_entries ({ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ))?
    .execute(params![
        entry.chain.as_str(),
        entry.number,
        entry.at,
        entry.previous.as_bytes(),
        entry.actor,
        entry.actor_name,
        entry.action,
        entry.subject,
        entry.outcome,
        entry.count,
        entry.detail,
        entry.hash.as_bytes()
    ])?;
    db.prepare_cached("UPDATE audit_chains SET number = ?2, hash = ?3, at = ?4 WHERE id = ?1")?.execute(params![
        entry.chain.as_str(),
        entry.number,
        entry.hash.as_bytes(),
        entry.at
    ])?;
    Ok(Head { chain: entry.chain, number: entry.number, hash: entry.hash })
}

fn head(db: &Connection, chain: &ChainId) -> Result<Option<Head>, StoreError> {
    let found = db
        .prepare_cached("SELECT number, hash FROM audit_chains WHERE id = ?")?
        .query_row([chain.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    found.map(|(number, bytes)| Ok(Head { chain: chain.clone(), number, hash: hash(&bytes)? })).transpose()
}

fn heads(db: &Connection, since: Timestamp, limit: u32) -> Result<Vec<(Timestamp, Head)>, StoreError> {
    db.prepare_cached("SELECT at, id, number, hash FROM audit_chains WHERE at >= ? ORDER BY at, id LIMIT ?")?
        .query_and_then(params![since.as_millisecond(), limit], |row| {
            let chain = ChainId::from_store(row.get(1)?);
            Ok((timestamp(row.get(0)?)?, Head { chain, number: row.get(2)?, hash: hash(&row.get::<_, Vec<u8>>(3)?)? }))
        })?
        .collect()
}

fn chains(db: &Connection) -> Result<Vec<ChainRecord>, StoreError> {
    db.prepare_cached(
        "SELECT id, number, hash, anchor_number, anchor_hash FROM audit_chains
         UNION ALL
         SELECT DISTINCT chain, 0, zeroblob(32), 0, zeroblob(32) FROM audit_entries
            WHERE chain NOT IN (SELECT id FROM audit_chains)
         ORDER BY 1",
    )?
    .query_and_then([], |row| {
        let hash = |column| hash(&row.get::<_, Vec<u8>>(column)?);
        let head = Head { chain: ChainId::from_store(row.get(0)?), number: row.get(1)?, hash: hash(2)? };
        Ok(ChainRecord { head, anchor_number: row.get(3)?, anchor_hash: hash(4)? })
    })?
    .collect()
}

const ENTRY_COLUMNS: &str =
    "chain, number, at, previous, actor, actor_name, action, subject, outcome, count, detail, hash";

fn of_chain(db: &Connection, chain: &ChainId, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT {ENTRY_COLUMNS} FROM audit_entries WHERE chain = ? AND number > ? ORDER BY number LIMIT ?"
    ))?
    .query_and_then(params![chain.as_str(), after, limit], entry)?
    .collect()
}

fn list(db: &Connection, query: &AuditQuery) -> Result<Vec<Entry>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT {ENTRY_COLUMNS} FROM audit_entries
         WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR chain = ?3)
            AND (?4 IS NULL OR actor_name = ?4 OR actor = ?4)
            AND (?5 IS NULL OR action = ?5) AND (?6 IS NULL OR subject = ?6)
         ORDER BY at DESC, chain DESC, number DESC LIMIT ?7"
    ))?
    .query_and_then(
        params![
            query.since.map_or(i64::MIN, Timestamp::as_millisecond),
            query.until.map_or(i64::MAX, Timestamp::as_millisecond),
            query.chain,
            query.who,
            query.action,
            query.subject,
            query.limit
        ],
        entry,
    )?
    .collect()
}

/// An entry whatever stands in it: a hash that is none is one that does not fit.
fn entry(row: &Row<'_>) -> Result<Entry, StoreError> {
    let hash = |column| -> Result<Hash, StoreError> {
        Ok(Hash::from_bytes(&row.get::<_, Vec<u8>>(column)?).unwrap_or(Hash::NONE))
    };
    Ok(Entry {
        chain: ChainId::from_store(row.get(0)?),
        number: row.get(1)?,
        at: row.get(2)?,
        previous: hash(3)?,
        actor: row.get(4)?,
        actor_name: row.get(5)?,
        action: row.get(6)?,
        subject: row.get(7)?,
        outcome: row.get(8)?,
        count: row.get(9)?,
        detail: row.get(10)?,
        hash: hash(11)?,
    })
}

/// Chains that one pruning looks at, and entries that it takes of each.
const CHAINS_AT_ONCE: u32 = 50;

fn prune(db: &Connection, note: &Note, age: Duration, limit: u32) -> Result<u32, StoreError> {
    let before = format!("{NOW} - {}", milliseconds(age));
    let old: Vec<(String, i64)> = db
        .prepare(&format!(
            "SELECT c.id, c.anchor_number FROM audit_chains c JOIN audit_entries e
                ON e.chain = c.id AND e.number = c.anchor_number + 1
             WHERE e.at < {before} AND c.id <> ?1 ORDER BY e.at LIMIT {CHAINS_AT_ONCE}"
        ))?
        .query_and_then([note.chain().as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, rusqlite::Error>>()?;
    let mut pruned = 0;
    for (chain, anchor) in old {
        if pruned >= limit {
            break;
        }
        // Up to the first entry that is not old: what is behind it stays, whatever its time.
        let through: i64 = db
            .prepare(&format!(
                "SELECT MAX(number) FROM audit_entries WHERE chain = ?1 AND number <= ?2 + ?3 AND number <
                    COALESCE((SELECT MIN(number) FROM audit_entries WHERE chain = ?1 AND at >= {before}), ?2 + ?3 + 1)"
            ))?
            .query_row(params![chain, anchor, i64::from(limit)], |row| row.get(0))?;
        db.prepare_cached(
            "UPDATE audit_chains SET anchor_number = ?2,
                anchor_hash = (SELECT hash FROM audit_entries WHERE chain = ?1 AND number = ?2) WHERE id = ?1",
        )?
        .execute(params![chain, through])?;
        let deleted = db
            .prepare_cached("DELETE FROM audit_entries WHERE chain = ?1 AND number <= ?2")?
            .execute(params![chain, through])?;
        pruned += u32::try_from(deleted).unwrap_or(u32::MAX);
    }
    if pruned > 0 {
        let digest = anchors_digest(&chains(db)?);
        let days = age.as_secs() / 86_400;
        let detail = format!("{}{digest} days={days}", Anchors::DETAIL);
        append(db, &note.clone().count(i64::from(pruned)).detail(&detail))?;
    }
    Ok(pruned)
}

fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    Hash::from_bytes(bytes).ok_or(StoreError::Corrupt { what: "audit hash" })
}
