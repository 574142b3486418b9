//! Merchants, their keys and their secrets.

use crate::place::{Place, SHORT, eventually, merchant, merchant_with, note, sealed, secret};
use std::time::Duration;
use vezne::hardening::Fingerprint;
use vezne::id::{KeyId, MerchantId};
use vezne::merchant::{AllowList, Mode};
use vezne::store::{NewApiKey, SecretKind, StoreError};

crate::on_each_store!(
    a_merchant_reads_back_as_it_was_written,
    a_change_of_what_is_not_there_is_refused,
    a_new_key_lets_the_last_one_live_on_for_its_grace_time,
    a_new_secret_leaves_at_most_two,
    what_lives_on_can_be_ended_and_the_newest_cannot,
    rotations_at_the_same_time_leave_two_keys,
);

const HOUR: Duration = Duration::from_hours(1);

fn key(mode: Mode, text: &str) -> NewApiKey {
    NewApiKey { id: KeyId::generate(), mode, fingerprint: Fingerprint::of(text) }
}

async fn a_merchant_reads_back_as_it_was_written(place: Place) {
    let store = place.node();
    let first = merchant(&store).await;
    let mut second = merchant(&store).await;
    assert!(first.created_at <= second.created_at && first.created_at > jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(first.name, "Kitapçı <Deniz> & Oğlu");
    second.name.replace_range(.., "Deniz");
    second.token_in_redirect = false;
    second.allow_list = AllowList::parse(&["https://other.example/"]).unwrap();
    second.disabled_at = Some(jiff::Timestamp::from_millisecond(1_700_000_000_123).unwrap());
    store.update_merchant(second.clone(), note()).await.unwrap();
    let all = place.node().merchants().await.unwrap();
    assert_eq!(format!("{all:?}"), format!("{:?}", [&first, &second]));
    assert!(store.merchant(MerchantId::generate()).await.unwrap().is_none());
}

async fn a_change_of_what_is_not_there_is_refused(place: Place) {
    let store = place.node();
    let mut absent = merchant(&store).await;
    absent.id = MerchantId::generate();
    let refused = |done: Result<(), StoreError>| assert!(matches!(done, Err(StoreError::Missing { .. })));
    refused(store.update_merchant(absent.clone(), note()).await);
    refused(store.rotate_api_key(absent.id.clone(), key(Mode::Test, "a"), HOUR, note()).await);
    refused(store.rotate_secret(absent.id.clone(), secret(SecretKind::Result, "a"), HOUR, note()).await);
    refused(store.retire(absent.id.clone(), KeyId::generate(), note()).await);
    assert!(store.authenticate(Fingerprint::of("a")).await.unwrap().is_none());
    assert!(store.secrets(absent.id, SecretKind::Result).await.unwrap().is_empty());
}

async fn a_new_key_lets_the_last_one_live_on_for_its_grace_time(place: Place) {
    let store = place.node();
    let keys = vec![key(Mode::Test, "test"), key(Mode::Live, "live")];
    let owner = merchant_with(&store, keys, Vec::new()).await;
    let opens = async |text: &str| store.authenticate(Fingerprint::of(text)).await.unwrap().map(|found| found.mode);
    assert_eq!((opens("test").await, opens("live").await), (Some(Mode::Test), Some(Mode::Live)));
    store.rotate_api_key(owner.id.clone(), key(Mode::Test, "second"), HOUR, note()).await.unwrap();
    assert_eq!((opens("test").await, opens("second").await), (Some(Mode::Test), Some(Mode::Test)));
    let listed = store.api_keys(owner.id.clone()).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed.iter().filter(|key| key.retires_at.is_some()).count(), 1);
    // Of the two that are there, the older one ends at once.
    store.rotate_api_key(owner.id.clone(), key(Mode::Test, "third"), SHORT, note()).await.unwrap();
    assert_eq!(opens("test").await, None);
    assert_eq!((opens("third").await, opens("live").await), (Some(Mode::Test), Some(Mode::Live)));
    eventually("the end of the grace time", || async { opens("second").await.is_none().then_some(()) }).await;
    assert_eq!(store.api_keys(owner.id).await.unwrap().len(), 2);
}

async fn a_new_secret_leaves_at_most_two(place: Place) {
    let store = place.node();
    let owner = merchant_with(&store, Vec::new(), vec![secret(SecretKind::Webhook, "whsec")]).await;
    for text in ["first", "second", "third"] {
        store.rotate_secret(owner.id.clone(), secret(SecretKind::Result, text), HOUR, note()).await.unwrap();
    }
    let live = store.secrets(owner.id.clone(), SecretKind::Result).await.unwrap();
    let values: Vec<&[u8]> = live.iter().map(|secret| secret.sealed.as_bytes()).collect();
    assert_eq!(values, [b"third".as_slice(), b"second"], "newest first");
    assert!(live[0].retires_at.is_none() && live[1].retires_at.is_some());
    store.rotate_secret(owner.id.clone(), secret(SecretKind::Result, "fourth"), Duration::ZERO, note()).await.unwrap();
    eventually("the fourth alone", || async {
        (store.secrets(owner.id.clone(), SecretKind::Result).await.unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(store.secrets(owner.id, SecretKind::Webhook).await.unwrap()[0].sealed, sealed("whsec"));
}

async fn what_lives_on_can_be_ended_and_the_newest_cannot(place: Place) {
    let store = place.node();
    let (old, new) = (key(Mode::Test, "old"), key(Mode::Test, "new"));
    let (old_id, new_id) = (old.id.clone(), new.id.clone());
    let owner = merchant_with(&store, vec![old], Vec::new()).await;
    let other = merchant(&store).await;
    store.rotate_api_key(owner.id.clone(), new, HOUR, note()).await.unwrap();
    for (whose, id) in [(&other.id, &old_id), (&owner.id, &new_id), (&owner.id, &KeyId::generate())] {
        assert!(matches!(store.retire(whose.clone(), id.clone(), note()).await, Err(StoreError::Missing { .. })));
    }
    store.retire(owner.id.clone(), old_id.clone(), note()).await.unwrap();
    assert!(store.authenticate(Fingerprint::of("old")).await.unwrap().is_none());
    assert!(store.authenticate(Fingerprint::of("new")).await.unwrap().is_some());
    assert!(matches!(store.retire(owner.id, old_id, note()).await, Err(StoreError::Missing { .. })));
}

async fn rotations_at_the_same_time_leave_two_keys(place: Place) {
    let nodes = [place.node(), place.node()];
    let owner = merchant(&nodes[0]).await;
    let rotations = (0..10).map(|number| {
        let (store, id) = (&nodes[number % 2], owner.id.clone());
        async move { store.rotate_api_key(id, key(Mode::Test, &number.to_string()), HOUR, note()).await.unwrap() }
    });
    futures_util::future::join_all(rotations).await;
    let live = nodes[0].api_keys(owner.id).await.unwrap();
    assert_eq!(live.len(), 2);
    assert_eq!(live.iter().filter(|key| key.retires_at.is_none()).count(), 1, "the newest has no end");
}
