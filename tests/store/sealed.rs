//! Sealed values: every one of them, page by page, and their replacement.

use crate::place::{LONG, Place, claimed, completion, merchant, merchant_with, note, sealed, secret, session};
use std::time::Duration;
use vezne::store::{Resealed, SealedRecord, SecretKind, SharedStore, Vault};

crate::on_each_store!(
    pages_hold_every_value_once,
    only_sessions_with_a_token_have_a_value,
    a_value_that_was_written_meanwhile_is_left_alone,
    a_retired_secret_is_there_and_not_in_use,
);

async fn pages_hold_every_value_once(place: Place) {
    let store = place.node();
    merchant_with(&store, Vec::new(), (0..10).map(|_| secret(SecretKind::Result, "old")).collect()).await;
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
}

async fn only_sessions_with_a_token_have_a_value(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let mut completed = Vec::new();
    for number in 0..6 {
        let session = session(&store, &owner).await;
        if number % 2 == 0 {
            store.complete(&claimed(&store, &session.id, LONG).await, &completion("token")).await.unwrap();
            completed.push(session.id.to_string());
        }
    }
    let (mut after, mut seen) = (Some(String::new()), Vec::new());
    while let Some(start) = after {
        let page = store.sealed(Vault::CardTokens, start, 2).await.unwrap();
        seen.extend(page.records);
        after = page.next;
    }
    assert_eq!(seen.iter().map(|record| record.id.clone()).collect::<Vec<_>>(), completed);
    assert!(seen.iter().all(|record| record.in_use && record.field == "card_token"));
    assert!(seen.iter().all(|record| record.sealed == sealed("token")));
}

async fn a_value_that_was_written_meanwhile_is_left_alone(place: Place) {
    let store = place.node();
    merchant_with(&store, Vec::new(), (0..2).map(|_| secret(SecretKind::Result, "old")).collect()).await;
    let records = all(&store).await;
    let change = |record: &SealedRecord, after: &str| Resealed {
        id: record.id.clone(),
        before: sealed("old"),
        after: sealed(after),
    };
    // Somebody else was faster with the first one.
    store.reseal(Vault::MerchantSecrets, vec![change(&records[0], "faster")]).await.unwrap();
    let both = || records.iter().map(|record| change(record, "new")).collect();
    assert_eq!(store.reseal(Vault::MerchantSecrets, both()).await.unwrap(), 1);
    assert_eq!(store.reseal(Vault::MerchantSecrets, both()).await.unwrap(), 0, "again");
    let values: Vec<_> = all(&store).await.into_iter().map(|record| record.sealed).collect();
    assert_eq!(values, [sealed("faster"), sealed("new")]);
}

async fn a_retired_secret_is_there_and_not_in_use(place: Place) {
    let store = place.node();
    let owner = merchant_with(&store, Vec::new(), vec![secret(SecretKind::Result, "old")]).await;
    store.rotate_secret(owner.id, secret(SecretKind::Result, "new"), Duration::ZERO, note()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut records = all(&store).await;
    records.sort_by_key(|record| record.in_use);
    let values: Vec<_> = records.into_iter().map(|record| (record.in_use, record.sealed, record.field)).collect();
    let of = |in_use, text| (in_use, sealed(text), "result".to_owned());
    assert_eq!(values, [of(false, "old"), of(true, "new")]);
}

async fn all(store: &SharedStore) -> Vec<SealedRecord> {
    store.sealed(Vault::MerchantSecrets, String::new(), 100).await.unwrap().records
}
