//! The audit trail.

use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::rows::{column, moment};
use super::{NOW, PostgresStore};
use crate::audit::{Anchors, ChainId, ChainRecord, Entry, Hash, Head, Note, anchors_digest};
use crate::store::columns::milliseconds;
use crate::store::{AuditQuery, AuditStore, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait]
impl AuditStore for PostgresStore {
    async fn append_audit(&self, notes: Vec<Note>) -> Result<Option<Head>, StoreError> {
        self.executor.run(Kind::Durable, async move |db| append_all(db, &notes).await).await
    }

    async fn close_audit(&self, last: Note) -> Result<Option<Head>, StoreError> {
        self.executor.run(Kind::Durable, async move |db| close(db, &last).await).await
    }

    async fn audit_heads(&self, since: Timestamp, limit: u32) -> Result<Vec<(Timestamp, Head)>, StoreError> {
        self.executor.run(Kind::Read, async move |db| heads(db, since, limit).await).await
    }

    async fn audit_chains(&self) -> Result<Vec<ChainRecord>, StoreError> {
        self.executor.run(Kind::Read, chains).await
    }

    async fn audit_chain(&self, chain: ChainId, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.executor.run(Kind::Read, async move |db| of_chain(db, &chain, after, limit).await).await
    }

    async fn audit_entries(&self, query: AuditQuery) -> Result<Vec<Entry>, StoreError> {
        self.executor.run(Kind::Read, async move |db| list(db, &query).await).await
    }

    async fn prune_audit(&self, note: Note, age: Duration, limit: u32) -> Result<u32, StoreError> {
        self.executor.run(Kind::Durable, async move |db| prune(db, &note, age, limit).await).await
    }
}

async fn append_all(db: &Connection, notes: &[Note]) -> Result<Option<Head>, Trouble> {
    let mut last = None;
    for note in notes {
        last = Some(append(db, note).await?);
    }
    Ok(last)
}

async fn close(db: &Connection, last: &Note) -> Result<Option<Head>, Trouble> {
    let known = db.one("SELECT 1 FROM audit_chains WHERE id = $1", &[&last.chain().as_str()]).await?;
    if known.is_none() {
        return Ok(None);
    }
    append(db, last).await.map(Some)
}

/// Appends an entry in the transaction of what it tells of; opens its chain where
/// it is the first. Others that append to the chain wait for this transaction.
pub(super) async fn append(db: &Connection, note: &Note) -> Result<Head, Trouble> {
    let begin = format!(
        "INSERT INTO audit_chains (id, number, hash, at, anchor_hash) VALUES ($1, 0, $2, {NOW}, $2)
         ON CONFLICT DO NOTHING"
    );
    db.execute(&begin, &[&note.chain().as_str(), &Hash::NONE.as_bytes()]).await?;
    let head = "SELECT number, hash FROM audit_chains WHERE id = $1 FOR UPDATE";
    let row = db.one(head, &[&note.chain().as_str()]).await?.ok_or(StoreError::Missing { what: "audit chain" })?;
    let last = Head { chain: note.chain().clone(), number: column(&row, 0)?, hash: hash(&row, 1)? };
    let last = if last.number == 0 { push(db, &note.opening(), &last).await? } else { last };
    push(db, note, &last).await
}

async fn push(db: &Connection, note: &Note, last: &Head) -> Result<Head, Trouble> {
    let now = db.one(&format!("SELECT {NOW}"), &[]).await?.ok_or(StoreError::Corrupt { what: "time" })?;
    let entry = note.entry(last.number + 1, column(&now, 0)?, last.hash);
    let insert = format!(
        "INSERT INTO audit_entries ({ENTRY_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    let (chain, previous, hash) = (entry.chain.as_str(), entry.previous.as_bytes(), entry.hash.as_bytes());
    db.execute(
        &insert,
        &[
            &chain,
            &entry.number,
            &entry.at,
            &previous,
            &entry.actor,
            &entry.actor_name,
            &entry.action,
            &entry.subject,
            &entry.outcome,
            &entry.count,
            &entry.detail,
            &hash,
        ],
    )
    .await?;
    let end = "UPDATE audit_chains SET number = $2, hash = $3, at = $4 WHERE id = $1";
    db.execute(end, &[&chain, &entry.number, &hash, &entry.at]).await?;
    Ok(Head { chain: entry.chain, number: entry.number, hash: entry.hash })
}

async fn heads(db: &Connection, since: Timestamp, limit: u32) -> Result<Vec<(Timestamp, Head)>, Trouble> {
    let sql = "SELECT at, id, number, hash FROM audit_chains WHERE at >= $1 ORDER BY at, id LIMIT $2";
    let rows = db.all(sql, &[&since.as_millisecond(), &i64::from(limit)]).await?;
    let head = |row: &Row| -> Result<_, StoreError> {
        let chain = ChainId::from_store(column(row, 1)?);
        Ok((moment(row, 0)?, Head { chain, number: column(row, 2)?, hash: hash(row, 3)? }))
    };
    Ok(rows.iter().map(head).collect::<Result<_, _>>()?)
}

async fn chains(db: &Connection) -> Result<Vec<ChainRecord>, Trouble> {
    let sql = "SELECT id, number, hash, anchor_number, anchor_hash FROM audit_chains
               UNION ALL
               SELECT DISTINCT chain, 0::bigint, $1::bytea, 0::bigint, $1::bytea FROM audit_entries
                  WHERE chain NOT IN (SELECT id FROM audit_chains)
               ORDER BY 1";
    let rows = db.all(sql, &[&Hash::NONE.as_bytes()]).await?;
    let record = |row: &Row| -> Result<_, StoreError> {
        let head = Head { chain: ChainId::from_store(column(row, 0)?), number: column(row, 1)?, hash: hash(row, 2)? };
        Ok(ChainRecord { head, anchor_number: column(row, 3)?, anchor_hash: hash(row, 4)? })
    };
    Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
}

const ENTRY_COLUMNS: &str =
    "chain, number, at, previous, actor, actor_name, action, subject, outcome, count, detail, hash";

async fn of_chain(db: &Connection, chain: &ChainId, after: i64, limit: u32) -> Result<Vec<Entry>, Trouble> {
    let sql =
        format!("SELECT {ENTRY_COLUMNS} FROM audit_entries WHERE chain = $1 AND number > $2 ORDER BY number LIMIT $3");
    let rows = db.all(&sql, &[&chain.as_str(), &after, &i64::from(limit)]).await?;
    Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
}

async fn list(db: &Connection, query: &AuditQuery) -> Result<Vec<Entry>, Trouble> {
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM audit_entries
         WHERE at >= $1 AND at < $2 AND ($3::text IS NULL OR chain = $3)
            AND ($4::text IS NULL OR actor_name = $4 OR actor = $4)
            AND ($5::text IS NULL OR action = $5) AND ($6::text IS NULL OR subject = $6)
         ORDER BY at DESC, chain DESC, number DESC LIMIT $7"
    );
    let (since, until) = (query.since.map_or(i64::MIN, Timestamp::as_millisecond), query.until);
    let until = until.map_or(i64::MAX, Timestamp::as_millisecond);
    let limit = i64::from(query.limit);
    let AuditQuery { chain, who, action, subject, .. } = query;
    let rows = db.all(&sql, &[&since, &until, chain, who, action, subject, &limit]).await?;
    Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
}

