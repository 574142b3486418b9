//! Every sealed value, page by page, and its replacement.

use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::rows::column;
use super::{NOW, PostgresStore};
use crate::hardening::Sealed;
use crate::store::{CARD_TOKEN_FIELD, Resealed, SealedPage, SealedRecord, SealedStore, StoreError, Vault};
use async_trait::async_trait;
use tokio_postgres::Row;

#[async_trait]
impl SealedStore for PostgresStore {
    async fn sealed(&self, vault: Vault, after: String, limit: u32) -> Result<SealedPage, StoreError> {
        self.executor.run(Kind::Read, async move |db| page(db, vault, &after, limit).await).await
    }

    async fn reseal(&self, vault: Vault, changes: Vec<Resealed>) -> Result<u32, StoreError> {
        self.executor.run(Kind::Durable, async move |db| replace(db, vault, &changes).await).await
    }
}

/// Reads `limit` rows, those without a sealed value too: a page costs the same
/// wherever it lies.
async fn page(db: &Connection, vault: Vault, after: &str, limit: u32) -> Result<SealedPage, Trouble> {
    let sql = match vault {
        Vault::MerchantSecrets => format!(
            "SELECT id, sealed, kind, retires_at IS NULL OR retires_at > {NOW}
             FROM merchant_secrets WHERE id > $1 ORDER BY id LIMIT $2"
        ),
        Vault::CardTokens => {
            format!(
                "SELECT id, card_token, '{CARD_TOKEN_FIELD}', TRUE FROM sessions WHERE id > $1 ORDER BY id LIMIT $2"
            )
        }
    };
    let rows = db.all(&sql, &[&after, &i64::from(limit)]).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| column(row, 0)).transpose()?;
    let records = rows.iter().filter_map(|row| record(row).transpose()).collect::<Result<_, _>>()?;
    Ok(SealedPage { records, next })
}

fn record(row: &Row) -> Result<Option<SealedRecord>, StoreError> {
    let Some(sealed) = column::<Option<Vec<u8>>>(row, 1)? else { return Ok(None) };
    let sealed = Sealed::from_bytes(sealed);
    Ok(Some(SealedRecord { id: column(row, 0)?, field: column(row, 2)?, in_use: column(row, 3)?, sealed }))
}

/// Replaces the values that are still what was read; says how many.
async fn replace(db: &Connection, vault: Vault, changes: &[Resealed]) -> Result<u32, Trouble> {
    let sql = match vault {
        Vault::MerchantSecrets => "UPDATE merchant_secrets SET sealed = $3 WHERE id = $1 AND sealed = $2",
        Vault::CardTokens => "UPDATE sessions SET card_token = $3 WHERE id = $1 AND card_token = $2",
    };
    let mut replaced = 0;
    for change in changes {
        replaced += db.execute(sql, &[&change.id, &change.before.as_bytes(), &change.after.as_bytes()]).await?;
    }
    Ok(u32::try_from(replaced).unwrap_or(u32::MAX))
}
