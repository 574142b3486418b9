//! Events on their way to merchants: leased, settled, shared out.

use crate::place::{LONG, Place, SHORT, eventually, merchant, session, wanted};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;
use vezne::id::MerchantId;
use vezne::merchant::{AllowedUrl, Merchant, Mode};
use vezne::session::{Blocked, Directive, Session, Violation};
use vezne::store::{
    Among, Backlog, Delivery, DeliveryAsk, DeliveryOutcome, Endpoint, EventKind, EventScope, EventState, KEPT_ATTEMPTS,
    Settlement, SharedStore, Subject,
};

crate::on_each_store!(
    an_event_is_leased_once_and_settled_for_good,
    the_end_of_a_lease_brings_an_event_back,
    a_retry_waits,
    what_is_given_up_stays_and_is_leased_no_more,
    an_outcome_after_the_next_lease_changes_nothing,
    what_was_interrupted_is_due_at_once_and_has_not_failed,
    the_oldest_event_comes_first,
    no_endpoint_keeps_the_others_waiting,
    an_endpoint_can_be_asked_for,
    nodes_that_lease_at_the_same_time_share_the_events,
    a_violation_is_one_event_for_each_directive,
    a_session_without_an_address_has_an_event_that_nobody_is_told,
    an_endpoint_that_is_gone_holds_its_events_back_until_it_answers,
    the_last_attempts_are_kept,
    what_waits_is_counted_with_how_late_it_is,
);

pub async fn lease(store: &SharedStore, change: impl FnOnce(&mut DeliveryAsk)) -> Vec<Delivery> {
    let mut ask = DeliveryAsk { limit: 100, per_endpoint: 100, among: Among::AllBut(Vec::new()), lease: LONG };
    change(&mut ask);
    store.lease_deliveries(ask).await.unwrap()
}

/// Ends an attempt.
pub async fn settle(store: &SharedStore, delivery: &Delivery, outcome: DeliveryOutcome, reason: Option<&'static str>) {
    let settlement = Settlement {
        event: delivery.event.id.clone(),
        attempt: delivery.event.attempts,
        latency: Duration::from_millis(41),
        status: Some(if reason.is_some() { 500 } else { 204 }),
        reason,
        answer: "ş".to_owned(),
        outcome,
    };
    store.settle_delivery(settlement).await.unwrap();
}

/// A canceled session, which has an event to tell.
pub async fn ended(store: &SharedStore, owner: &Merchant) -> Session {
    let session = session(store, owner).await;
    store.cancel(session.id.clone()).await.unwrap();
    session
}

async fn ended_with(store: &SharedStore, owner: &Merchant, callback_url: Value) -> Session {
    let session = store.create_session(wanted(owner, |body| body["callbackUrl"] = callback_url)).await.unwrap();
    store.cancel(session.id.clone()).await.unwrap();
    session
}

fn session_of(delivery: &Delivery) -> &Session {
    match &delivery.subject {
        Subject::End(session) | Subject::Page(session, _) => session,
        Subject::Ping => panic!("{} is of no session", delivery.event.id),
    }
}

fn url(owner: &Merchant, text: &str) -> AllowedUrl {
    owner.allow_list.check(text, Mode::Test).unwrap()
}

/// The states of the events, oldest first.
fn states(place: &Place) -> String {
    place.sql("SELECT state FROM events ORDER BY id").replace('\n', " ")
}

