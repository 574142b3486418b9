//! Events on their way to merchants: leased, settled, shared out.

use crate::place::{LONG, Place, SHORT, eventually, merchant, session};
use futures_util::future::join_all;
use std::collections::HashSet;
use std::time::Duration;
use vezne::id::MerchantId;
use vezne::merchant::Merchant;
use vezne::session::{Blocked, Directive, Session, Violation};
use vezne::store::{Delivery, DeliveryAsk, DeliveryOutcome, SharedStore};

crate::on_each_store!(
    an_event_is_leased_once_and_settled_for_good,
    the_end_of_a_lease_brings_an_event_back,
    a_retry_waits,
    what_is_given_up_stays_and_is_leased_no_more,
    an_outcome_after_the_next_lease_changes_nothing,
    the_oldest_event_comes_first,
    no_merchant_keeps_the_others_waiting,
    nodes_that_lease_at_the_same_time_share_the_events,
    a_violation_is_one_event_for_each_directive,
);

async fn lease(store: &SharedStore, change: impl FnOnce(&mut DeliveryAsk)) -> Vec<Delivery> {
    let mut ask = DeliveryAsk { limit: 100, per_merchant: 100, busy: Vec::new(), lease: LONG };
    change(&mut ask);
    store.lease_deliveries(ask).await.unwrap()
}

/// A canceled session, which has an event to tell.
async fn ended(store: &SharedStore, owner: &Merchant) -> Session {
    let session = session(store, owner).await;
    store.cancel(session.id.clone()).await.unwrap();
    session
}

async fn an_event_is_leased_once_and_settled_for_good(place: Place) {
    let store = place.node();
    let session = ended(&store, &merchant(&store).await).await;
    let leased = lease(&store, |_| {}).await;
    let [delivery] = leased.as_slice() else { panic!("{} events", leased.len()) };
    assert_eq!((delivery.kind.as_str(), delivery.attempt), ("session.canceled", 1));
    assert_eq!(delivery.session.id, session.id);
    assert!(delivery.violation.is_none() && delivery.created_at >= session.created_at);
    assert!(lease(&place.node(), |_| {}).await.is_empty());
    store.settle_delivery(delivery.event.clone(), 1, DeliveryOutcome::Delivered).await.unwrap();
    assert_eq!(place.sql("SELECT state, attempts, due_at FROM events WHERE settled_at > 0"), "delivered|1|");
}

async fn the_end_of_a_lease_brings_an_event_back(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let first = lease(&store, |ask| ask.lease = SHORT).await;
    let again = || async { lease(&store, |_| {}).await.pop() };
    let second = eventually("the end of the lease", again).await;
    assert_eq!((first[0].attempt, second.attempt), (1, 2));
    assert_eq!(first[0].event, second.event);
}

async fn a_retry_waits(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let first = lease(&store, |_| {}).await.remove(0);
    let retry = DeliveryOutcome::Retry { after: Duration::from_millis(500), reason: "status" };
    store.settle_delivery(first.event.clone(), 1, retry).await.unwrap();
    assert!(lease(&store, |_| {}).await.is_empty());
    assert_eq!(place.sql("SELECT state, last_reason FROM events"), "pending|status");
    let second = eventually("the wait", || async { lease(&store, |_| {}).await.pop() }).await;
    assert_eq!(second.attempt, 2);
}

async fn what_is_given_up_stays_and_is_leased_no_more(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let leased = lease(&store, |ask| ask.lease = SHORT).await.remove(0);
    let abandoned = DeliveryOutcome::Abandoned { reason: "status" };
    store.settle_delivery(leased.event, 1, abandoned).await.unwrap();
    tokio::time::sleep(2 * SHORT).await;
    assert!(lease(&store, |_| {}).await.is_empty());
    assert_eq!(place.sql("SELECT state, last_reason FROM events"), "abandoned|status");
}

