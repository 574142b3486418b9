//! What becomes of a session: claims that race, leases that end, commits that
//! come too late, cancels and the end of its time.

use crate::place::{
    LONG, Place, SHORT, claimed, completion, eventually, merchant, overdue, read, sealed, session, until_open, wanted,
};
use futures_util::future::join_all;
use std::time::Duration;
use vezne::session::{NewSession, Release, Session, Status};
use vezne::store::{CancelOutcome, ClaimOutcome, CommitOutcome, SharedStore};

crate::on_each_store!(
    of_fifty_claims_on_two_nodes_one_wins,
    a_token_ends_a_session_once,
    a_commit_whose_answer_was_lost_may_be_repeated,
    the_end_of_a_lease_gives_the_session_back,
    a_commit_after_its_lease_is_dropped_and_counted,
    an_older_claim_commits_nothing,
    five_refusals_fail_a_session,
    twenty_claims_fail_a_session,
    a_cancel_ends_an_open_session_once,
    a_cancel_during_a_claim_waits_for_it,
    a_token_comes_before_a_cancel,
    a_cancel_after_a_lost_claim_is_final,
    time_ends_open_sessions_with_an_event_each,
    time_waits_for_a_claim,
    sweeps_on_two_nodes_end_each_session_once,
    an_ended_session_is_claimed_by_nobody,
);

fn refusal() -> Release {
    Release::Refused { provider_code: "0042".to_owned() }
}

fn events_of(place: &Place, session: &Session) -> String {
    place.sql(&format!("SELECT kind FROM events WHERE session_id = '{}' ORDER BY id", session.id))
}

fn status(outcome: CommitOutcome) -> Status {
    match outcome {
        CommitOutcome::Committed(session) => session.status,
        CommitOutcome::Late => panic!("late"),
    }
}

async fn of_fifty_claims_on_two_nodes_one_wins(place: Place) {
    let nodes = [place.node(), place.node()];
    let owner = merchant(&nodes[0]).await;
    let session = session(&nodes[0], &owner).await;
    let claims = (0..50).map(|number| nodes[number % 2].claim(session.id.clone(), LONG));
    let mut granted = 0;
    for outcome in join_all(claims).await {
        match outcome.unwrap() {
            ClaimOutcome::Claimed(claim) => {
                assert_eq!((claim.fence(), claim.session().status), (1, Status::Claimed));
                granted += 1;
            }
            ClaimOutcome::Busy => {}
            ClaimOutcome::Ended(_) => panic!("it has not ended"),
        }
    }
    assert_eq!(granted, 1);
    assert_eq!(read(&nodes[1], &session).await.status, Status::Claimed);
}

async fn a_token_ends_a_session_once(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let session = session(&store, &owner).await;
    let claim = claimed(&store, &session.id, LONG).await;
    assert_eq!(status(store.complete(&claim, &completion("token")).await.unwrap()), Status::Completed);
    assert!(matches!(store.complete(&claim, &completion("other")).await.unwrap(), CommitOutcome::Late));
    let read = read(&place.node(), &session).await;
    assert_eq!((read.status, read.card_token), (Status::Completed, Some(sealed("token"))));
    assert_eq!(read.card.unwrap().last_four(), "7068");
    assert!(read.ended_at.unwrap() >= session.created_at);
    assert_eq!(events_of(&place, &session), "session.completed");
    // Without an address there is nobody to tell, and the event is there to be asked for.
    let quiet = wanted(&owner, |body| body["callbackUrl"] = serde_json::Value::Null);
    let quiet = store.create_session(quiet).await.unwrap();
    store.complete(&claimed(&store, &quiet.id, LONG).await, &completion("token")).await.unwrap();
    assert_eq!(events_of(&place, &quiet), "session.completed");
}

async fn a_commit_whose_answer_was_lost_may_be_repeated(place: Place) {
    let (store, other) = (place.node(), place.node());
    let owner = merchant(&store).await;
    let (completed, refused, failed) =
        (session(&store, &owner).await, session(&store, &owner).await, session(&store, &owner).await);
    let claim = claimed(&store, &completed.id, LONG).await;
    let released = claimed(&store, &refused.id, LONG).await;
    for node in [&store, &other] {
        assert_eq!(status(node.complete(&claim, &completion("token")).await.unwrap()), Status::Completed);
        assert_eq!(status(node.release(&released, &refusal()).await.unwrap()), Status::Open);
    }
    for _ in 1..Session::MAX_ATTEMPTS {
        store.release(&claimed(&store, &failed.id, LONG).await, &refusal()).await.unwrap();
    }
    let last = claimed(&store, &failed.id, LONG).await;
    for node in [&store, &other] {
        assert_eq!(status(node.release(&last, &refusal()).await.unwrap()), Status::Failed);
    }
    assert_eq!(read(&store, &refused).await.attempts, 1);
    assert_eq!(place.sql("SELECT SUM(late_outcomes) FROM sessions"), "0");
    assert_eq!(events_of(&place, &completed), "session.completed");
    assert_eq!(events_of(&place, &failed), "session.failed");
    // Somebody else's claim in between makes it a late one.
    let next = claimed(&store, &refused.id, LONG).await;
    assert!(matches!(store.release(&released, &refusal()).await.unwrap(), CommitOutcome::Late));
    assert_eq!(status(store.release(&next, &Release::Unharmed).await.unwrap()), Status::Open);
}

