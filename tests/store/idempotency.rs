//! Idempotency keys: begun, taken over, answered, freed and forgotten.

use crate::place::{LONG, Place, SHORT, eventually, merchant, sealed, wanted};
use std::time::Duration;
use vezne::hardening::Fingerprint;
use vezne::merchant::Mode;
use vezne::store::{KnownUse, NewUse, SharedStore, UseBegun, UseEnd, UseId, UseState};

crate::on_each_store!(
    of_many_that_begin_one_runs,
    an_answer_is_kept_and_a_late_one_is_not,
    an_interrupted_call_is_taken_over_by_one,
    what_was_undone_leaves_nothing_and_what_is_unclear_is_free_at_once,
    a_key_has_an_end,
    a_session_that_is_made_again_is_found,
);

async fn new(store: &SharedStore, lease: Duration) -> NewUse {
    let merchant = merchant(store).await.id;
    new_of(UseId { merchant, mode: Mode::Test, key: Fingerprint::of("key") }, lease)
}

fn new_of(id: UseId, lease: Duration) -> NewUse {
    let (mac, mac_key) = (vec![7; 32], "4a04c885".to_owned());
    NewUse { id, mac, mac_key, names: sealed("names"), lease, life: LONG }
}

async fn known(store: &SharedStore, id: &UseId) -> KnownUse {
    let again = NewUse { names: sealed("others"), mac: vec![8; 32], ..new_of(id.clone(), LONG) };
    match store.begin_use(again).await.unwrap() {
        UseBegun::Known(known) => *known,
        UseBegun::First => panic!("the key was free"),
    }
}

async fn of_many_that_begin_one_runs(place: Place) {
    let (store, other) = (place.node(), place.node());
    let id = new(&store, LONG).await.id;
    let begin = |number: usize| {
        let (store, id) = (if number.is_multiple_of(2) { &store } else { &other }, id.clone());
        async move { matches!(store.begin_use(new_of(id, LONG)).await.unwrap(), UseBegun::First) }
    };
    let firsts = futures_util::future::join_all((0..20).map(begin)).await;
    assert_eq!(firsts.iter().filter(|first| **first).count(), 1);
    let known = known(&store, &id).await;
    assert_eq!((known.mac, known.mac_key.as_str(), known.names), (vec![7; 32], "4a04c885", sealed("names")));
    assert!(matches!(known.state, UseState::Running) && known.fence == 1);
    // Another mode is another key.
    let live = UseId { mode: Mode::Live, ..id };
    assert!(matches!(store.begin_use(new_of(live, LONG)).await.unwrap(), UseBegun::First));
}

async fn an_answer_is_kept_and_a_late_one_is_not(place: Place) {
    let store = place.node();
    let use_ = new(&store, SHORT).await;
    let id = use_.id.clone();
    store.begin_use(use_).await.unwrap();
    let fence = eventually("the end of the lease", || store_resume(&store, &id, 1)).await;
    assert_eq!(fence, 2);
    store.end_use(id.clone(), 1, UseEnd::Answered(Some(sealed("late")))).await.unwrap();
    assert!(matches!(known(&store, &id).await.state, UseState::Running));
    store.end_use(id.clone(), 2, UseEnd::Answered(Some(sealed("answer")))).await.unwrap();
    store.end_use(id.clone(), 2, UseEnd::Undone).await.unwrap();
    let UseState::Answered(Some(answer)) = known(&store, &id).await.state else { panic!("no answer") };
    assert_eq!(answer, sealed("answer"));
    assert!(store.resume_use(id, 2, LONG).await.unwrap().is_none());
}

async fn store_resume(store: &SharedStore, id: &UseId, fence: u32) -> Option<u32> {
    store.resume_use(id.clone(), fence, LONG).await.unwrap()
}

async fn an_interrupted_call_is_taken_over_by_one(place: Place) {
    let (store, other) = (place.node(), place.node());
    let use_ = new(&store, SHORT).await;
    let id = use_.id.clone();
    store.begin_use(use_).await.unwrap();
    eventually("the end of the lease", || async {
        matches!(known(&store, &id).await.state, UseState::Interrupted).then_some(())
    })
    .await;
    let takeovers =
        (0..10_usize).map(|number| store_resume(if number.is_multiple_of(2) { &store } else { &other }, &id, 1));
    let taken = futures_util::future::join_all(takeovers).await;
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [2]);
}

async fn what_was_undone_leaves_nothing_and_what_is_unclear_is_free_at_once(place: Place) {
    let store = place.node();
    let use_ = new(&store, LONG).await;
    let id = use_.id.clone();
    store.begin_use(use_).await.unwrap();
    store.end_use(id.clone(), 1, UseEnd::Unclear).await.unwrap();
    assert!(matches!(known(&store, &id).await.state, UseState::Interrupted));
    assert_eq!(store_resume(&store, &id, 1).await, Some(2));
    store.end_use(id.clone(), 2, UseEnd::Undone).await.unwrap();
    assert!(matches!(store.begin_use(new_of(id.clone(), LONG)).await.unwrap(), UseBegun::First));
    store.end_use(id.clone(), 1, UseEnd::Answered(None)).await.unwrap();
    assert!(matches!(known(&store, &id).await.state, UseState::Answered(None)));
}

async fn a_key_has_an_end(place: Place) {
    let store = place.node();
    let id = new(&store, LONG).await.id;
    for number in 0..5 {
        let key = Fingerprint::of(&number.to_string());
        let short = NewUse { life: Duration::ZERO, ..new_of(UseId { key, ..id.clone() }, LONG) };
        store.begin_use(short).await.unwrap();
    }
    store.begin_use(new_of(id.clone(), LONG)).await.unwrap();
    let over = UseId { key: Fingerprint::of("0"), ..id.clone() };
    assert!(matches!(store.begin_use(new_of(over.clone(), LONG)).await.unwrap(), UseBegun::First), "as new");
    assert_eq!(store.prune_uses(3).await.unwrap(), 3);
    assert_eq!((store.prune_uses(3).await.unwrap(), store.prune_uses(3).await.unwrap()), (1, 0));
    for id in [id, over] {
        assert!(matches!(known(&store, &id).await.state, UseState::Running), "what lives stays");
    }
}

async fn a_session_that_is_made_again_is_found(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let new = wanted(&owner, |_| {});
    let first = store.create_session(new.clone()).await.unwrap();
    let again = store.create_session(new).await.unwrap();
    assert_eq!((again.id, again.created_at), (first.id, first.created_at));
    assert_eq!(place.sql("SELECT count(*) FROM sessions"), "1");
}
