//! Idempotency keys.

use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::rows::{column, count};
use super::{NOW, PostgresStore};
use crate::hardening::Sealed;
use crate::store::columns::milliseconds;
use crate::store::{IdempotencyStore, KnownUse, NewUse, StoreError, UseBegun, UseEnd, UseId, UseState};
use async_trait::async_trait;
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait]
impl IdempotencyStore for PostgresStore {
    async fn begin_use(&self, new: NewUse) -> Result<UseBegun, StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| begin(db, &new).await).await
    }

    async fn resume_use(&self, id: UseId, fence: u32, lease: Duration) -> Result<Option<u32>, StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| resume(db, &id, fence, lease).await).await
    }

    async fn end_use(&self, id: UseId, fence: u32, end: UseEnd) -> Result<(), StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| end_use(db, &id, fence, &end).await).await
    }

    async fn prune_uses(&self, limit: u32) -> Result<u32, StoreError> {
        self.executor.run(Kind::Relaxed, async move |db| prune(db, limit).await).await
    }
}

/// The row of a key.
const OF_KEY: &str = "merchant_id = $1 AND mode = $2 AND key_digest = $3";
/// Looks at a key that others free again and again.
const LOOKS: u32 = 3;

async fn begin(db: &Connection, new: &NewUse) -> Result<UseBegun, Trouble> {
    let UseId { merchant, mode, key } = &new.id;
    let (merchant, mode, key) = (merchant.as_str(), mode.name(), key.as_bytes().as_slice());
    let forget = format!("DELETE FROM idempotency_keys WHERE {OF_KEY} AND expires_at <= {NOW}");
    db.execute(&forget, &[&merchant, &mode, &key]).await?;
    let take = format!(
        "INSERT INTO idempotency_keys (merchant_id, mode, key_digest, mac, mac_key, names, lease_until, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, {NOW} + $7, {NOW} + $8) ON CONFLICT DO NOTHING"
    );
    let look = format!(
        "SELECT mac, mac_key, names, fence, lease_until IS NULL, lease_until > {NOW}, answer
         FROM idempotency_keys WHERE {OF_KEY}"
    );
    let (lease, life) = (milliseconds(new.lease), milliseconds(new.life));
    for _ in 0..LOOKS {
        let names = new.names.as_bytes();
        if db.execute(&take, &[&merchant, &mode, &key, &new.mac, &new.mac_key, &names, &lease, &life]).await? == 1 {
            return Ok(UseBegun::First);
        }
        // Whoever has it may have set it free meanwhile.
        if let Some(row) = db.one(&look, &[&merchant, &mode, &key]).await? {
            return Ok(UseBegun::Known(Box::new(known(&row)?)));
        }
    }
    Err(StoreError::Unavailable("a key that others take and free".to_owned()).into())
}

fn known(row: &Row) -> Result<KnownUse, StoreError> {
    let state = match (column(row, 4)?, column::<Option<bool>>(row, 5)?) {
        (true, _) => UseState::Answered(column::<Option<Vec<u8>>>(row, 6)?.map(Sealed::from_bytes)),
        (false, Some(true)) => UseState::Running,
        (false, _) => UseState::Interrupted,
    };
    let names = Sealed::from_bytes(column(row, 2)?);
    Ok(KnownUse { mac: column(row, 0)?, mac_key: column(row, 1)?, names, fence: count(row, 3)?, state })
}

async fn resume(db: &Connection, id: &UseId, fence: u32, lease: Duration) -> Result<Option<u32>, Trouble> {
    let sql = format!(
        "UPDATE idempotency_keys SET fence = fence + 1, lease_until = {NOW} + $5
         WHERE {OF_KEY} AND fence = $4 AND lease_until <= {NOW}"
    );
    let (merchant, mode, key) = (id.merchant.as_str(), id.mode.name(), id.key.as_bytes().as_slice());
    let changed = db.execute(&sql, &[&merchant, &mode, &key, &i64::from(fence), &milliseconds(lease)]).await?;
    Ok((changed == 1).then_some(fence + 1))
}

async fn end_use(db: &Connection, id: &UseId, fence: u32, end: &UseEnd) -> Result<(), Trouble> {
    let held = format!("{OF_KEY} AND fence = $4 AND lease_until IS NOT NULL");
    let (merchant, mode, key) = (id.merchant.as_str(), id.mode.name(), id.key.as_bytes().as_slice());
    let fence = i64::from(fence);
    match end {
        UseEnd::Answered(answer) => {
            let sql = format!("UPDATE idempotency_keys SET lease_until = NULL, answer = $5 WHERE {held}");
            db.execute(&sql, &[&merchant, &mode, &key, &fence, &answer.as_ref().map(Sealed::as_bytes)]).await?;
        }
        UseEnd::Undone => {
            let sql = format!("DELETE FROM idempotency_keys WHERE {held}");
            db.execute(&sql, &[&merchant, &mode, &key, &fence]).await?;
        }
        UseEnd::Unclear => {
            let sql = format!("UPDATE idempotency_keys SET lease_until = {NOW} WHERE {held}");
            db.execute(&sql, &[&merchant, &mode, &key, &fence]).await?;
        }
    }
    Ok(())
}

/// Sweeps of several processes leave each other's rows alone.
async fn prune(db: &Connection, limit: u32) -> Result<u32, Trouble> {
    let sql = format!(
        "DELETE FROM idempotency_keys WHERE (merchant_id, mode, key_digest) IN
            (SELECT merchant_id, mode, key_digest FROM idempotency_keys WHERE expires_at <= {NOW}
             LIMIT $1 FOR UPDATE SKIP LOCKED)"
    );
    let pruned = db.execute(&sql, &[&i64::from(limit)]).await?;
    Ok(u32::try_from(pruned).unwrap_or(limit))
}
