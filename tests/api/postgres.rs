//! A window on a PostgreSQL server: hardened, and cut off from it.

use crate::harness::{Card, Database, Form, NOBODY, Postgres, Setup, TestApp, eventually, wanted};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use vezne::sandbox::magic::Behaviour;

/// A window on a server of its own, which the test may stop.
async fn start(setup: Setup) -> (TestApp, Arc<Postgres>) {
    let cluster = Arc::new(Postgres::start());
    let app = setup.in_database(Database::in_cluster(Arc::clone(&cluster))).start().await;
    (app, cluster)
}

#[tokio::test]
async fn a_window_whose_database_restarts_says_so_and_finds_it_again() {
    let (app, cluster) = start(Setup::default()).await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let page = app.open_page(&session).await;
    cluster.stop();
    let refused = app.api("POST", "/v1/sessions").json(&wanted(json!({}))).send().await.expect(503);
    assert_eq!(refused.problem(), "unavailable");
    assert!(app.get(&session.path).await.status >= 500);
    app.get("/readyz").await.expect(503);
    app.get("/livez").await.expect(200);
    cluster.start_again();
    eventually("readiness", || async { (app.get("/readyz").await.status == 200).then_some(()) }).await;
    let form = Form::filled(&page.token, &Card::visa());
    app.post(&session, form).await.expect(303);
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!(app.merchant.callback().await.kind(), "session.completed");
}

#[tokio::test]
async fn an_outcome_waits_for_a_database_that_restarts() {
    let (app, cluster) = start(Setup::default().stall(Duration::from_secs(1))).await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let submit = app.submit_card(&session, Card::magic(Behaviour::Stall));
    let restart = async {
        eventually("a claim", || async { (app.status(&session).await == "claimed").then_some(()) }).await;
        cluster.stop();
        // The provider has answered by then.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        cluster.start_again();
    };
    let (answer, ()) = tokio::join!(submit, restart);
    answer.expect(303);
    assert_eq!(app.status(&session).await, "completed");
    assert_eq!((app.sandbox_calls(), app.events().len()), (1, 1));
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced_unseen() {
    let (app, cluster) = start(Setup::default()).await;
    // Waits for their end: what a statement meets in between cannot be told apart.
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'vezne'";
    for _ in 0..5 {
        let session = app.create_session(json!({})).await;
        cluster.run("postgres", end);
        app.cancel(&session).await.expect(200);
        cluster.run("postgres", end);
        assert_eq!(app.status(&session).await, "canceled");
        cluster.run("postgres", end);
    }
}

#[tokio::test]
async fn a_hardened_window_reaches_its_database_by_port_and_by_socket() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    let hardened = || Setup::default().set("hardening", "require").served_by(NOBODY);
    let (by_socket, cluster) = start(hardened()).await;
    let other = Database::in_cluster(Arc::clone(&cluster));
    let by_port = hardened().set("store.tls", "off").in_database(other.by_address()).start().await;
    for mut app in [by_socket, by_port] {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.submit_card(&session, Card::visa()).await.expect(303);
        assert_eq!(app.merchant.callback().await.kind(), "session.completed");
        let log = app.stop();
        assert!(!log.contains(r#""level":"error""#), "{log}");
    }
}