/// An entry whatever stands in it: a hash that is none is one that does not fit.
fn entry(row: &Row) -> Result<Entry, StoreError> {
    let hash = |index| -> Result<Hash, StoreError> {
        Ok(Hash::from_bytes(column::<&[u8]>(row, index)?).unwrap_or(Hash::NONE))
    };
    Ok(Entry {
        chain: ChainId::from_store(column(row, 0)?),
        number: column(row, 1)?,
        at: column(row, 2)?,
        previous: hash(3)?,
        actor: column(row, 4)?,
        actor_name: column(row, 5)?,
        action: column(row, 6)?,
        subject: column(row, 7)?,
        outcome: column(row, 8)?,
        count: column(row, 9)?,
        detail: column(row, 10)?,
        hash: hash(11)?,
    })
}

/// Chains that one pruning looks at.
const CHAINS_AT_ONCE: i64 = 50;

async fn prune(db: &Connection, note: &Note, age: Duration, limit: u32) -> Result<u32, Trouble> {
    // One pruning at a time: its entry speaks for the anchors of all chains.
    db.batch("LOCK TABLE audit_chains IN SHARE ROW EXCLUSIVE MODE").await?;
    let now = db.one(&format!("SELECT {NOW}"), &[]).await?.ok_or(StoreError::Corrupt { what: "time" })?;
    let before = column::<i64>(&now, 0)? - milliseconds(age);
    let old = "SELECT c.id, c.anchor_number FROM audit_chains c JOIN audit_entries e
                  ON e.chain = c.id AND e.number = c.anchor_number + 1
               WHERE e.at < $1 AND c.id <> $2 ORDER BY e.at LIMIT $3";
    let mut pruned = 0;
    for row in db.all(old, &[&before, &note.chain().as_str(), &CHAINS_AT_ONCE]).await? {
        if pruned < limit {
            pruned += prune_chain(db, column(&row, 0)?, column(&row, 1)?, before, limit).await?;
        }
    }
    if pruned > 0 {
        let digest = anchors_digest(&chains(db).await?);
        let days = age.as_secs() / 86_400;
        let detail = format!("{}{digest} days={days}", Anchors::DETAIL);
        append(db, &note.clone().count(i64::from(pruned)).detail(&detail)).await?;
    }
    Ok(pruned)
}

/// Up to the first entry that is not old: what is behind it stays, whatever its time.
async fn prune_chain(db: &Connection, chain: &str, anchor: i64, before: i64, limit: u32) -> Result<u32, Trouble> {
    let last = anchor + i64::from(limit);
    let through = "SELECT MAX(number) FROM audit_entries WHERE chain = $1 AND number <= $2 AND number <
        COALESCE((SELECT MIN(number) FROM audit_entries WHERE chain = $1 AND at >= $3), $2 + 1)";
    let row = db.one(through, &[&chain, &last, &before]).await?.ok_or(StoreError::Missing { what: "audit entry" })?;
    let through: i64 = column(&row, 0)?;
    let anchor = "UPDATE audit_chains SET anchor_number = $2,
        anchor_hash = (SELECT hash FROM audit_entries WHERE chain = $1 AND number = $2) WHERE id = $1";
    db.execute(anchor, &[&chain, &through]).await?;
    let deleted =
        db.execute("DELETE FROM audit_entries WHERE chain = $1 AND number <= $2", &[&chain, &through]).await?;
    Ok(u32::try_from(deleted).unwrap_or(u32::MAX))
}

fn hash(row: &Row, index: usize) -> Result<Hash, StoreError> {
    Hash::from_bytes(column::<&[u8]>(row, index)?).ok_or(StoreError::Corrupt { what: "audit hash" })
}