async fn the_end_of_a_lease_gives_the_session_back(place: Place) {
    let store = place.node();
    let session = session(&store, &merchant(&store).await).await;
    let first = claimed(&store, &session.id, SHORT).await;
    until_open(&store, &session).await;
    let second = claimed(&place.node(), &session.id, LONG).await;
    assert_eq!((first.fence(), second.fence()), (1, 2));
}

async fn a_commit_after_its_lease_is_dropped_and_counted(place: Place) {
    let store = place.node();
    let session = session(&store, &merchant(&store).await).await;
    let claim = claimed(&store, &session.id, SHORT).await;
    until_open(&store, &session).await;
    assert!(matches!(store.complete(&claim, &completion("late")).await.unwrap(), CommitOutcome::Late));
    assert!(matches!(store.release(&claim, &refusal()).await.unwrap(), CommitOutcome::Late));
    let read = read(&store, &session).await;
    assert_eq!((read.status, read.attempts, read.card_token), (Status::Open, 0, None));
    let counted = place.sql(&format!("SELECT late_outcomes FROM sessions WHERE id = '{}'", session.id));
    assert_eq!(counted, "2");
    assert_eq!(events_of(&place, &session), "");
}

async fn an_older_claim_commits_nothing(place: Place) {
    let (store, other) = (place.node(), place.node());
    let session = session(&store, &merchant(&store).await).await;
    let old = claimed(&store, &session.id, SHORT).await;
    until_open(&store, &session).await;
    let new = claimed(&other, &session.id, LONG).await;
    assert!(matches!(store.complete(&old, &completion("old")).await.unwrap(), CommitOutcome::Late));
    assert!(matches!(store.release(&old, &Release::Unharmed).await.unwrap(), CommitOutcome::Late));
    assert_eq!(status(other.complete(&new, &completion("new")).await.unwrap()), Status::Completed);
    assert_eq!(read(&store, &session).await.card_token, Some(sealed("new")));
    assert_eq!(events_of(&place, &session), "session.completed");
}

async fn five_refusals_fail_a_session(place: Place) {
    let store = place.node();
    let session = session(&store, &merchant(&store).await).await;
    for attempt in 1..=Session::MAX_ATTEMPTS {
        let claim = claimed(&store, &session.id, LONG).await;
        let ends = attempt == Session::MAX_ATTEMPTS;
        let expected = if ends { Status::Failed } else { Status::Open };
        assert_eq!(status(store.release(&claim, &refusal()).await.unwrap()), expected);
    }
    let read = read(&store, &session).await;
    let failure = read.failure.unwrap();
    assert_eq!((failure.reason.as_str(), failure.provider_code.as_deref()), ("too_many_refusals", Some("0042")));
    assert!(read.ended_at.is_some());
    assert_eq!(events_of(&place, &session), "session.failed");
}

async fn twenty_claims_fail_a_session(place: Place) {
    let store = place.node();
    let session = session(&store, &merchant(&store).await).await;
    for _ in 1..Session::MAX_CLAIMS {
        let claim = claimed(&store, &session.id, LONG).await;
        assert_eq!(status(store.release(&claim, &Release::Unharmed).await.unwrap()), Status::Open);
    }
    let last = claimed(&store, &session.id, LONG).await;
    assert_eq!(status(store.release(&last, &Release::Unharmed).await.unwrap()), Status::Failed);
    assert_eq!(read(&store, &session).await.failure.unwrap().reason, "too_many_claims");
}

async fn a_cancel_ends_an_open_session_once(place: Place) {
    let nodes = [place.node(), place.node()];
    let session = session(&nodes[0], &merchant(&nodes[0]).await).await;
    for outcome in join_all((0..10).map(|number| nodes[number % 2].cancel(session.id.clone()))).await {
        let CancelOutcome::Ended(session) = outcome.unwrap() else { panic!("nobody had claimed it") };
        assert_eq!(session.status, Status::Canceled);
    }
    assert_eq!(events_of(&place, &session), "session.canceled");
}

