//! The audit trail: entries, chains, their heads and their pruning.

use crate::place::{Place, merchant};
use jiff::Timestamp;
use std::time::Duration;
use vezne::audit::{Action, Actor, Anchors, ChainCheck, ChainId, Finding, Note, Outcome};
use vezne::store::{AuditQuery, SharedStore, StoreError};

crate::on_each_store!(
    a_change_and_its_entry_are_there_together_or_neither,
    of_many_that_append_to_a_chain_all_are_in_order,
    a_chain_is_closed_where_there_is_one,
    heads_are_told_since_a_moment,
    entries_are_filtered,
    pruning_leaves_anchors_that_its_entry_speaks_for,
);

fn note(chain: &ChainId, action: Action) -> Note {
    Note::new(chain.clone(), Actor::Operator("deniz(1000)".to_owned()), action)
}

async fn findings(store: &SharedStore) -> Vec<Finding> {
    let (mut found, mut anchors) = (Vec::new(), Anchors::default());
    let chains = store.audit_chains().await.unwrap();
    for record in &chains {
        let mut check = ChainCheck::new(record.clone(), &[]);
        let mut after = record.anchor_number;
        loop {
            let page = store.audit_chain(record.head.chain.clone(), after, 7).await.unwrap();
            for entry in &page {
                check.entry(entry);
                anchors.entry(entry);
                after = entry.number;
            }
            if page.is_empty() {
                break;
            }
        }
        found.extend(check.finish());
    }
    found.extend(anchors.finish(&chains));
    found
}

async fn a_change_and_its_entry_are_there_together_or_neither(place: Place) {
    let store = place.node();
    let mut owner = merchant(&store).await;
    let chain = ChainId::generate();
    "Deniz".clone_into(&mut owner.name);
    let change = note(&chain, Action::MerchantUpdated).on(owner.id.as_str()).detail("fields=name");
    store.update_merchant(owner.clone(), change).await.unwrap();
    let entries = store.audit_chain(chain.clone(), 0, 10).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (entry.number, entry.action.as_str())).collect();
    assert_eq!(told, [(1, "chain.opened"), (2, "merchant.updated")]);
    assert_eq!((entries[1].subject.as_str(), entries[1].actor_name.as_str()), (owner.id.as_str(), "deniz(1000)"));
    assert!((Timestamp::now().as_millisecond() - entries[1].at).abs() < 60_000);
    // A change that is refused leaves no entry, and the chain as it was.
    owner.id = vezne::id::MerchantId::generate();
    let refused = store.update_merchant(owner.clone(), note(&chain, Action::MerchantUpdated)).await;
    assert!(matches!(refused, Err(StoreError::Missing { .. })));
    let absent = ChainId::generate();
    assert!(store.update_merchant(owner, note(&absent, Action::MerchantUpdated)).await.is_err());
    assert_eq!(store.audit_chain(chain, 0, 10).await.unwrap().len(), 2);
    assert!(store.audit_chain(absent, 0, 10).await.unwrap().is_empty());
    assert_eq!(findings(&store).await, []);
}

async fn of_many_that_append_to_a_chain_all_are_in_order(place: Place) {
    let (store, other) = (place.node(), place.node());
    let chain = ChainId::generate();
    let append = |number: i64| {
        let store = if number % 2 == 0 { &store } else { &other };
        let used = note(&chain, Action::ApiKeyUsed).count(number).outcome(Outcome::Done);
        store.append_audit(vec![used.clone(), used])
    };
    for done in futures_util::future::join_all((0..20).map(append)).await {
        done.unwrap();
    }
    let entries = store.audit_chain(chain.clone(), 0, 100).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), (1..=41).collect::<Vec<_>>());
    assert_eq!(entries.iter().filter(|entry| entry.action == "chain.opened").count(), 1);
    assert_eq!(findings(&store).await, []);
    // What is changed behind the store's back is found.
    if matches!(place, Place::Postgres { .. }) {
        place.sql("UPDATE audit_entries SET count = 99 WHERE number = 7");
        assert_eq!(findings(&store).await.iter().map(Finding::name).collect::<Vec<_>>(), ["changed"]);
    }
}

