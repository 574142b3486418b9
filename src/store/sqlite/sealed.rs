//! Every sealed value, page by page, and its replacement.

use super::{NOW, SqliteStore};
use crate::hardening::Sealed;
use crate::store::{CARD_TOKEN_FIELD, Resealed, SealedPage, SealedRecord, SealedStore, StoreError, Vault};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

#[async_trait]
impl SealedStore for SqliteStore {
    async fn sealed(&self, vault: Vault, after: String, limit: u32) -> Result<SealedPage, StoreError> {
        self.readers.run(move |db| page(db, vault, &after, limit)).await
    }

    async fn reseal(&self, vault: Vault, changes: Vec<Resealed>) -> Result<u32, StoreError> {
        self.writer.run(move |db| replace(db, vault, &changes)).await
    }
}

/// Reads `limit` rows, those without a sealed value too: a page costs the same
/// wherever it lies.
fn page(db: &Connection, vault: Vault, after: &str, limit: u32) -> Result<SealedPage, StoreError> {
    let sql = match vault {
        Vault::MerchantSecrets => format!(
            "SELECT id, sealed, kind, retires_at IS NULL OR retires_at > {NOW}
             FROM merchant_secrets WHERE id > ? ORDER BY id LIMIT ?"
        ),
        Vault::CardTokens => {
            format!("SELECT id, card_token, '{CARD_TOKEN_FIELD}', 1 FROM sessions WHERE id > ? ORDER BY id LIMIT ?")
        }
    };
    let mut page = SealedPage { records: Vec::new(), next: None };
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![after, limit])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        page.next = Some(row.get(0)?);
        page.records.extend(record(row)?);
    }
    page.next = page.next.filter(|_| count == limit);
    Ok(page)
}

fn record(row: &Row<'_>) -> Result<Option<SealedRecord>, StoreError> {
    let Some(sealed) = row.get::<_, Option<Vec<u8>>>(1)? else { return Ok(None) };
    let sealed = Sealed::from_bytes(sealed);
    Ok(Some(SealedRecord { id: row.get(0)?, field: row.get(2)?, in_use: row.get(3)?, sealed }))
}

/// Replaces the values that are still what was read; says how many.
fn replace(db: &Connection, vault: Vault, changes: &[Resealed]) -> Result<u32, StoreError> {
    let mut statement = db.prepare_cached(match vault {
        Vault::MerchantSecrets => "UPDATE merchant_secrets SET sealed = ?3 WHERE id = ?1 AND sealed = ?2",
        Vault::CardTokens => "UPDATE sessions SET card_token = ?3 WHERE id = ?1 AND card_token = ?2",
    })?;
    let mut replaced = 0;
    for change in changes {
        replaced += statement.execute(params![change.id, change.before.as_bytes(), change.after.as_bytes()])?;
    }
    Ok(u32::try_from(replaced).unwrap_or(u32::MAX))
}
