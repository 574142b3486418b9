//! What a serving process leaves in the audit trail.

use crate::harness::{NOBODY, Setup, TestApp, eventually};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::process::Command;
use vezne::audit::{Actor, Outcome, exported_heads};
use vezne::config::Backend;
use vezne::startup::open_store;
use vezne::trail::Trail;

/// The entries of the chain that the service's first entry is in: action, actor, outcome, count.
fn entries(app: &TestApp) -> Vec<(String, String, String, i64)> {
    let rows = app.database.read(
        "SELECT action, actor || ' ' || actor_name, outcome, count FROM audit_entries WHERE chain =
            (SELECT chain FROM audit_entries WHERE action = 'service.started' ORDER BY at DESC LIMIT 1)
         ORDER BY number",
    );
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    rows.iter().map(|row| (text(&row[0]), text(&row[1]), text(&row[2]), text(&row[3]).parse().unwrap())).collect()
}

fn actions(app: &TestApp) -> Vec<String> {
    entries(app).into_iter().map(|(action, ..)| action).collect()
}

/// `vezne audit verify` on this service's store.
fn verify(app: &TestApp, more: &[&str]) -> Value {
    let (setting, store) = app.database.setting();
    let key = app.file("master.key").to_str().unwrap().to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_vezne"))
        .args(["audit", "verify", "--json"])
        .args(more)
        .env_clear()
        .env("VEZNE_SERVER__PUBLIC_URL", "http://localhost:1")
        .env("VEZNE_SERVER__DANGER_PLAIN_HTTP", "true")
        .env("VEZNE_PROVIDER__CARD_TOKEN__TEST__URL", "https://127.0.0.1:9/")
        .env(format!("VEZNE_{}", setting.replace('.', "__").to_uppercase()), store)
        .env("VEZNE_KEYS__MASTER_KEY_FILE", key)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn start_end_and_the_use_of_keys_are_on_it() {
    let mut app = TestApp::start().await;
    eventually("the start", || async { (actions(&app) == ["chain.opened", "service.started"]).then_some(()) }).await;
    for _ in 0..3 {
        app.create_session(json!({})).await;
    }
    for _ in 0..2 {
        app.client.request("GET", "/v1/sessions").header("authorization", "Bearer x").send().await.expect(401);
    }
    app.stop();
    let entries = entries(&app);
    let named = |name: &str| entries.iter().filter(move |entry| entry.0 == name).collect::<Vec<_>>();
    let used = named("api_key.used");
    assert_eq!((used.len(), used[0].3), (1, 3), "{entries:?}");
    let merchant = app.admin.find(&app.shop.id).await.unwrap();
    let key = app.admin.overview(&merchant).await.unwrap().api_keys[0].id.to_string();
    assert_eq!(used[0].1, format!("api_key {key}"));
    let refused = named("api_key.refused");
    assert_eq!((refused.len(), refused[0].2.as_str(), refused[0].3), (1, "failed", 2));
    let last: Vec<_> = entries.iter().rev().take(2).map(|entry| entry.0.as_str()).collect();
    assert_eq!(last, ["chain.closed", "service.stopped"]);
    app.admin.close().await.unwrap();
    let report = verify(&app, &[]);
    assert_eq!((&report["findings"], &report["unclosed"]), (&json!([]), &json!([])), "{report}");
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_a_chain_that_verifies_as_unclosed() {
    let setup = Setup::default().in_a_process();
    let mut app = setup.start().await;
    app.admin.close().await.unwrap();
    eventually("a head in the log", || async { app.process().log().contains("audit head").then_some(()) }).await;
    app.create_session(json!({})).await;
    app.kill();
    let log = app.file("window.log");
    let exported = exported_heads(&std::fs::read_to_string(&log).unwrap());
    assert!(!exported.is_empty());
    let report = verify(&app, &["--heads", log.to_str().unwrap()]);
    assert_eq!(report["findings"], json!([]), "{report}");
    assert_eq!(report["unclosed"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["heads"], exported.len());
    // Its end is cut off, and the store's own record made to fit: the log tells.
    let chain = report["unclosed"][0].as_str().unwrap();
    if matches!(app.config().store.backend, Backend::Sqlite(_)) {
        app.database.batch("DROP TRIGGER audit_entries_go_by_pruning");
    }
    app.database.batch(&format!(
        "DELETE FROM audit_entries WHERE chain = '{chain}' AND number > 1;
         UPDATE audit_chains SET number = 1, hash =
            (SELECT hash FROM audit_entries WHERE chain = '{chain}' AND number = 1) WHERE id = '{chain}'"
    ));
    let report = verify(&app, &["--heads", log.to_str().unwrap()]);
    assert_eq!(report["findings"][0]["kind"], "truncated", "{report}");
}

#[tokio::test]
async fn two_windows_on_one_store_have_two_chains() {
    let app = TestApp::start().await;
    let started = || app.stored("SELECT count(DISTINCT chain) FROM audit_entries WHERE action = 'service.started'");
    let trail = Trail::start(open_store(app.config()).unwrap(), "beside");
    let task = tokio::spawn(trail.run());
    eventually("two chains", || async { (started() == 2).then_some(()) }).await;
    task.abort();
    assert_eq!(verify(&app, &[])["findings"], json!([]));
}

#[tokio::test]
async fn while_the_store_is_away_counts_add_up_and_nothing_is_lost() {
    let app = TestApp::start().await;
    let trail = Trail::start(open_store(app.config()).unwrap(), "beside");
    let database = Connection::open(app.store_file()).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    eventually("the start", || async { (!actions(&app).is_empty()).then_some(()) }).await;
    database.execute_batch(full).unwrap();
    let key = vezne::id::KeyId::generate();
    let actor = Actor::ApiKey(key.clone());
    for _ in 0..3 {
        trail.key_used(&key);
        trail.key_refused();
        trail.close().await;
        // What must not happen unrecorded is told so.
        assert!(trail.card_data_shown(actor.clone(), "digest", Outcome::Done).await.is_err());
    }
    database.execute_batch("DROP TRIGGER full").unwrap();
    trail.card_data_shown(actor, "digest", Outcome::Done).await.unwrap();
    trail.close().await;
    let rows = "SELECT action, count, subject FROM audit_entries WHERE chain =
        (SELECT chain FROM audit_entries WHERE actor_name = ?1 LIMIT 1) ORDER BY number";
    let mut rows = database.prepare(rows).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let told: Vec<(String, i64, String)> = rows.query_map([key.as_str()], row).unwrap().map(Result::unwrap).collect();
    let named = |name: &str| told.iter().filter(|entry| entry.0 == name).map(|entry| entry.1).collect::<Vec<_>>();
    assert_eq!((named("api_key.used"), named("api_key.refused")), (vec![3], vec![3]), "{told:?}");
    assert_eq!((named("service.started").len(), named("card_data.shown").len()), (1, 1));
    assert!(told.contains(&("card_data.shown".to_owned(), 1, "digest".to_owned())));
}

#[tokio::test]
async fn a_hardened_window_writes_its_trail() {
    if !rustix::process::getuid().is_root() {
        return;
    }
    let mut app = Setup::default().served_by(NOBODY).start().await;
    let log = app.stop();
    assert!(log.contains("audit head"), "{log}");
    assert_eq!(actions(&app).last().map(String::as_str), Some("chain.closed"));
}
