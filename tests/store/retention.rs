//! What is old is removed, a few rows at a time; what waits stays.

use crate::outbox::{ended, lease, settle};
use crate::place::{LONG, Place, merchant, session};
use futures_util::future::join_all;
use std::time::Duration;
use vezne::store::DeliveryOutcome;

crate::on_each_store!(
    events_go_when_they_are_old_and_settled,
    what_waits_too_long_is_given_up,
    sessions_go_once_their_events_are_gone,
    nodes_that_remove_at_the_same_time_remove_each_row_once,
);

const DAY: Duration = Duration::from_hours(24);

/// Moves what is settled, and what waits, so many days into the past.
fn age_events(place: &Place, days: u32) {
    place.sql(&format!(
        "UPDATE events SET settled_at = settled_at - {days} * 86400000, scheduled_at = scheduled_at - {days} * 86400000"
    ));
}

fn count(place: &Place, table: &str) -> String {
    place.sql(&format!("SELECT COUNT(*) FROM {table}"))
}

async fn events_go_when_they_are_old_and_settled(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..4 {
        ended(&store, &owner).await;
    }
    let leased = lease(&store, |_| {}).await;
    settle(&store, &leased[0], DeliveryOutcome::Delivered, None).await;
    settle(&store, &leased[1], DeliveryOutcome::Abandoned, Some("status")).await;
    settle(&store, &leased[2], DeliveryOutcome::Retry { after: LONG }, Some("status")).await;
    age_events(&place, 10);
    assert_eq!(store.prune_events(11 * DAY, 10).await.unwrap(), 0);
    assert_eq!(count(&place, "events"), "4");
    assert_eq!(store.prune_events(9 * DAY, 1).await.unwrap(), 1);
    assert_eq!(store.prune_events(9 * DAY, 10).await.unwrap(), 1);
    assert_eq!(store.prune_events(9 * DAY, 10).await.unwrap(), 0);
    assert_eq!(place.sql("SELECT DISTINCT state FROM events"), "pending");
    assert_eq!(count(&place, "delivery_attempts"), "1", "those of what is gone are gone");
}

async fn what_waits_too_long_is_given_up(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..3 {
        ended(&store, &owner).await;
    }
    lease(&store, |ask| ask.limit = 1).await;
    assert_eq!(store.give_up_waiting(9 * DAY, 10).await.unwrap(), 0);
    age_events(&place, 10);
    assert_eq!(store.give_up_waiting(9 * DAY, 1).await.unwrap(), 1);
    assert_eq!(store.give_up_waiting(9 * DAY, 10).await.unwrap(), 1);
    assert_eq!(store.give_up_waiting(9 * DAY, 10).await.unwrap(), 0, "one is on the wire");
    let given_up = "SELECT COUNT(*) FROM events WHERE state = 'abandoned' AND last_reason = 'waited_too_long'";
    assert_eq!(place.sql(given_up), "2");
    assert_eq!(store.prune_events(9 * DAY, 10).await.unwrap(), 0, "they are kept from now on");
}

async fn sessions_go_once_their_events_are_gone(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..5 {
        ended(&store, &owner).await;
    }
    let open = session(&store, &owner).await;
    place.sql("UPDATE sessions SET ended_at = ended_at - 10 * 86400000");
    let keep = place.sql("SELECT id FROM events ORDER BY id LIMIT 1");
    place.sql(&format!("DELETE FROM events WHERE id <> '{keep}'"));
    assert_eq!(store.prune_sessions(11 * DAY, None, 10).await.unwrap().removed, 0);
    let (mut after, mut removed, mut looks) = (None, 0, 0);
    loop {
        let pruned = store.prune_sessions(9 * DAY, after, 2).await.unwrap();
        (removed, looks) = (removed + pruned.removed, looks + 1);
        after = pruned.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((removed, looks), (4, 3), "past the one that stays");
    assert_eq!(count(&place, "sessions"), "2");
    assert!(store.session(owner.id, open.mode, open.id).await.unwrap().is_some());
}

async fn nodes_that_remove_at_the_same_time_remove_each_row_once(place: Place) {
    let nodes = [place.node(), place.node()];
    let owner = merchant(&nodes[0]).await;
    for _ in 0..30 {
        ended(&nodes[0], &owner).await;
    }
    for delivery in lease(&nodes[0], |_| {}).await {
        settle(&nodes[0], &delivery, DeliveryOutcome::Delivered, None).await;
    }
    age_events(&place, 10);
    place.sql("UPDATE sessions SET ended_at = ended_at - 10 * 86400000");
    let removed = join_all((0..8).map(|number| nodes[number % 2].prune_events(DAY, 10))).await;
    assert_eq!(removed.into_iter().map(Result::unwrap).sum::<u32>(), 30);
    let removed = join_all((0..4).map(|number| nodes[number % 2].prune_sessions(DAY, None, 100))).await;
    assert_eq!(removed.into_iter().map(|pruned| pruned.unwrap().removed).sum::<u32>(), 30);
    assert_eq!((count(&place, "events"), count(&place, "sessions")), ("0".to_owned(), "0".to_owned()));
}
