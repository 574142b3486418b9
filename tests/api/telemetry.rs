//! The private listener: health and metrics, and what they must not hold.

use crate::harness::{Card, Form, Reply, Setup, TestApp, eventually};
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeSet;
use vezne::sandbox::magic::Behaviour;

const DOCUMENT: &str = include_str!("../../docs/metrics.md");

/// What a label's value may look like, by the label; whoever adds one adds it here.
const VALUES: [(&str, &[&str]); 15] = [
    ("blocked", &["inline", "eval", "trusted_types", "local", "own", "other_origin", "extension", "other"]),
    ("directive", &["script-src-elem", "script-src", "img-src", "other"]),
    ("end", &["completed", "failed", "canceled", "expired"]),
    ("kind", &["read", "write"]),
    (
        "le",
        &[
            "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "10.0",
            "30.0", "+Inf",
        ],
    ),
    ("limit", &["api", "page", "reports"]),
    ("measure", &["user", "core_files", "dumpable", "privileges", "memory_lock", "landlock", "seccomp"]),
    ("mode", &["test", "live"]),
    ("sandbox", &["yes", "no"]),
    ("state", &["closed", "half_open", "open"]),
    ("version", &[env!("CARGO_PKG_VERSION")]),
    (
        "outcome",
        &[
            // of journeys
            "completed",
            "failed",
            "expired",
            "canceled",
            "busy",
            "declined",
            "try_again",
            "trouble",
            // of the provider
            "token",
            "refused",
            "configuration",
            "timeout",
            "connect",
            "dropped",
            "status",
            "redirect",
            "not_json",
            "too_large",
            "wrong_signature",
            "wrong_conversation_id",
            "empty_token",
            "wrong_shape",
            // of callbacks
            "delivered",
            "retry",
            "abandoned",
            "endpoint_disabled",
            "interrupted",
            // of hardening
            "achieved",
            "partial",
            "missing",
        ],
    ),
    (
        "reason",
        &[
            "",
            "status",
            "redirect",
            "timeout",
            "dropped",
            "address_refused",
            "port_refused",
            "name_not_found",
            "tls",
            "connect",
            "no_address",
            "not_allowed",
            "not_signed",
            "gone",
            "handshakes",
            "proxy_protocol",
            "invalid_field",
            "stale_form",
            "unknown_session",
            "too_many_requests",
            "not_multipart",
            "boundary",
            "too_large",
            "field_too_long",
            "too_many_fields",
            "duplicate_field",
            "unknown_field",
            "file_part",
            "not_text",
            "truncated",
            "malformed",
        ],
    ),
    (
        "route",
        &[
            "/",
            "/c/{secret}",
            "/c/{secret}/cancel",
            "/c/{secret}/done",
            "/csp",
            "/livez",
            "/openapi.json",
            "/problems/{slug}",
            "/readyz",
            "/sdk/v1/manifest.json",
            "/sdk/v1/{version}/{file}",
            "/v1/events",
            "/v1/events/test",
            "/v1/events/{id}",
            "/v1/events/{id}/redeliver",
            "/v1/sessions",
            "/v1/sessions/{id}",
            "/v1/sessions/{id}/cancel",
            "unmatched",
        ],
    ),
    (
        "status",
        &[
            "200", "201", "202", "204", "303", "400", "401", "403", "404", "405", "408", "409", "410", "413", "415",
            "422", "429", "500", "502", "503", "other",
        ],
    ),
];

fn may_be(label: &str, value: &str) -> bool {
    VALUES.iter().any(|(known, values)| *known == label && values.contains(&value))
}

/// Each line's name and labels.
fn samples(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.strip_prefix('{').map_or("", |rest| rest.rsplit_once('}').unwrap().0);
        let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once("=\"").unwrap();
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        };
        (name.to_owned(), pairs.map(pair).collect())
    };
    lines.map(sample).collect()
}

