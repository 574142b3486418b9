//! `vezne serve` as in production: started by root, hardened in full or not at
//! all, going on as another user. These tests need root.

use crate::harness::{Card, NOBODY, NameServer, Reply, Setup, TestApp, eventually, verify};
use serde_json::{Value, json};
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::chown;
use std::time::Duration;
use vezne::sandbox::certificates::{DevCa, LOOPBACK_NAMES};
use vezne::sandbox::magic::Behaviour;

fn hardened() -> Setup {
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    Setup::default().set("hardening", "require").served_by(NOBODY)
}

/// The lines of the log that say what was achieved, by measure.
fn findings(log: &str) -> Vec<(String, String)> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["message"] == "hardening")
        .map(|line| (text(&line, "measure"), text(&line, "outcome")))
        .collect()
}

/// A line of `/proc/PID/status`.
fn status(app: &TestApp, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", app.process().id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_hardened_window_serves_a_whole_journey() {
    let mut app = hardened().start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let read = app.session(&session).await;
    assert_eq!(read["cardToken"], app.sandbox.token_of(&Card::visa().number));
    assert!(verify(&read, &app.shop.signing_secret));
    assert_eq!(app.done(&session).await.query.get("status"), "completed");
    assert!(app.merchant.callback().await.verifies_with(&app.shop.webhook_secret));
    app.get("/readyz").await.expect(200);
    let log = app.stop();
    let measures: Vec<String> = findings(&log).into_iter().map(|(measure, _)| measure).collect();
    let expected = ["user", "core_files", "dumpable", "privileges", "memory_lock", "landlock", "seccomp"];
    assert_eq!(measures, expected, "{log}");
    assert!(!log.contains(r#""level":"warn","target":"vezne::hardening"#), "{log}");
}

#[tokio::test]
async fn a_hardened_process_has_another_user_and_no_way_back() {
    let app = hardened().start().await;
    let nobody = [NOBODY.to_string().as_str(); 4].join(" ");
    assert_eq!((status(&app, "Uid"), status(&app, "Gid")), (nobody.clone(), nobody));
    assert_eq!(status(&app, "Groups"), NOBODY.to_string());
    assert_eq!((status(&app, "NoNewPrivs"), status(&app, "Seccomp")), ("1".to_owned(), "2".to_owned()));
    // CAP_IPC_LOCK, where the limit of locked memory could not be raised.
    let memory_is_locked_by_capability = app.process().log().contains("by CAP_IPC_LOCK");
    let kept = if memory_is_locked_by_capability { "0000000000004000" } else { "0000000000000000" };
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(status(&app, set), "0000000000000000", "{set}");
    }
    for set in ["CapPrm", "CapEff"] {
        assert_eq!(status(&app, set), kept, "{set}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", app.process().id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
    assert!(!status(&app, "VmLck").starts_with("0 "), "no memory is locked");
    // Every thread, also those that were started later.
    let threads = fs::read_dir(format!("/proc/{}/task", app.process().id())).unwrap();
    let states: Vec<String> =
        threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap()).collect();
    assert!(states.len() > 2 && states.iter().all(|state| state.contains("Seccomp:\t2")));
}

#[tokio::test]
async fn a_hardened_window_takes_a_new_certificate() {
    let app = hardened().start().await;
    app.get("/livez").await.expect(200);
    // As a renewal does it: new files that take the place of the old ones.
    let ca = DevCa::open_or_create(app.directory()).unwrap();
    let leaf = ca.issue("renewed", &LOOPBACK_NAMES).unwrap();
    for file in [&leaf.certificate, &leaf.private_key] {
        chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let server = &app.config().server;
    fs::rename(&leaf.private_key, server.private_key.as_ref().unwrap()).unwrap();
    fs::rename(&leaf.certificate, server.certificate.as_ref().unwrap()).unwrap();
    let reloaded = || async { app.process().log().contains("certificate reloaded").then_some(()) };
    eventually("the new certificate", reloaded).await;
    app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_hardened_window_asks_name_servers_and_the_hosts_file() {
    let names = NameServer::start(Ipv4Addr::LOCALHOST);
    let app = hardened().set("egress.nameservers", &names.address()).start().await;
    // The provider is called by `localhost`, which the hosts file knows.
    let session = app.create_session(json!({ "callbackUrl": app.merchant.public_url() })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    assert!(app.merchant.callback().await.verifies_with(&app.shop.webhook_secret));
}

#[tokio::test]
async fn a_hardened_window_drains() {
    let mut app = hardened().set("server.shutdown_seconds", "20").stall(Duration::from_secs(2)).start().await;
    app.merchant.answers([Reply::Status(500)]);
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let submitted = app.begin_submit(&session, Card::magic(Behaviour::Stall)).await;
    eventually("the card on its way", || async { (app.sandbox_calls() == 1).then_some(()) }).await;
    let log = app.stop();
    drop(submitted);
    assert!(log.contains("draining") && log.contains("stopped"), "{log}");
    // What was answered during the drain is in the store, which the next start finds.
    app.restart();
    assert_eq!(app.status(&session).await, "completed");
}

#[tokio::test]
async fn what_is_required_and_missing_is_named_and_nothing_is_served() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    let refused = Setup::default().set("hardening", "require").refused().await;
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("user: runs as root") && said.contains("set server.user"), "{said}");
    let unknown = Setup::default().set("server.user", "no-such-user").refused().await;
    assert_eq!(unknown.status.code(), Some(4));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("there is no user \"no-such-user\""));
}
