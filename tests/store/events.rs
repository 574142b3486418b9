//! Events as merchants and operators read them, and have them delivered anew.

use crate::outbox::{ended, lease, settle};
use crate::place::{LONG, Place, merchant, note, wanted};
use serde_json::Value;
use std::time::Duration;
use vezne::id::EventId;
use vezne::merchant::{Merchant, Mode};
use vezne::store::{DeliveryOutcome, Event, EventKind, EventQuery, EventScope, EventState, Redelivery, SharedStore};

crate::on_each_store!(
    lists_are_of_one_scope_and_narrowed,
    pages_hold_every_event_once,
    whatever_became_of_an_event_it_is_due_again,
    an_attempt_that_is_under_way_keeps_its_lease,
    attempts_are_read_in_the_order_of_their_end,
);

fn query(scope: EventScope) -> EventQuery {
    EventQuery {
        scope,
        kind: None,
        session: None,
        state: None,
        created_after: None,
        created_before: None,
        after: None,
        limit: 100,
    }
}

async fn listed(store: &SharedStore, query: EventQuery) -> Vec<Event> {
    store.events(query).await.unwrap().events
}

fn of(owner: &Merchant) -> EventScope {
    EventScope::Of(owner.id.clone(), Mode::Test)
}

async fn lists_are_of_one_scope_and_narrowed(place: Place) {
    let store = place.node();
    let (one, other) = (merchant(&store).await, merchant(&store).await);
    let told = ended(&store, &one).await;
    settle(&store, &lease(&store, |_| {}).await.remove(0), DeliveryOutcome::Delivered, None).await;
    let quiet = store.create_session(wanted(&one, |body| body["callbackUrl"] = Value::Null)).await.unwrap();
    store.cancel(quiet.id.clone()).await.unwrap();
    let url = one.allow_list.check("https://shop.example/hook", Mode::Live).unwrap();
    store.record_test(one.id.clone(), Mode::Live, url).await.unwrap();
    ended(&store, &other).await;

    let count = async |query| listed(&store, query).await.len();
    assert_eq!(count(query(of(&one))).await, 2);
    assert_eq!(count(query(EventScope::Of(one.id.clone(), Mode::Live))).await, 1);
    assert_eq!(count(query(EventScope::OfMerchant(one.id.clone()))).await, 3);
    assert_eq!(count(query(EventScope::All)).await, 4);
    let all = listed(&store, query(EventScope::All)).await;
    assert!(all.is_sorted_by_key(|event| std::cmp::Reverse((event.created_at, event.id.clone()))));

    let by_state = listed(&store, EventQuery { state: Some(EventState::Unaddressed), ..query(of(&one)) }).await;
    assert_eq!((by_state.len(), by_state[0].session.as_ref()), (1, Some(&quiet.id)));
    assert!(by_state[0].callback_url.is_none() && by_state[0].settled_at.is_some());
    let by_session = listed(&store, EventQuery { session: Some(told.id.clone()), ..query(EventScope::All) }).await;
    assert_eq!((by_session.len(), by_session[0].state), (1, EventState::Delivered));
    assert_eq!(count(EventQuery { kind: Some(EventKind::Ping), ..query(EventScope::All) }).await, 1);
    assert_eq!(count(EventQuery { kind: Some(EventKind::Ping), ..query(of(&one)) }).await, 0);
    let at = all[1].created_at;
    let (from, before) = (all.iter().filter(|event| event.created_at >= at).count(), all.len());
    assert_eq!(count(EventQuery { created_after: Some(at), ..query(EventScope::All) }).await, from);
    assert_eq!(count(EventQuery { created_before: Some(at), ..query(EventScope::All) }).await, before - from);
    let everything = EventQuery {
        kind: Some(EventKind::Canceled),
        session: Some(told.id.clone()),
        state: Some(EventState::Delivered),
        created_after: Some(told.created_at),
        created_before: Some(at.checked_add(LONG).unwrap()),
        ..query(of(&one))
    };
    assert_eq!(count(everything).await, 1);

    let id = by_session[0].id.clone();
    for scope in [of(&other), EventScope::Of(one.id.clone(), Mode::Live), EventScope::OfMerchant(other.id.clone())] {
        assert!(store.event(scope.clone(), id.clone()).await.unwrap().is_none());
        assert!(store.redeliver(scope, id.clone(), note()).await.unwrap().is_none());
    }
    assert!(store.event(of(&one), id).await.unwrap().is_some());
    assert!(store.event(EventScope::All, EventId::generate()).await.unwrap().is_none());
}