async fn an_event_is_leased_once_and_settled_for_good(place: Place) {
    let store = place.node();
    let session = ended(&store, &merchant(&store).await).await;
    let leased = lease(&store, |_| {}).await;
    let [delivery] = leased.as_slice() else { panic!("{} events", leased.len()) };
    let event = &delivery.event;
    assert_eq!((event.kind, event.attempts, delivery.failures), (EventKind::Canceled, 1, 0));
    assert_eq!((event.state, event.mode, event.next_attempt_at), (EventState::Pending, Mode::Test, None));
    assert_eq!((event.session.as_ref(), delivery.url.url().as_str()), (Some(&session.id), "https://shop.example/hook"));
    assert!(matches!(&delivery.subject, Subject::End(told) if told.id == session.id));
    assert!(event.created_at >= session.created_at);
    assert!(lease(&place.node(), |_| {}).await.is_empty());
    settle(&store, delivery, DeliveryOutcome::Delivered, None).await;
    let detail = store.event(EventScope::All, event.id.clone()).await.unwrap().unwrap();
    assert_eq!((detail.event.state, detail.event.attempts), (EventState::Delivered, 1));
    assert!(detail.event.settled_at.is_some() && detail.event.last_reason.is_none());
    let [attempt] = detail.attempts.as_slice() else { panic!("{:?}", detail.attempts) };
    assert_eq!((attempt.number, attempt.status, attempt.answer.as_str()), (1, Some(204), "ş"));
    assert_eq!((attempt.latency, attempt.reason.as_deref()), (Duration::from_millis(41), None));
    assert!(lease(&store, |_| {}).await.is_empty());
}

async fn the_end_of_a_lease_brings_an_event_back(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let first = lease(&store, |ask| ask.lease = SHORT).await;
    let again = || async { lease(&store, |_| {}).await.pop() };
    let second = eventually("the end of the lease", again).await;
    assert_eq!((first[0].event.attempts, second.event.attempts, second.failures), (1, 2, 0));
    assert_eq!(first[0].event.id, second.event.id);
}

async fn a_retry_waits(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let first = lease(&store, |_| {}).await.remove(0);
    settle(&store, &first, DeliveryOutcome::Retry { after: Duration::from_millis(500) }, Some("status")).await;
    assert!(lease(&store, |_| {}).await.is_empty());
    assert_eq!(place.sql("SELECT state, last_reason FROM events"), "pending|status");
    let detail = store.event(EventScope::All, first.event.id).await.unwrap().unwrap();
    assert!(detail.event.next_attempt_at.is_some());
    let second = eventually("the wait", || async { lease(&store, |_| {}).await.pop() }).await;
    assert_eq!((second.event.attempts, second.failures), (2, 1));
}

async fn what_is_given_up_stays_and_is_leased_no_more(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let leased = lease(&store, |ask| ask.lease = SHORT).await.remove(0);
    settle(&store, &leased, DeliveryOutcome::Abandoned, Some("status")).await;
    tokio::time::sleep(2 * SHORT).await;
    assert!(lease(&store, |_| {}).await.is_empty());
    assert_eq!(place.sql("SELECT state, last_reason FROM events"), "abandoned|status");
}

async fn an_outcome_after_the_next_lease_changes_nothing(place: Place) {
    let (slow, other) = (place.node(), place.node());
    ended(&slow, &merchant(&slow).await).await;
    let first = lease(&slow, |ask| ask.lease = SHORT).await.remove(0);
    let second = eventually("the end of the lease", || async { lease(&other, |_| {}).await.pop() }).await;
    settle(&slow, &first, DeliveryOutcome::Retry { after: Duration::ZERO }, Some("timeout")).await;
    assert!(lease(&slow, |_| {}).await.is_empty(), "the second lease stands");
    settle(&other, &second, DeliveryOutcome::Delivered, None).await;
    settle(&slow, &second, DeliveryOutcome::Abandoned, Some("status")).await;
    settle(&slow, &second, DeliveryOutcome::Interrupted, Some("interrupted")).await;
    assert_eq!(states(&place), "delivered");
    let detail = slow.event(EventScope::All, first.event.id).await.unwrap().unwrap();
    let kept: Vec<_> = detail.attempts.iter().map(|attempt| (attempt.number, attempt.reason.as_deref())).collect();
    assert_eq!(kept, [(1, Some("timeout")), (2, None)], "each as it was told first");
}

