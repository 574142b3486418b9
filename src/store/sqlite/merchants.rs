//! Merchants, their keys and secrets.

use super::audit::append;
use super::rows::{MERCHANT_COLUMNS, MERCHANT_WIDTH, merchant, milliseconds, mode, parsed, timestamp};
use super::{NOW, SqliteStore};
use crate::audit::Note;
use crate::hardening::{Fingerprint, Sealed};
use crate::id::{KeyId, MerchantId};
use crate::merchant::{Logo, Merchant};
use crate::store::{
    ApiKeyRecord, Authenticated, MerchantStore, NewApiKey, NewSecret, SecretKind, SecretRecord, StoreError,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

#[async_trait]
impl MerchantStore for SqliteStore {
    async fn create_merchant(
        &self,
        merchant: Merchant,
        keys: Vec<NewApiKey>,
        secrets: Vec<NewSecret>,
        note: Note,
    ) -> Result<(), StoreError> {
        self.change(note, move |db| create(db, &merchant, &keys, &secrets)).await
    }

    async fn update_merchant(&self, merchant: Merchant, note: Note) -> Result<(), StoreError> {
        self.change(note, move |db| update(db, &merchant)).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.readers.point(move |db| one(db, &id)).await
    }

    async fn merchants(&self) -> Result<Vec<Merchant>, StoreError> {
        self.readers.run(all).await
    }

    async fn rotate_api_key(
        &self,
        merchant: MerchantId,
        key: NewApiKey,
        grace: Duration,
        note: Note,
    ) -> Result<(), StoreError> {
        self.change(note, move |db| rotate_api_key(db, &merchant, &key, grace)).await
    }

    async fn api_keys(&self, merchant: MerchantId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.readers.run(move |db| api_keys(db, &merchant)).await
    }

    async fn rotate_secret(
        &self,
        merchant: MerchantId,
        secret: NewSecret,
        grace: Duration,
        note: Note,
    ) -> Result<(), StoreError> {
        self.change(note, move |db| rotate_secret(db, &merchant, &secret, grace)).await
    }

    async fn secrets(&self, merchant: MerchantId, kind: SecretKind) -> Result<Vec<SecretRecord>, StoreError> {
        self.readers.point(move |db| secrets(db, &merchant, kind)).await
    }

    async fn retire(&self, merchant: MerchantId, id: KeyId, note: Note) -> Result<(), StoreError> {
        self.change(note, move |db| retire(db, &merchant, &id)).await
    }

    async fn authenticate(&self, key: Fingerprint) -> Result<Option<Authenticated>, StoreError> {
        self.readers.point(move |db| authenticate(db, key)).await
    }
}

impl SqliteStore {
    /// Changes something and says so in the audit trail, in one transaction.
    async fn change(
        &self,
        note: Note,
        work: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.writer.run(move |db| work(db).and_then(|()| append(db, &note).map(drop))).await
    }
}

fn create(db: &Connection, merchant: &Merchant, keys: &[NewApiKey], secrets: &[NewSecret]) -> Result<(), StoreError> {
    db.prepare_cached(&format!(
        "INSERT INTO merchants (id, name, allow_list, token_in_redirect, theme, logo, created_at)
         VALUES (?, ?, ?, ?, ?, ?, {NOW})"
    ))?
    .execute(params![
        merchant.id.as_str(),
        merchant.name,
        allow_list(merchant)?,
        merchant.token_in_redirect,
        theme(merchant)?,
        merchant.theme.logo().map(Logo::png),
    ])?;
    keys.iter().try_for_each(|key| insert_api_key(db, &merchant.id, key))?;
    secrets.iter().try_for_each(|secret| insert_secret(db, &merchant.id, secret))
}

fn update(db: &Connection, merchant: &Merchant) -> Result<(), StoreError> {
    let changed = db
        .prepare_cached(
            "UPDATE merchants SET name = ?, allow_list = ?, token_in_redirect = ?, theme = ?, logo = ?, disabled_at = ?
             WHERE id = ?",
        )?
        .execute(params![
            merchant.name,
            allow_list(merchant)?,
            merchant.token_in_redirect,
            theme(merchant)?,
            merchant.theme.logo().map(Logo::png),
            merchant.disabled_at.map(jiff::Timestamp::as_millisecond),
            merchant.id.as_str()
        ])?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Missing { what: "merchant" }) }
}

fn one(db: &Connection, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
    db.prepare_cached(&format!("SELECT {MERCHANT_COLUMNS} FROM merchants m WHERE m.id = ?"))?
        .query_row([id.as_str()], |row| Ok(merchant(row, 0)))
        .optional()?
        .transpose()
}

fn all(db: &Connection) -> Result<Vec<Merchant>, StoreError> {
    db.prepare_cached(&format!("SELECT {MERCHANT_COLUMNS} FROM merchants m ORDER BY m.created_at, m.id"))?
        .query_and_then([], |row| merchant(row, 0))?
        .collect()
}

fn rotate_api_key(db: &Connection, merchant: &MerchantId, key: &NewApiKey, grace: Duration) -> Result<(), StoreError> {
    retire_others(db, "api_keys", "mode", merchant, key.mode.name(), grace)?;
    insert_api_key(db, merchant, key)
}

fn rotate_secret(
    db: &Connection,
    merchant: &MerchantId,
    secret: &NewSecret,
    grace: Duration,
) -> Result<(), StoreError> {
    retire_others(db, "merchant_secrets", "kind", merchant, secret.kind.name(), grace)?;
    insert_secret(db, merchant, secret)
}