async fn an_outcome_after_the_next_lease_changes_nothing(place: Place) {
    let (slow, other) = (place.node(), place.node());
    ended(&slow, &merchant(&slow).await).await;
    let first = lease(&slow, |ask| ask.lease = SHORT).await.remove(0);
    eventually("the end of the lease", || async { lease(&other, |_| {}).await.pop() }).await;
    let retry = DeliveryOutcome::Retry { after: Duration::ZERO, reason: "timeout" };
    slow.settle_delivery(first.event.clone(), first.attempt, retry).await.unwrap();
    assert!(lease(&slow, |_| {}).await.is_empty(), "the second lease stands");
    other.settle_delivery(first.event.clone(), 2, DeliveryOutcome::Delivered).await.unwrap();
    let late = DeliveryOutcome::Abandoned { reason: "status" };
    slow.settle_delivery(first.event, 2, late).await.unwrap();
    assert_eq!(place.sql("SELECT state FROM events"), "delivered");
}

async fn the_oldest_event_comes_first(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(ended(&store, &owner).await.id);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut two: Vec<_> =
            lease(&store, |ask| ask.limit = 2).await.into_iter().map(|leased| leased.session.id).collect();
        two.sort();
        seen.extend(two);
    }
    assert_eq!(seen, sessions);
}

async fn no_merchant_keeps_the_others_waiting(place: Place) {
    let store = place.node();
    let (loud, quiet) = (merchant(&store).await, merchant(&store).await);
    for _ in 0..20 {
        ended(&store, &loud).await;
    }
    let last = ended(&store, &quiet).await;
    let whose = |leased: &[Delivery], id: &MerchantId| leased.iter().filter(|one| one.session.merchant == *id).count();
    let leased = lease(&store, |ask| ask.per_merchant = 3).await;
    assert_eq!((whose(&leased, &loud.id), whose(&leased, &quiet.id)), (3, 1));
    assert!(leased.iter().any(|leased| leased.session.id == last.id));
    let busy = lease(&store, |ask| ask.busy = vec![loud.id.clone()]).await;
    assert!(busy.is_empty(), "one has enough under way, the other nothing more");
    assert_eq!(lease(&store, |ask| (ask.limit, ask.busy) = (5, vec![quiet.id.clone()])).await.len(), 5);
}

async fn nodes_that_lease_at_the_same_time_share_the_events(place: Place) {
    let nodes = [place.node(), place.node()];
    for _ in 0..3 {
        let owner = merchant(&nodes[0]).await;
        for _ in 0..20 {
            ended(&nodes[0], &owner).await;
        }
    }
    let mut seen = HashSet::new();
    while seen.len() < 60 {
        let leases = (0..6).map(|number| lease(&nodes[number % 2], |ask| (ask.limit, ask.per_merchant) = (9, 4)));
        for leased in join_all(leases).await.into_iter().flatten() {
            assert_eq!(leased.attempt, 1);
            assert!(seen.insert(leased.event), "leased twice");
        }
    }
    assert!(lease(&nodes[0], |_| {}).await.is_empty());
}

async fn a_violation_is_one_event_for_each_directive(place: Place) {
    let nodes = [place.node(), place.node()];
    let store = &nodes[0];
    let owner = merchant(store).await;
    let told = session(store, &owner).await;
    let found = |directive: &str| Violation { directive: Directive::parse(directive), blocked: Blocked::Inline };
    let reports = (0..8).map(|number| nodes[number % 2].record_violation(told.id.clone(), found("script-src")));
    let new = join_all(reports).await.into_iter().filter(|report| *report.as_ref().unwrap()).count();
    assert_eq!(new, 1);
    assert!(store.record_violation(told.id.clone(), found("img-src")).await.unwrap());
    let quiet = crate::place::wanted(&owner, |body| body["callbackUrl"] = serde_json::Value::Null);
    let quiet = store.create_session(quiet).await.unwrap();
    assert!(!store.record_violation(quiet.id, found("img-src")).await.unwrap(), "nobody to tell");
    let leased = lease(store, |_| {}).await;
    assert_eq!(leased.len(), 2);
    assert!(leased.iter().all(|leased| leased.kind == "page.violation" && leased.session.id == told.id));
    assert!(leased.iter().any(|leased| leased.violation == Some(found("script-src"))));
}