/// Every metric's name, as its type is declared.
fn families(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("{name}_total"),
            (name, _) => name.to_owned(),
        })
        .collect()
}

/// A bit of everything that can happen.
async fn live_a_little(app: &TestApp) {
    app.merchant.answers([Reply::Status(500), Reply::Hang, Reply::Redirect]);
    for behaviour in
        [Behaviour::Refuse, Behaviour::ServerError, Behaviour::RefuseEchoingCard, Behaviour::Oversized, Behaviour::Drop]
    {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.submit_card(&session, Card::magic(behaviour)).await;
        app.submit_card(&session, Card::visa()).await.expect(303);
        app.done(&session).await;
    }
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    app.post(&session, Form::new().field("formToken", &page.token).field("cardNumber", "4355093000777067")).await;
    app.post(&session, Form::new().field("4355093000777068", "4355093000777068")).await;
    app.post(&session, Form::new().field("formToken", "x")).await;
    app.cancel(&session).await.expect(200);
    app.cancel(&session).await.expect(200);
    for path in ["/", "/4355093000777068", "/problems/4355093000777068", "/c/4355093000777068", "/openapi.json"] {
        app.get(path).await;
        app.client.request("4355093000777068", path).send().await;
    }
    let report = json!([{ "type": "csp-violation", "body": {
        "documentURL": app.origin(), "effectiveDirective": "4355093000777068",
        "blockedURL": "https://evil.example/?pan=4355093000777068" } }]);
    app.client.request("POST", "/csp").body("application/reports+json", report.to_string()).send().await.expect(204);
    app.client.raw(b"NONSENSE 4355093000777068\r\n\r\n").await;
}

#[tokio::test]
async fn labels_are_from_the_list_and_no_card_is_in_any() {
    let app = TestApp::with("limits.page_per_minute", "60").set("callback.timeout_ms", "500").watched().start().await;
    live_a_little(&app).await;
    while app.get("/c/none").await.status != 429 {}
    let answer = app.telemetry("/metrics").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"));
    let samples = samples(text);
    assert!(samples.len() > 200, "{}", samples.len());
    for (name, labels) in &samples {
        for (label, value) in labels {
            assert!(may_be(label, value), "{name}: {label} = {value:?}");
        }
    }
    let whole: String = text.chars().filter(char::is_ascii_digit).collect();
    for card in [Card::visa().number, "4355093000777067".to_owned(), Card::magic(Behaviour::Refuse).number] {
        assert!(!text.contains(&card) && !whole.contains(&card[..9]), "{card}");
    }
    assert!(!text.contains(app.shop.id.as_str()) && !text.contains("evil.example") && !text.contains("shop.example"));
}

#[tokio::test]
async fn every_metric_is_documented_and_no_other() {
    // A process of its own has hardened itself, or tried to, and tells so.
    let app = Setup::default().in_a_process().watched().start().await;
    live_a_little(&app).await;
    let exported = families(app.telemetry("/metrics").await.expect(200).text());
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `vezne_")?.split('`').next());
    let documented: BTreeSet<String> = rows.map(|name| format!("vezne_{name}")).collect();
    assert_eq!(exported, documented);
}

