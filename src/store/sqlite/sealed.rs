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

#[cfg(test)]
mod tests {
    use super::super::SqliteStore;
    use super::*;
    use crate::audit::{Action, Actor, ChainId, Note};
    use crate::id::{KeyId, MerchantId};
    use crate::merchant::{AllowList, Merchant};
    use crate::store::{MerchantStore, NewSecret, SecretKind};
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn sealed(text: &str) -> Sealed {
        Sealed::from_bytes(text.as_bytes().to_vec())
    }

    /// A store with a merchant of `count` secrets, each sealed to the text "old".
    async fn store_of(count: usize) -> (Folder, SqliteStore) {
        let folder = Folder(std::env::temp_dir().join(format!("vezne-sealed-{}", KeyId::generate())));
        std::fs::create_dir(&folder.0).unwrap();
        let store = SqliteStore::open(&folder.0.join("vezne.db")).unwrap();
        let merchant = Merchant {
            id: MerchantId::generate(),
            name: "Kitapçı".to_owned(),
            allow_list: AllowList::parse(&["https://shop.example/"]).unwrap(),
            token_in_redirect: false,
            theme: crate::merchant::Theme::default(),
            disabled_at: None,
            created_at: jiff::Timestamp::now(),
        };
        let note = Note::new(ChainId::generate(), Actor::System, Action::MerchantCreated);
        let secret = || NewSecret { id: KeyId::generate(), kind: SecretKind::Result, sealed: sealed("old") };
        store
            .create_merchant(merchant, Vec::new(), std::iter::repeat_with(secret).take(count).collect(), note)
            .await
            .unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn pages_hold_every_value_once() {
        let (_folder, store) = store_of(10).await;
        for limit in [1, 3, 5, 10, 11] {
            let (mut after, mut seen) = (Some(String::new()), Vec::new());
            while let Some(start) = after {
                let page = store.sealed(Vault::MerchantSecrets, start, limit).await.unwrap();
                assert!(page.records.len() <= limit as usize);
                seen.extend(page.records.into_iter().map(|record| record.id));
                after = page.next;
            }
            assert_eq!(seen.len(), 10, "{limit}");
            assert!(seen.is_sorted_by(|left, right| left < right));
        }
        let page = store.sealed(Vault::CardTokens, String::new(), 5).await.unwrap();
        assert!(page.records.is_empty() && page.next.is_none());
    }

    #[tokio::test]
    async fn a_value_that_was_written_meanwhile_is_left_alone() {
        let (_folder, store) = store_of(2).await;
        let records = store.sealed(Vault::MerchantSecrets, String::new(), 10).await.unwrap().records;
        let change = |record: &SealedRecord, before: &str, after: &str| Resealed {
            id: record.id.clone(),
            before: sealed(before),
            after: sealed(after),
        };
        // Somebody else was faster with the first one.
        store.reseal(Vault::MerchantSecrets, vec![change(&records[0], "old", "faster")]).await.unwrap();
        let both = records.iter().map(|record| change(record, "old", "new")).collect();
        assert_eq!(store.reseal(Vault::MerchantSecrets, both).await.unwrap(), 1);
        let now = store.sealed(Vault::MerchantSecrets, String::new(), 10).await.unwrap().records;
        let values: Vec<&[u8]> = now.iter().map(|record| record.sealed.as_bytes()).collect();
        assert_eq!(values, [b"faster".as_slice(), b"new"]);
    }
}