async fn a_cancel_during_a_claim_waits_for_it(place: Place) {
    let (store, other) = (place.node(), place.node());
    let session = session(&store, &merchant(&store).await).await;
    let claim = claimed(&store, &session.id, LONG).await;
    for _ in 0..2 {
        let CancelOutcome::Requested(waits) = other.cancel(session.id.clone()).await.unwrap() else { panic!("ended") };
        assert_eq!((waits.status, waits.cancel_requested), (Status::Claimed, true));
    }
    assert_eq!(other.expire_sessions(10).await.unwrap(), 0, "the claim is awaited");
    assert_eq!(status(store.release(&claim, &Release::Unharmed).await.unwrap()), Status::Canceled);
    assert_eq!(events_of(&place, &session), "session.canceled");
}

async fn a_token_comes_before_a_cancel(place: Place) {
    let store = place.node();
    let session = session(&store, &merchant(&store).await).await;
    let claim = claimed(&store, &session.id, LONG).await;
    assert!(matches!(store.cancel(session.id.clone()).await.unwrap(), CancelOutcome::Requested(_)));
    assert_eq!(status(store.complete(&claim, &completion("token")).await.unwrap()), Status::Completed);
    let CancelOutcome::Ended(ended) = store.cancel(session.id.clone()).await.unwrap() else { panic!("it has ended") };
    assert_eq!(ended.status, Status::Completed);
    assert_eq!(events_of(&place, &session), "session.completed");
}

async fn a_cancel_after_a_lost_claim_is_final(place: Place) {
    let store = place.node();
    let session = session(&store, &merchant(&store).await).await;
    let claim = claimed(&store, &session.id, SHORT).await;
    assert!(matches!(store.cancel(session.id.clone()).await.unwrap(), CancelOutcome::Requested(_)));
    eventually("the end of the lease", || async { swept(&store).await }).await;
    assert!(matches!(store.release(&claim, &Release::Unharmed).await.unwrap(), CommitOutcome::Late));
    assert!(matches!(store.complete(&claim, &completion("late")).await.unwrap(), CommitOutcome::Late));
    assert_eq!(read(&store, &session).await.status, Status::Canceled);
    assert_eq!(events_of(&place, &session), "session.canceled");
}

async fn swept(store: &SharedStore) -> Option<()> {
    (store.expire_sessions(10).await.unwrap() == 1).then_some(())
}

async fn time_ends_open_sessions_with_an_event_each(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(overdue(&store, &owner).await);
    }
    let stays = session(&store, &owner).await;
    assert_eq!(store.expire_sessions(3).await.unwrap(), 3);
    assert_eq!(store.expire_sessions(3).await.unwrap(), 2);
    assert_eq!(store.expire_sessions(3).await.unwrap(), 0);
    for session in &sessions {
        let read = read(&store, session).await;
        assert_eq!((read.status, read.ended_at), (Status::Expired, Some(session.expires_at)));
        assert_eq!(events_of(&place, session), "session.expired");
    }
    assert_eq!(read(&store, &stays).await.status, Status::Open);
}

async fn time_waits_for_a_claim(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let short = NewSession { life: Duration::from_secs(1), ..wanted(&owner, |_| {}) };
    let session = store.create_session(short).await.unwrap();
    let claim = claimed(&store, &session.id, LONG).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(store.expire_sessions(10).await.unwrap(), 0);
    assert_eq!(read(&store, &session).await.status, Status::Claimed);
    assert_eq!(status(store.complete(&claim, &completion("token")).await.unwrap()), Status::Completed);
    let read = read(&store, &session).await;
    assert!(read.ended_at.unwrap() > read.expires_at);
}

async fn sweeps_on_two_nodes_end_each_session_once(place: Place) {
    let nodes = [place.node(), place.node()];
    let owner = merchant(&nodes[0]).await;
    for _ in 0..40 {
        let due = NewSession { life: Duration::ZERO, ..wanted(&owner, |_| {}) };
        nodes[0].create_session(due).await.unwrap();
    }
    overdue(&nodes[0], &owner).await;
    let mut ended = 0;
    while ended < 41 {
        let sweeps = join_all((0..6).map(|number| nodes[number % 2].expire_sessions(7))).await;
        ended += sweeps.into_iter().map(Result::unwrap).sum::<u32>();
    }
    assert_eq!(ended, 41);
    assert_eq!(place.sql("SELECT COUNT(*), COUNT(DISTINCT session_id) FROM events"), "41|41");
}

async fn an_ended_session_is_claimed_by_nobody(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let completed = session(&store, &owner).await;
    store.complete(&claimed(&store, &completed.id, LONG).await, &completion("token")).await.unwrap();
    let canceled = session(&store, &owner).await;
    store.cancel(canceled.id.clone()).await.unwrap();
    let unswept = overdue(&store, &owner).await;
    for (session, expected) in
        [(completed, Status::Completed), (canceled, Status::Canceled), (unswept, Status::Expired)]
    {
        let ClaimOutcome::Ended(found) = store.claim(session.id.clone(), LONG).await.unwrap() else {
            panic!("{expected:?} was claimed");
        };
        assert_eq!(found.status, expected);
    }
}
