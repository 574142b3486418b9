//! What is old goes, in the right order, and nothing else does.

use crate::harness::{Reply, Session, TestApp, eventually};
use serde_json::json;

const DAY: i64 = 24 * 3600 * 1000;

/// Moves a session and its events so many days into the past.
fn age(app: &TestApp, session: &Session, days: i64) {
    let (past, id) = (days * DAY, &session.id);
    app.alter(&format!("UPDATE sessions SET ended_at = ended_at - {past} WHERE id = '{id}'"));
    app.alter(&format!(
        "UPDATE events SET created_at = created_at - {past}, scheduled_at = scheduled_at - {past},
            settled_at = settled_at - {past} WHERE session_id = '{id}'"
    ));
}

fn is_there(app: &TestApp, table: &str, column: &str, session: &Session) -> bool {
    app.stored(&format!("SELECT COUNT(*) FROM {table} WHERE {column} = '{}'", session.id)) > 0
}

#[tokio::test]
async fn what_is_old_goes_and_what_waits_stays() {
    let mut app = TestApp::with("callback.retry_seconds", "3600").start().await;
    let own = app.merchant.url();
    let told = [app.ended(&own).await, app.ended(&own).await, app.ended(&own).await];
    for session in &told {
        app.event_once(session, "delivered").await;
    }
    let [old, young, redelivered] = &told;
    app.merchant.answers_at("/hook/away", Some(Reply::Status(404)));
    let away = format!("{own}/away");
    let (waiting, too_long) = (app.ended(&away).await, app.ended(&away).await);
    eventually("two attempts", || async { (app.stored("SELECT SUM(failures) FROM events") == 2).then_some(()) }).await;
    let unheard = app.create_session(json!({})).await;
    app.cancel(&unheard).await.expect(200);
    let open = app.create_session(json!({})).await;
    for (session, days) in [(old, 31), (young, 29), (redelivered, 31), (&waiting, 29), (&too_long, 31), (&unheard, 31)]
    {
        age(&app, session, days);
    }
    // Its session is old, its latest delivery is not.
    app.alter(&format!(
        "UPDATE events SET settled_at = settled_at + 5 * {DAY} WHERE session_id = '{}'",
        redelivered.id
    ));
    // It ended long ago, and its callback waits.
    app.alter(&format!("UPDATE sessions SET ended_at = ended_at - 9 * {DAY} WHERE id = '{}'", waiting.id));

    app.restart();

    let gone = |session: &Session| {
        !is_there(&app, "sessions", "id", session) && !is_there(&app, "events", "session_id", session)
    };
    eventually("the removal", || async { (gone(old) && gone(&unheard)).then_some(()) }).await;
    app.api("GET", &format!("/v1/sessions/{}", old.id)).send().await.expect(404);
    app.get(&old.path).await.expect(404);
    // They waited as long as events are kept; from now on they are kept as given up.
    let event = app.event_once(&too_long, "abandoned").await;
    assert_eq!(event["lastReason"], "waited_too_long");
    assert_eq!(app.event_once(&waiting, "pending").await["attemptCount"], 1);
    for session in [young, redelivered, &waiting, &too_long, &open] {
        app.session(session).await;
    }
    assert_eq!(app.listed("").await.len(), 4);
    let orphans = "SELECT COUNT(*) FROM delivery_attempts WHERE event_id NOT IN (SELECT id FROM events)";
    assert_eq!(app.stored(orphans), 0);
}

#[tokio::test]
async fn many_go_in_small_batches_past_those_that_stay() {
    let mut app = TestApp::start().await;
    for _ in 0..140 {
        let session = app.create_session(json!({})).await;
        app.cancel(&session).await.expect(200);
    }
    let past = 40 * DAY;
    app.alter(&format!("UPDATE sessions SET ended_at = ended_at - {past}"));
    app.alter(&format!("UPDATE events SET settled_at = settled_at - {past}"));
    // More than a batch of the oldest wait.
    app.alter(
        "UPDATE events SET state = 'pending', settled_at = NULL WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 110)",
    );
    app.restart();
    eventually("the removal", || async { (app.stored("SELECT COUNT(*) FROM sessions") == 110).then_some(()) }).await;
    assert_eq!(app.stored("SELECT COUNT(*) FROM events"), 110);
    assert_eq!(app.stored("SELECT COUNT(*) FROM events WHERE state = 'pending'"), 110);
}
