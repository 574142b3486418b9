//! Idempotency keys.

use super::{NOW, SqliteStore};
use crate::hardening::Sealed;
use crate::store::columns::milliseconds;
use crate::store::{IdempotencyStore, KnownUse, NewUse, StoreError, UseBegun, UseEnd, UseId, UseState};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use std::time::Duration;

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn begin_use(&self, new: NewUse) -> Result<UseBegun, StoreError> {
        self.writer.run_relaxed(move |db| begin(db, &new)).await
    }

    async fn resume_use(&self, id: UseId, fence: u32, lease: Duration) -> Result<Option<u32>, StoreError> {
        self.writer.run_relaxed(move |db| resume(db, &id, fence, lease)).await
    }

    async fn end_use(&self, id: UseId, fence: u32, end: UseEnd) -> Result<(), StoreError> {
        self.writer.run_relaxed(move |db| end_use(db, &id, fence, &end)).await
    }

    async fn prune_uses(&self, limit: u32) -> Result<u32, StoreError> {
        self.writer.run_relaxed(move |db| prune(db, limit)).await
    }
}

/// The row of a key.
const OF_KEY: &str = "merchant_id = ?1 AND mode = ?2 AND key_digest = ?3";

fn begin(db: &Connection, new: &NewUse) -> Result<UseBegun, StoreError> {
    let UseId { merchant, mode, key } = &new.id;
    let (merchant, mode, key) = (merchant.as_str(), mode.name(), key.as_bytes().as_slice());
    db.prepare_cached(&format!("DELETE FROM idempotency_keys WHERE {OF_KEY} AND expires_at <= {NOW}"))?
        .execute(params![merchant, mode, key])?;
    let begun = db
        .prepare_cached(&format!(
            "INSERT INTO idempotency_keys (merchant_id, mode, key_digest, mac, mac_key, names, lease_until, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, {NOW} + ?7, {NOW} + ?8) ON CONFLICT DO NOTHING"
        ))?
        .execute(params![
            merchant,
            mode,
            key,
            new.mac,
            new.mac_key,
            new.names.as_bytes(),
            milliseconds(new.lease),
            milliseconds(new.life)
        ])?;
    if begun == 1 {
        return Ok(UseBegun::First);
    }
    let known = db
        .prepare_cached(&format!(
            "SELECT mac, mac_key, names, fence, lease_until IS NULL, lease_until > {NOW}, answer
             FROM idempotency_keys WHERE {OF_KEY}"
        ))?
        .query_row(params![merchant, mode, key], known)?;
    Ok(UseBegun::Known(Box::new(known)))
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownUse> {
    let state = match (row.get(4)?, row.get::<_, Option<bool>>(5)?) {
        (true, _) => UseState::Answered(row.get::<_, Option<Vec<u8>>>(6)?.map(Sealed::from_bytes)),
        (false, Some(true)) => UseState::Running,
        (false, _) => UseState::Interrupted,
    };
    let names = Sealed::from_bytes(row.get(2)?);
    Ok(KnownUse { mac: row.get(0)?, mac_key: row.get(1)?, names, fence: row.get(3)?, state })
}

fn resume(db: &Connection, id: &UseId, fence: u32, lease: Duration) -> Result<Option<u32>, StoreError> {
    let changed = db
        .prepare_cached(&format!(
            "UPDATE idempotency_keys SET fence = fence + 1, lease_until = {NOW} + ?5
             WHERE {OF_KEY} AND fence = ?4 AND lease_until <= {NOW}"
        ))?
        .execute(params![
            id.merchant.as_str(),
            id.mode.name(),
            id.key.as_bytes().as_slice(),
            fence,
            milliseconds(lease)
        ])?;
    Ok((changed == 1).then_some(fence + 1))
}

fn end_use(db: &Connection, id: &UseId, fence: u32, end: &UseEnd) -> Result<(), StoreError> {
    let held = format!("{OF_KEY} AND fence = ?4 AND lease_until IS NOT NULL");
    let (merchant, mode, key) = (id.merchant.as_str(), id.mode.name(), id.key.as_bytes().as_slice());
    match end {
        UseEnd::Answered(answer) => db
            .prepare_cached(&format!("UPDATE idempotency_keys SET lease_until = NULL, answer = ?5 WHERE {held}"))?
            .execute(params![merchant, mode, key, fence, answer.as_ref().map(Sealed::as_bytes)])?,
        UseEnd::Undone => db
            .prepare_cached(&format!("DELETE FROM idempotency_keys WHERE {held}"))?
            .execute(params![merchant, mode, key, fence])?,
        UseEnd::Unclear => db
            .prepare_cached(&format!("UPDATE idempotency_keys SET lease_until = {NOW} WHERE {held}"))?
            .execute(params![merchant, mode, key, fence])?,
    };
    Ok(())
}

fn prune(db: &Connection, limit: u32) -> Result<u32, StoreError> {
    let pruned = db
        .prepare_cached(&format!(
            "DELETE FROM idempotency_keys WHERE (merchant_id, mode, key_digest) IN
                (SELECT merchant_id, mode, key_digest FROM idempotency_keys WHERE expires_at <= {NOW} LIMIT ?)"
        ))?
        .execute([limit])?;
    Ok(u32::try_from(pruned).unwrap_or(limit))
}