async fn pages_hold_every_event_once(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..7 {
        ended(&store, &owner).await;
    }
    // Some within one millisecond.
    place.sql("UPDATE events SET created_at = 1000 WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 4)");
    for limit in [1, 2, 3, 7, 8] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.events(EventQuery { after, limit, ..query(of(&owner)) }).await.unwrap();
            assert!(page.events.len() <= limit as usize);
            seen.extend(page.events.into_iter().map(|event| (event.created_at, event.id)));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen.len(), 7, "{limit}");
        assert!(seen.is_sorted_by(|newer, older| newer > older), "{limit}");
    }
}

async fn whatever_became_of_an_event_it_is_due_again(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let ways = [
        (DeliveryOutcome::Delivered, None),
        (DeliveryOutcome::Abandoned, Some("status")),
        (DeliveryOutcome::Retry { after: LONG }, Some("status")),
        (DeliveryOutcome::EndpointGone, Some("gone")),
    ];
    for (outcome, reason) in ways {
        ended(&store, &owner).await;
        let first = lease(&store, |_| {}).await.remove(0);
        settle(&store, &first, outcome, reason).await;
        assert!(lease(&store, |_| {}).await.is_empty());
        let due = store.redeliver(of(&owner), first.event.id.clone(), note()).await.unwrap().unwrap();
        let Redelivery::Due(event) = due else { panic!("{outcome:?} has an address") };
        assert_eq!((event.state, event.settled_at, event.attempts), (EventState::Pending, None, 1));
        assert!(event.next_attempt_at.is_some());
        let second = lease(&store, |_| {}).await.remove(0);
        assert_eq!((second.event.id.clone(), second.event.attempts, second.failures), (first.event.id, 2, 0));
        settle(&store, &second, DeliveryOutcome::Delivered, None).await;
    }
    let quiet = store.create_session(wanted(&owner, |body| body["callbackUrl"] = Value::Null)).await.unwrap();
    store.cancel(quiet.id.clone()).await.unwrap();
    let unheard = listed(&store, EventQuery { session: Some(quiet.id), ..query(EventScope::All) }).await.remove(0);
    let refused = store.redeliver(EventScope::All, unheard.id, note()).await.unwrap();
    assert!(matches!(refused, Some(Redelivery::Unaddressed)));
}

async fn an_attempt_that_is_under_way_keeps_its_lease(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    ended(&store, &owner).await;
    let first = lease(&store, |_| {}).await.remove(0);
    store.redeliver(EventScope::All, first.event.id.clone(), note()).await.unwrap();
    assert!(lease(&store, |_| {}).await.is_empty(), "it is not sent twice at once");
    settle(&store, &first, DeliveryOutcome::Retry { after: Duration::ZERO }, Some("status")).await;
    let second = lease(&store, |_| {}).await.remove(0);
    assert_eq!((second.event.attempts, second.failures), (2, 1));
}

async fn attempts_are_read_in_the_order_of_their_end(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..3 {
        ended(&store, &owner).await;
    }
    let leased = lease(&store, |_| {}).await;
    for delivery in &leased {
        settle(&store, delivery, DeliveryOutcome::Interrupted, Some("interrupted")).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = store.attempts_since(jiff::Timestamp::UNIX_EPOCH, 10).await.unwrap();
    let ids: Vec<_> = all.iter().map(|(id, _)| id).collect();
    assert_eq!(ids, leased.iter().map(|delivery| &delivery.event.id).collect::<Vec<_>>());
    assert_eq!(store.attempts_since(all[1].1.ended_at, 10).await.unwrap(), all[1..]);
    assert_eq!(store.attempts_since(all[0].1.ended_at, 2).await.unwrap(), all[..2]);
}
