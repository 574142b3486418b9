//! Merchants, their keys and secrets.

use super::audit::append;
use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::rows::{MERCHANT_COLUMNS, MERCHANT_WIDTH, column, merchant, moment, moment_if_any, parsed};
use super::{NOW, PostgresStore};
use crate::audit::Note;
use crate::hardening::{Fingerprint, Sealed};
use crate::id::{KeyId, MerchantId};
use crate::merchant::{Logo, Merchant};
use crate::store::columns::{milliseconds, mode, to_json};
use crate::store::{
    ApiKeyRecord, Authenticated, MerchantStore, NewApiKey, NewSecret, SecretKind, SecretRecord, StoreError,
};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl MerchantStore for PostgresStore {
    async fn create_merchant(
        &self,
        merchant: Merchant,
        keys: Vec<NewApiKey>,
        secrets: Vec<NewSecret>,
        note: Note,
    ) -> Result<(), StoreError> {
        let work = async move |db: &Connection| {
            create(db, &merchant, &keys, &secrets).await?;
            append(db, &note).await.map(drop)
        };
        self.executor.run(Kind::Durable, work).await
    }

    async fn update_merchant(&self, merchant: Merchant, note: Note) -> Result<(), StoreError> {
        let work = async move |db: &Connection| {
            update(db, &merchant).await?;
            append(db, &note).await.map(drop)
        };
        self.executor.run(Kind::Durable, work).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.executor.run(Kind::Read, async move |db| one(db, &id).await).await
    }

    async fn merchants(&self) -> Result<Vec<Merchant>, StoreError> {
        self.executor.run(Kind::Read, all).await
    }

    async fn rotate_api_key(
        &self,
        merchant: MerchantId,
        key: NewApiKey,
        grace: Duration,
        note: Note,
    ) -> Result<(), StoreError> {
        let work = async move |db: &Connection| {
            rotate_api_key(db, &merchant, &key, grace).await?;
            append(db, &note).await.map(drop)
        };
        self.executor.run(Kind::Durable, work).await
    }

    async fn api_keys(&self, merchant: MerchantId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.executor.run(Kind::Read, async move |db| api_keys(db, &merchant).await).await
    }

    async fn rotate_secret(
        &self,
        merchant: MerchantId,
        secret: NewSecret,
        grace: Duration,
        note: Note,
    ) -> Result<(), StoreError> {
        let work = async move |db: &Connection| {
            rotate_secret(db, &merchant, &secret, grace).await?;
            append(db, &note).await.map(drop)
        };
        self.executor.run(Kind::Durable, work).await
    }

    async fn secrets(&self, merchant: MerchantId, kind: SecretKind) -> Result<Vec<SecretRecord>, StoreError> {
        self.executor.run(Kind::Read, async move |db| secrets(db, &merchant, kind).await).await
    }

    async fn retire(&self, merchant: MerchantId, id: KeyId, note: Note) -> Result<(), StoreError> {
        let work = async move |db: &Connection| {
            retire(db, &merchant, &id).await?;
            append(db, &note).await.map(drop)
        };
        self.executor.run(Kind::Durable, work).await
    }

    async fn authenticate(&self, key: Fingerprint) -> Result<Option<Authenticated>, StoreError> {
        self.executor.run(Kind::Read, async move |db| authenticate(db, key).await).await
    }
}

async fn create(
    db: &Connection,
    merchant: &Merchant,
    keys: &[NewApiKey],
    secrets: &[NewSecret],
) -> Result<(), Trouble> {
    let sql = format!(
        "INSERT INTO merchants (id, name, allow_list, token_in_redirect, theme, logo, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, {NOW})"
    );
    db.execute(
        &sql,
        &[
            &merchant.id.as_str(),
            &merchant.name,
            &allow_list(merchant)?,
            &merchant.token_in_redirect,
            &to_json(&merchant.theme)?,
            &merchant.theme.logo().map(Logo::png),
        ],
    )
    .await?;
    for key in keys {
        insert_api_key(db, &merchant.id, key).await?;
    }
    for secret in secrets {
        insert_secret(db, &merchant.id, secret).await?;
    }
    Ok(())
}