/// Lets the newest live row of a kind live on for `grace` and ends the older
/// ones, so that with the one to be added at most two are live.
fn retire_others(
    db: &Connection,
    table: &str,
    column: &str,
    merchant: &MerchantId,
    kind: &str,
    grace: Duration,
) -> Result<(), StoreError> {
    if one(db, merchant)?.is_none() {
        return Err(StoreError::Missing { what: "merchant" });
    }
    let of_kind = format!("merchant_id = ?1 AND {column} = ?2 AND (retires_at IS NULL OR retires_at > {NOW})");
    let newest = format!("(SELECT id FROM {table} WHERE {of_kind} ORDER BY created_at DESC, id DESC LIMIT 1)");
    db.execute(
        &format!("UPDATE {table} SET retires_at = {NOW} WHERE {of_kind} AND id <> {newest}"),
        params![merchant.as_str(), kind],
    )?;
    db.execute(
        &format!("UPDATE {table} SET retires_at = MIN(COALESCE(retires_at, {NOW} + ?3), {NOW} + ?3) WHERE {of_kind}"),
        params![merchant.as_str(), kind, milliseconds(grace)],
    )?;
    Ok(())
}

/// Ends what was rotated out and lives on for its grace time. The newest of its
/// kind has no end yet, and keeps none.
fn retire(db: &Connection, merchant: &MerchantId, id: &KeyId) -> Result<(), StoreError> {
    let mut changed = 0;
    for table in ["api_keys", "merchant_secrets"] {
        changed += db.execute(
            &format!("UPDATE {table} SET retires_at = {NOW} WHERE merchant_id = ? AND id = ? AND retires_at > {NOW}"),
            params![merchant.as_str(), id.as_str()],
        )?;
    }
    if changed == 1 { Ok(()) } else { Err(StoreError::Missing { what: "key in its grace time" }) }
}

fn api_keys(db: &Connection, merchant: &MerchantId) -> Result<Vec<ApiKeyRecord>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT id, mode, created_at, retires_at FROM api_keys
         WHERE merchant_id = ? AND (retires_at IS NULL OR retires_at > {NOW}) ORDER BY created_at DESC, id DESC"
    ))?
    .query_and_then([merchant.as_str()], |row| {
        Ok(ApiKeyRecord {
            id: parsed(row, 0, "key id", KeyId::parse)?,
            mode: parsed(row, 1, "mode", mode)?,
            created_at: timestamp(row.get(2)?)?,
            retires_at: row.get::<_, Option<i64>>(3)?.map(timestamp).transpose()?,
        })
    })?
    .collect()
}

fn secrets(db: &Connection, merchant: &MerchantId, kind: SecretKind) -> Result<Vec<SecretRecord>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT id, sealed, created_at, retires_at FROM merchant_secrets
         WHERE merchant_id = ? AND kind = ? AND (retires_at IS NULL OR retires_at > {NOW})
         ORDER BY created_at DESC, id DESC LIMIT 2"
    ))?
    .query_and_then([merchant.as_str(), kind.name()], |row| {
        Ok(SecretRecord {
            id: parsed(row, 0, "key id", KeyId::parse)?,
            sealed: Sealed::from_bytes(row.get(1)?),
            created_at: timestamp(row.get(2)?)?,
            retires_at: row.get::<_, Option<i64>>(3)?.map(timestamp).transpose()?,
        })
    })?
    .collect()
}

fn authenticate(db: &Connection, key: Fingerprint) -> Result<Option<Authenticated>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT {MERCHANT_COLUMNS}, k.mode, k.id FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
         WHERE k.fingerprint = ? AND (k.retires_at IS NULL OR k.retires_at > {NOW})"
    ))?
    .query_row([key.as_bytes().as_slice()], |row| {
        Ok(merchant(row, 0).and_then(|merchant| {
            let mode = parsed(row, MERCHANT_WIDTH, "mode", mode)?;
            Ok(Authenticated { merchant, mode, key: parsed(row, MERCHANT_WIDTH + 1, "key id", KeyId::parse)? })
        }))
    })
    .optional()?
    .transpose()
}

fn insert_api_key(db: &Connection, merchant: &MerchantId, key: &NewApiKey) -> Result<(), StoreError> {
    db.execute(
        &format!("INSERT INTO api_keys (id, merchant_id, mode, fingerprint, created_at) VALUES (?, ?, ?, ?, {NOW})"),
        params![key.id.as_str(), merchant.as_str(), key.mode.name(), key.fingerprint.as_bytes().as_slice()],
    )?;
    Ok(())
}

fn insert_secret(db: &Connection, merchant: &MerchantId, secret: &NewSecret) -> Result<(), StoreError> {
    db.execute(
        &format!("INSERT INTO merchant_secrets (id, merchant_id, kind, sealed, created_at) VALUES (?, ?, ?, ?, {NOW})"),
        params![secret.id.as_str(), merchant.as_str(), secret.kind.name(), secret.sealed.as_bytes()],
    )?;
    Ok(())
}

fn allow_list(merchant: &Merchant) -> Result<String, StoreError> {
    let entries: Vec<&str> = merchant.allow_list.entries().collect();
    serde_json::to_string(&entries).map_err(|_| StoreError::Corrupt { what: "allow-list" })
}

fn theme(merchant: &Merchant) -> Result<String, StoreError> {
    serde_json::to_string(&merchant.theme).map_err(|_| StoreError::Corrupt { what: "theme" })
}
