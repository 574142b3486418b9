//! Sessions as they are written, read and listed.

use crate::place::{Place, claimed, completion, merchant, overdue, read, session, wanted};
use serde_json::json;
use vezne::id::SessionId;
use vezne::merchant::{Merchant, Mode};
use vezne::session::{Session, Status};
use vezne::store::{SessionCursor, SessionQuery, SharedStore};

crate::on_each_store!(
    a_session_reads_back_as_it_was_asked_for,
    a_session_is_its_merchants_alone,
    a_list_goes_through_all_pages_once,
    a_list_stays_in_place_while_sessions_arrive,
    filters_hold_together,
);

async fn a_session_reads_back_as_it_was_asked_for(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let asked = wanted(&owner, |body| {
        body["cancelUrl"] = "https://pay.shop.example/a/cancel".into();
        body["embedOrigin"] = "https://shop.example".into();
        body["handoff"] = "message".into();
        body["locale"] = "tr".into();
        body["metadata"] = json!({ "müşteri": "Ayşe \"x\"", "b": "" });
        body["expiresIn"] = 90.into();
    });
    let secret = asked.secret;
    let created = store.create_session(asked).await.unwrap();
    let (by_secret, shop) = store.session_by_secret(secret).await.unwrap().unwrap();
    assert_eq!(format!("{by_secret:?}"), format!("{created:?}"));
    assert_eq!(format!("{:?}", read(&place.node(), &created).await), format!("{created:?}"));
    assert_eq!(shop.id, owner.id);
    assert_eq!((created.status, created.attempts, created.cancel_requested), (Status::Open, 0, false));
    assert_eq!(created.conversation_id, "sipariş-42");
    assert_eq!(created.metadata["müşteri"], "Ayşe \"x\"");
    assert_eq!(created.embed_origin.as_ref().unwrap().as_str(), "https://shop.example");
    assert_eq!(created.expires_at.as_millisecond() - created.created_at.as_millisecond(), 90_000);
    let stranger = vezne::session::SessionSecret::generate().fingerprint();
    assert!(store.session_by_secret(stranger).await.unwrap().is_none());
}

async fn a_session_is_its_merchants_alone(place: Place) {
    let store = place.node();
    let (owner, other) = (merchant(&store).await, merchant(&store).await);
    let mine = session(&store, &owner).await;
    let found = async |whose: &Merchant, mode| store.session(whose.id.clone(), mode, mine.id.clone()).await.unwrap();
    assert!(found(&owner, Mode::Test).await.is_some());
    assert!(found(&other, Mode::Test).await.is_none() && found(&owner, Mode::Live).await.is_none());
    assert!(store.session(owner.id.clone(), Mode::Test, SessionId::generate()).await.unwrap().is_none());
    assert!(list(&store, &other, |_| {}).await.0.is_empty());
}

/// A page's ids, and where the next one starts.
async fn list(
    store: &SharedStore,
    owner: &Merchant,
    change: impl FnOnce(&mut SessionQuery),
) -> (Vec<SessionId>, Option<SessionCursor>) {
    let mut query = SessionQuery {
        merchant: owner.id.clone(),
        mode: Mode::Test,
        status: None,
        conversation_id: None,
        after: None,
        limit: 100,
    };
    change(&mut query);
    let page = store.sessions(query).await.unwrap();
    (page.sessions.into_iter().map(|session| session.id).collect(), page.next)
}

async fn several(store: &SharedStore, owner: &Merchant, count: usize) -> Vec<SessionId> {
    let mut made: Vec<Session> = Vec::new();
    for _ in 0..count {
        made.push(session(store, owner).await);
    }
    made.sort_by_key(|session| (session.created_at, session.id.clone()));
    made.into_iter().rev().map(|session| session.id).collect()
}

async fn a_list_goes_through_all_pages_once(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let newest_first = several(&store, &owner, 10).await;
    for limit in [1, 3, 5, 10, 11] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = list(&store, &owner, |query| (query.after, query.limit) = (after, limit)).await;
            assert!(page.len() <= limit as usize);
            seen.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, newest_first, "{limit} a page");
    }
}

async fn a_list_stays_in_place_while_sessions_arrive(place: Place) {
    let (store, other) = (place.node(), place.node());
    let owner = merchant(&store).await;
    let newest_first = several(&store, &owner, 6).await;
    let (mut seen, mut after) = list(&store, &owner, |query| query.limit = 2).await;
    while after.is_some() {
        session(&other, &owner).await;
        let (page, next) = list(&store, &owner, |query| (query.after, query.limit) = (after, 2)).await;
        seen.extend(page);
        after = next;
    }
    assert_eq!(seen, newest_first);
}

async fn filters_hold_together(place: Place) {
    let store = place.node();
    let owner = merchant(&store).await;
    let of = async |reference: &str| {
        store.create_session(wanted(&owner, |body| body["conversationId"] = reference.into())).await.unwrap()
    };
    let (open, done, other) = (of("a").await, of("a").await, of("b").await);
    let claim = claimed(&store, &done.id, crate::place::LONG).await;
    store.complete(&claim, &completion("token")).await.unwrap();
    let with = async |status: Option<Status>, reference: Option<&str>| {
        let reference = reference.map(str::to_owned);
        list(&store, &owner, |query| (query.status, query.conversation_id) = (status, reference)).await.0
    };
    assert_eq!(with(Some(Status::Completed), None).await, std::slice::from_ref(&done.id));
    assert_eq!(with(Some(Status::Open), Some("a")).await, std::slice::from_ref(&open.id));
    assert_eq!(with(None, Some("a")).await.len(), 2);
    assert_eq!(with(Some(Status::Failed), Some("a")).await, []);
    assert_eq!(with(Some(Status::Open), None).await.len(), 2);
    // One whose time is over is not open any more, swept or not.
    let late = overdue(&store, &owner).await;
    assert!(!with(Some(Status::Open), None).await.contains(&late.id));
    store.expire_sessions(10).await.unwrap();
    assert_eq!(with(Some(Status::Expired), None).await, [late.id]);
    assert!(with(None, None).await.contains(&other.id));
}