async fn update(db: &Connection, merchant: &Merchant) -> Result<(), Trouble> {
    let sql = "UPDATE merchants SET name = $2, allow_list = $3, token_in_redirect = $4, theme = $5, logo = $6,
                  disabled_at = $7
               WHERE id = $1";
    let changed = db
        .execute(
            sql,
            &[
                &merchant.id.as_str(),
                &merchant.name,
                &allow_list(merchant)?,
                &merchant.token_in_redirect,
                &to_json(&merchant.theme)?,
                &merchant.theme.logo().map(Logo::png),
                &merchant.disabled_at.map(jiff::Timestamp::as_millisecond),
            ],
        )
        .await?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Missing { what: "merchant" }.into()) }
}

async fn one(db: &Connection, id: &MerchantId) -> Result<Option<Merchant>, Trouble> {
    let sql = format!("SELECT {MERCHANT_COLUMNS} FROM merchants m WHERE m.id = $1");
    let row = db.one(&sql, &[&id.as_str()]).await?;
    Ok(row.map(|row| merchant(&row, 0)).transpose()?)
}

async fn all(db: &Connection) -> Result<Vec<Merchant>, Trouble> {
    let sql = format!("SELECT {MERCHANT_COLUMNS} FROM merchants m ORDER BY m.created_at, m.id");
    let rows = db.all(&sql, &[]).await?;
    Ok(rows.iter().map(|row| merchant(row, 0)).collect::<Result<_, _>>()?)
}

async fn rotate_api_key(
    db: &Connection,
    merchant: &MerchantId,
    key: &NewApiKey,
    grace: Duration,
) -> Result<(), Trouble> {
    retire_others(db, "api_keys", "mode", merchant, key.mode.name(), grace).await?;
    insert_api_key(db, merchant, key).await
}

async fn rotate_secret(
    db: &Connection,
    merchant: &MerchantId,
    secret: &NewSecret,
    grace: Duration,
) -> Result<(), Trouble> {
    retire_others(db, "merchant_secrets", "kind", merchant, secret.kind.name(), grace).await?;
    insert_secret(db, merchant, secret).await
}

/// Lets the newest live row of a kind live on for `grace` and ends the older
/// ones, so that with the one to be added at most two are live.
async fn retire_others(
    db: &Connection,
    table: &str,
    column: &str,
    merchant: &MerchantId,
    kind: &str,
    grace: Duration,
) -> Result<(), Trouble> {
    // One rotation of a merchant at a time; its sessions are not kept waiting.
    let lock = "SELECT 1 FROM merchants WHERE id = $1 FOR NO KEY UPDATE";
    if db.one(lock, &[&merchant.as_str()]).await?.is_none() {
        return Err(StoreError::Missing { what: "merchant" }.into());
    }
    let of_kind = format!("merchant_id = $1 AND {column} = $2 AND (retires_at IS NULL OR retires_at > {NOW})");
    let newest = format!("(SELECT id FROM {table} WHERE {of_kind} ORDER BY created_at DESC, id DESC LIMIT 1)");
    let end = format!("UPDATE {table} SET retires_at = {NOW} WHERE {of_kind} AND id <> {newest}");
    db.execute(&end, &[&merchant.as_str(), &kind]).await?;
    let limit =
        format!("UPDATE {table} SET retires_at = LEAST(COALESCE(retires_at, {NOW} + $3), {NOW} + $3) WHERE {of_kind}");
    db.execute(&limit, &[&merchant.as_str(), &kind, &milliseconds(grace)]).await?;
    Ok(())
}

/// Ends what was rotated out and lives on for its grace time. The newest of its
/// kind has no end yet, and keeps none.
async fn retire(db: &Connection, merchant: &MerchantId, id: &KeyId) -> Result<(), Trouble> {
    let mut changed = 0;
    for table in ["api_keys", "merchant_secrets"] {
        let sql =
            format!("UPDATE {table} SET retires_at = {NOW} WHERE merchant_id = $1 AND id = $2 AND retires_at > {NOW}");
        changed += db.execute(&sql, &[&merchant.as_str(), &id.as_str()]).await?;
    }
    if changed == 1 { Ok(()) } else { Err(StoreError::Missing { what: "key in its grace time" }.into()) }
}