async fn a_chain_is_closed_where_there_is_one(place: Place) {
    let store = place.node();
    let chain = ChainId::generate();
    assert!(store.close_audit(note(&chain, Action::ChainClosed)).await.unwrap().is_none());
    assert!(store.append_audit(Vec::new()).await.unwrap().is_none());
    let head = store.append_audit(vec![note(&chain, Action::AuditRead)]).await.unwrap().unwrap();
    let end = store.close_audit(note(&chain, Action::ChainClosed)).await.unwrap().unwrap();
    assert_eq!((head.number, end.number, &end.chain), (2, 3, &chain));
    assert_eq!(store.audit_chains().await.unwrap()[0].head, end);
}

async fn heads_are_told_since_a_moment(place: Place) {
    let store = place.node();
    let chains = [ChainId::generate(), ChainId::generate()];
    let mut last = Vec::new();
    for chain in &chains {
        last.extend(store.append_audit(vec![note(chain, Action::AuditRead)]).await.unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = store.audit_heads(Timestamp::UNIX_EPOCH, 10).await.unwrap();
    assert_eq!(told.iter().map(|(_, head)| head.clone()).collect::<Vec<_>>(), last);
    assert_eq!(store.audit_heads(told[1].0, 10).await.unwrap(), told[1..]);
    assert_eq!(store.audit_heads(Timestamp::UNIX_EPOCH, 1).await.unwrap(), told[..1]);
}

async fn entries_are_filtered(place: Place) {
    let store = place.node();
    let chain = ChainId::generate();
    for subject in ["mer_1", "mer_2", "mer_2"] {
        store.append_audit(vec![note(&chain, Action::KeyRetired).on(subject)]).await.unwrap();
    }
    let count = async |query: AuditQuery| store.audit_entries(AuditQuery { limit: 100, ..query }).await.unwrap().len();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(count(AuditQuery::default()).await, 4);
    assert_eq!(count(AuditQuery { subject: text("mer_2"), ..AuditQuery::default() }).await, 2);
    assert_eq!(count(AuditQuery { action: text("key.retired"), ..AuditQuery::default() }).await, 3);
    assert_eq!(
        count(AuditQuery { who: text("operator"), chain: text(chain.as_str()), ..AuditQuery::default() }).await,
        4
    );
    assert_eq!(count(AuditQuery { who: text("deniz(1000)"), ..AuditQuery::default() }).await, 4);
    assert_eq!(count(AuditQuery { until: Some(Timestamp::UNIX_EPOCH), ..AuditQuery::default() }).await, 0);
    assert_eq!(count(AuditQuery { since: Some(Timestamp::UNIX_EPOCH), ..AuditQuery::default() }).await, 4);
    let newest = store.audit_entries(AuditQuery { limit: 1, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(newest[0].number, 4);
}

async fn pruning_leaves_anchors_that_its_entry_speaks_for(place: Place) {
    let store = place.node();
    let (long, short, own) = (ChainId::generate(), ChainId::generate(), ChainId::generate());
    let many = std::iter::repeat_with(|| note(&long, Action::ApiKeyUsed)).take(24).collect();
    store.append_audit(many).await.unwrap();
    store.append_audit(vec![note(&short, Action::AuditRead)]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let prune = |age, limit| store.prune_audit(note(&own, Action::AuditPruned), age, limit);
    assert_eq!(prune(Duration::from_hours(1), 10).await.unwrap(), 0);
    assert!(store.audit_chain(own.clone(), 0, 10).await.unwrap().is_empty(), "nothing to tell of");
    let mut pruned = Vec::new();
    loop {
        let batch = prune(Duration::ZERO, 10).await.unwrap();
        assert_eq!(findings(&store).await, []);
        pruned.push(batch);
        if batch == 0 {
            break;
        }
    }
    assert_eq!(pruned.iter().sum::<u32>(), 27, "{pruned:?}");
    assert!(pruned.len() > 3, "in small transactions: {pruned:?}");
    let record = store.audit_chains().await.unwrap().into_iter().find(|record| record.head.chain == long).unwrap();
    assert_eq!((record.anchor_number, record.anchor_hash), (25, record.head.hash));
    // The chain goes on from its anchor.
    store.append_audit(vec![note(&long, Action::ChainClosed)]).await.unwrap();
    assert_eq!(findings(&store).await, []);
    place.sql("UPDATE audit_chains SET anchor_number = anchor_number - 1 WHERE number = 2");
    assert!(findings(&store).await.contains(&Finding::AnchorsForged));
}