#[tokio::test]
async fn a_journey_is_counted() {
    let app = Setup::default().watched().start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    app.submit_card(&session, Card::magic(Behaviour::Refuse)).await.expect(422);
    app.submit_card(&session, Card::visa()).await.expect(303);
    app.merchant.callback().await;
    let delivered = r#"vezne_callbacks_total{outcome="delivered",reason=""}"#;
    eventually("the delivery", || async { (app.metric(delivered).await == Some(1.0)).then_some(()) }).await;
    for (line, value) in [
        (r#"vezne_journeys_total{mode="test",outcome="declined"}"#, 1.0),
        (r#"vezne_journeys_total{mode="test",outcome="completed"}"#, 1.0),
        (r#"vezne_provider_calls_total{mode="test",outcome="token"}"#, 1.0),
        (r#"vezne_provider_calls_total{mode="test",outcome="refused"}"#, 1.0),
        (r#"vezne_provider_call_seconds_count{mode="test"}"#, 2.0),
        (r#"vezne_sessions_created_total{mode="test"}"#, 1.0),
        (r#"vezne_sessions_ended_total{end="completed"}"#, 1.0),
        (r#"vezne_http_requests_total{route="/c/{secret}",status="303"}"#, 1.0),
        (r#"vezne_http_requests_total{route="/c/{secret}",status="422"}"#, 1.0),
        ("vezne_cards_present", 0.0),
        ("vezne_outbox_pending", 0.0),
        ("vezne_outbox_oldest_due_seconds", 0.0),
        ("vezne_late_outcomes_total", 0.0),
        ("vezne_ready", 1.0),
        ("vezne_draining", 0.0),
        ("vezne_log_masked", 0.0),
    ] {
        assert_eq!(app.metric(line).await, Some(value), "{line}");
    }
    let left = app.metric("vezne_certificate_left_seconds").await.unwrap();
    assert!(left > 24.0 * 3600.0, "{left}");
    let started = app.metric("vezne_start_time_seconds").await.unwrap();
    assert!(started > 1.7e9, "{started}");
}

#[tokio::test]
async fn the_report_says_what_the_service_is_short_of() {
    let app = Setup::default().watched().start().await;
    let ready = app.telemetry("/readyz").await.expect(200).json();
    assert_eq!((&ready["status"], &ready["reasons"]), (&json!("ready"), &json!([])));
    assert_eq!((&ready["store"], &ready["draining"]), (&json!("ok"), &json!(false)));
    assert_eq!(ready["outbox"], json!({ "pending": 0, "oldestDueSeconds": 0 }));
    assert_eq!(ready["breakers"], json!({ "test": "closed" }));
    assert!(ready["certificateDaysLeft"].as_i64().unwrap() > 14);

    let other = Connection::open(app.store_file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let away = app.telemetry("/readyz").await.expect(503).json();
    assert_eq!(
        (&away["status"], &away["reasons"], &away["store"]),
        (&json!("unready"), &json!(["store"]), &json!("away"))
    );
    assert_eq!(app.metric("vezne_ready").await, Some(0.0));
    assert!(app.metric("vezne_outbox_pending").await.unwrap().is_nan(), "nobody knows");
    app.telemetry("/livez").await.expect(200);
    other.execute_batch("ROLLBACK").unwrap();
    let again = || async { (app.telemetry("/readyz").await.status == 200).then_some(()) };
    eventually("readiness", again).await;
}

#[tokio::test]
async fn callbacks_that_nobody_has_taken_are_told() {
    const EVENTS: usize = 24;
    let app = Setup::default().watched().start().await;
    // Many more than are under way to one merchant.
    app.merchant.answers([Reply::Hang; EVENTS]);
    for _ in 0..EVENTS {
        let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
        app.cancel(&session).await.expect(200);
    }
    app.merchant.received(8).await;
    let late = || async { app.metric("vezne_outbox_oldest_due_seconds").await.filter(|late| *late > 1.0) };
    eventually("a late callback", late).await;
    assert_eq!(app.metric("vezne_outbox_pending").await, Some(f64::from(u32::try_from(EVENTS).unwrap())));
    let report = app.telemetry("/readyz").await.expect(200).json();
    assert_eq!(report["outbox"]["pending"], EVENTS);
}

#[tokio::test]
async fn the_private_listener_serves_nothing_else_and_the_public_one_no_metrics() {
    let app = Setup::default().watched().start().await;
    for path in ["/", "/v1/sessions", "/c/none", "/openapi.json"] {
        app.telemetry(path).await.expect(404);
    }
    app.get("/metrics").await.expect(404);
    let public = app.get("/readyz").await.expect(200);
    assert_eq!(public.text(), "ok\n");
}