async fn api_keys(db: &Connection, merchant: &MerchantId) -> Result<Vec<ApiKeyRecord>, Trouble> {
    let sql = format!(
        "SELECT id, mode, created_at, retires_at FROM api_keys
         WHERE merchant_id = $1 AND (retires_at IS NULL OR retires_at > {NOW}) ORDER BY created_at DESC, id DESC"
    );
    let rows = db.all(&sql, &[&merchant.as_str()]).await?;
    let record = |row| -> Result<ApiKeyRecord, StoreError> {
        Ok(ApiKeyRecord {
            id: parsed(row, 0, "key id", KeyId::parse)?,
            mode: parsed(row, 1, "mode", mode)?,
            created_at: moment(row, 2)?,
            retires_at: moment_if_any(row, 3)?,
        })
    };
    Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
}

async fn secrets(db: &Connection, merchant: &MerchantId, kind: SecretKind) -> Result<Vec<SecretRecord>, Trouble> {
    let sql = format!(
        "SELECT id, sealed, created_at, retires_at FROM merchant_secrets
         WHERE merchant_id = $1 AND kind = $2 AND (retires_at IS NULL OR retires_at > {NOW})
         ORDER BY created_at DESC, id DESC LIMIT 2"
    );
    let rows = db.all(&sql, &[&merchant.as_str(), &kind.name()]).await?;
    let record = |row| -> Result<SecretRecord, StoreError> {
        Ok(SecretRecord {
            id: parsed(row, 0, "key id", KeyId::parse)?,
            sealed: Sealed::from_bytes(column(row, 1)?),
            created_at: moment(row, 2)?,
            retires_at: moment_if_any(row, 3)?,
        })
    };
    Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
}

async fn authenticate(db: &Connection, key: Fingerprint) -> Result<Option<Authenticated>, Trouble> {
    let sql = format!(
        "SELECT {MERCHANT_COLUMNS}, k.mode, k.id FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
         WHERE k.fingerprint = $1 AND (k.retires_at IS NULL OR k.retires_at > {NOW})"
    );
    let Some(row) = db.one(&sql, &[&key.as_bytes().as_slice()]).await? else { return Ok(None) };
    Ok(Some(Authenticated {
        merchant: merchant(&row, 0)?,
        mode: parsed(&row, MERCHANT_WIDTH, "mode", mode)?,
        key: parsed(&row, MERCHANT_WIDTH + 1, "key id", KeyId::parse)?,
    }))
}

async fn insert_api_key(db: &Connection, merchant: &MerchantId, key: &NewApiKey) -> Result<(), Trouble> {
    let sql =
        format!("INSERT INTO api_keys (id, merchant_id, mode, fingerprint, created_at) VALUES ($1, $2, $3, $4, {NOW})");
    let fingerprint = key.fingerprint.as_bytes().as_slice();
    db.execute(&sql, &[&key.id.as_str(), &merchant.as_str(), &key.mode.name(), &fingerprint]).await?;
    Ok(())
}

async fn insert_secret(db: &Connection, merchant: &MerchantId, secret: &NewSecret) -> Result<(), Trouble> {
    let sql = format!(
        "INSERT INTO merchant_secrets (id, merchant_id, kind, sealed, created_at) VALUES ($1, $2, $3, $4, {NOW})"
    );
    let sealed = secret.sealed.as_bytes();
    db.execute(&sql, &[&secret.id.as_str(), &merchant.as_str(), &secret.kind.name(), &sealed]).await?;
    Ok(())
}

fn allow_list(merchant: &Merchant) -> Result<String, StoreError> {
    let entries: Vec<&str> = merchant.allow_list.entries().collect();
    to_json(&entries)
}