async fn what_was_interrupted_is_due_at_once_and_has_not_failed(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let first = lease(&store, |_| {}).await.remove(0);
    settle(&store, &first, DeliveryOutcome::Interrupted, Some("interrupted")).await;
    let second = lease(&place.node(), |_| {}).await.remove(0);
    assert_eq!((second.event.attempts, second.failures), (2, 0));
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
        let leased = lease(&store, |ask| ask.limit = 2).await;
        let mut two: Vec<_> = leased.iter().map(|leased| session_of(leased).id.clone()).collect();
        two.sort();
        seen.extend(two);
    }
    assert_eq!(seen, sessions);
}

async fn no_endpoint_keeps_the_others_waiting(place: Place) {
    let store = place.node();
    let (loud, quiet) = (merchant(&store).await, merchant(&store).await);
    for _ in 0..20 {
        ended(&store, &loud).await;
    }
    let last = ended(&store, &quiet).await;
    let elsewhere = ended_with(&store, &loud, "https://pay.shop.example/a/hook".into()).await;
    let whose = |leased: &[Delivery], id: &MerchantId| leased.iter().filter(|one| one.event.merchant == *id).count();
    let leased = lease(&store, |ask| ask.per_endpoint = 3).await;
    assert_eq!((whose(&leased, &loud.id), whose(&leased, &quiet.id)), (4, 1));
    for session in [last, elsewhere] {
        assert!(leased.iter().any(|leased| session_of(leased).id == session.id));
    }
    let hook = |owner: &Merchant| Endpoint::of(&owner.id, &url(owner, "https://shop.example/another"));
    let busy = lease(&store, |ask| ask.among = Among::AllBut(vec![hook(&loud)])).await;
    assert!(busy.is_empty(), "one has enough under way, the others nothing more");
    let rest = lease(&store, |ask| (ask.limit, ask.among) = (5, Among::AllBut(vec![hook(&quiet)]))).await;
    assert_eq!(rest.len(), 5);
}

async fn an_endpoint_can_be_asked_for(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..3 {
        ended(&store, &owner).await;
        ended_with(&store, &owner, "https://pay.shop.example/a/hook".into()).await;
    }
    let at = |text| Endpoint::of(&owner.id, &url(&owner, text));
    let ask_for = async |endpoints: Vec<Endpoint>| {
        lease(&store, |ask| (ask.per_endpoint, ask.among) = (1, Among::Only(endpoints))).await
    };
    assert!(ask_for(Vec::new()).await.is_empty());
    let one = ask_for(vec![at("https://pay.shop.example/a/")]).await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].endpoint(), at("https://pay.shop.example/a/"));
    assert_eq!(ask_for(vec![at("https://pay.shop.example/a/"), at("https://shop.example/")]).await.len(), 2);
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
        let leases = (0..6).map(|number| lease(&nodes[number % 2], |ask| (ask.limit, ask.per_endpoint) = (9, 4)));
        for leased in join_all(leases).await.into_iter().flatten() {
            assert_eq!(leased.event.attempts, 1);
            assert!(seen.insert(leased.event.id), "leased twice");
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
    let quiet = store.create_session(wanted(&owner, |body| body["callbackUrl"] = Value::Null)).await.unwrap();
    assert!(store.record_violation(quiet.id, found("img-src")).await.unwrap(), "to be asked for");
    let leased = lease(store, |_| {}).await;
    assert_eq!(leased.len(), 2);
    assert!(leased.iter().all(|leased| leased.event.kind == EventKind::Violation && session_of(leased).id == told.id));
    let is_it = |one: &Delivery| matches!(one.subject, Subject::Page(_, violation) if violation == found("script-src"));
    assert!(leased.iter().any(is_it));
}

async fn a_session_without_an_address_has_an_event_that_nobody_is_told(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    ended_with(&store, &owner, Value::Null).await;
    assert!(lease(&store, |_| {}).await.is_empty());
    assert_eq!(states(&place), "unaddressed");
}

async fn an_endpoint_that_is_gone_holds_its_events_back_until_it_answers(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    for _ in 0..3 {
        ended(&store, &owner).await;
    }
    let other = ended_with(&store, &owner, "https://shop.example/another".into()).await;
    let on_wire = lease(&store, |ask| ask.limit = 2).await;
    settle(&store, &on_wire[0], DeliveryOutcome::EndpointGone, Some("gone")).await;
    ended(&place.node(), &owner).await;
    assert_eq!(
        states(&place).split(' ').filter(|state| *state == "endpoint_disabled").count(),
        4,
        "the one, the one on the wire, the one that waits, the one that comes"
    );
    let left = lease(&store, |_| {}).await;
    assert_eq!(left.iter().map(|left| session_of(left).id.clone()).collect::<Vec<_>>(), [other.id]);
    // The other one fails on the wire: it stays held back. A test is sent all the same.
    settle(&store, &on_wire[1], DeliveryOutcome::Retry { after: Duration::ZERO }, Some("status")).await;
    assert!(lease(&store, |_| {}).await.is_empty());
    let test = url(&owner, "https://shop.example/hook");
    let test = store.record_test(owner.id.clone(), Mode::Test, test).await.unwrap();
    assert_eq!((test.kind, test.state, test.session), (EventKind::Ping, EventState::Pending, None));
    let sent = lease(&store, |_| {}).await.remove(0);
    assert!(matches!(sent.subject, Subject::Ping) && sent.event.id == test.id);
    settle(&store, &sent, DeliveryOutcome::Delivered, None).await;
    let next = ended(&store, &owner).await;
    let leased = lease(&store, |_| {}).await;
    assert_eq!((leased.len(), &session_of(&leased[0]).id), (1, &next.id), "what was held back stays so");
}

async fn the_last_attempts_are_kept(place: Place) {
    let store = place.node();
    ended(&store, &merchant(&store).await).await;
    let mut delivery = lease(&store, |_| {}).await.remove(0);
    for _ in 0..KEPT_ATTEMPTS + 5 {
        settle(&store, &delivery, DeliveryOutcome::Interrupted, Some("interrupted")).await;
        delivery = lease(&store, |_| {}).await.remove(0);
    }
    let attempts = store.event(EventScope::All, delivery.event.id).await.unwrap().unwrap().attempts;
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (6..=KEPT_ATTEMPTS + 5).collect::<Vec<_>>());
}

async fn what_waits_is_counted_with_how_late_it_is(place: Place) {
    let store = place.node();
    let backlog = async || store.backlog(Vec::new()).await.unwrap();
    assert_eq!(backlog().await, Backlog::default());
    let owner = merchant(&store).await;
    for _ in 0..3 {
        ended(&store, &owner).await;
    }
    let late = || async { Some(backlog().await).filter(|waiting| waiting.oldest_due >= 2 * SHORT) };
    let waiting = eventually("lateness", late).await;
    assert!(waiting.pending == 3 && waiting.oldest_due < LONG, "{waiting:?}");
    let paused = vec![Endpoint::of(&owner.id, &url(&owner, "https://shop.example/hook"))];
    let others = store.backlog(paused).await.unwrap();
    assert_eq!(others, Backlog { pending: 3, oldest_due: Duration::ZERO }, "a failing endpoint's are not late");
    let leased = lease(&place.node(), |ask| ask.limit = 2).await;
    let [first, second] = leased.as_slice() else { panic!("{} events", leased.len()) };
    assert_eq!(backlog().await.pending, 3, "under way is not done");
    settle(&store, first, DeliveryOutcome::Delivered, None).await;
    settle(&store, second, DeliveryOutcome::Retry { after: LONG }, Some("status")).await;
    let last = lease(&store, |_| {}).await.remove(0);
    settle(&store, &last, DeliveryOutcome::Abandoned, Some("status")).await;
    assert_eq!(backlog().await, Backlog { pending: 1, oldest_due: Duration::ZERO });
}
