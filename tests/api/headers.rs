//! What every answer carries, and where problems lead.

use crate::harness::{Answer, Card, Form, TestApp, wanted};
use serde_json::json;
use std::collections::BTreeSet;

/// One answer of each kind.
async fn answers(app: &TestApp) -> Vec<(&'static str, Answer)> {
    let session = app.create_session(json!({})).await;
    let page = app.open_page(&session).await;
    let bad_card = Form::filled(&page.token, &Card::new("1"));
    let mut answers = vec![
        ("form", app.get(&session.path).await),
        ("refused field", app.post(&session, bad_card).await),
        ("unreadable", app.browser_post(&session.path, Form::new()).send().await),
        ("submit", app.submit_card(&session, Card::visa()).await),
        ("done", app.get(&format!("{}/done", session.path)).await),
        ("moved on", app.get(&session.path).await),
        ("created", app.api("POST", "/v1/sessions").json(&wanted(json!({}))).send().await),
        ("read", app.api("GET", &format!("/v1/sessions/{}", session.id)).send().await),
        ("invalid", app.api("POST", "/v1/sessions").json(&wanted(json!({ "locale": "xx" }))).send().await),
        ("malformed", app.api("POST", "/v1/sessions").json(&json!([])).send().await),
        ("unauthorized", app.client.request("GET", "/v1/sessions").send().await),
    ];
    for path in ["/", "/livez", "/readyz", "/problems/not-found", "/problems/none", "/nothing", "/c/x", "/c/%ff"] {
        answers.push((path, app.get(path).await));
    }
    for (method, path) in [("PUT", "/v1/sessions"), ("DELETE", session.path.as_str()), ("POST", "/problems/internal")] {
        answers.push((method, app.client.request(method, path).send().await));
    }
    answers
}

#[tokio::test]
async fn every_answer_is_named_and_secured() {
    let app = TestApp::start().await;
    let mut ids = BTreeSet::new();
    for (what, answer) in answers(&app).await {
        let id = answer.header("vezne-request-id").to_owned();
        assert!(id.starts_with("req_") && ids.insert(id), "{what}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", if what == "/livez" { "cross-origin" } else { "same-origin" }),
            ("origin-agent-cluster", "?1"),
        ] {
            assert_eq!(answer.header(name), value, "{what}: {name}");
        }
        let csp = answer.header("content-security-policy");
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"), "{what}: {csp}");
        assert!(!csp.contains("unsafe"), "{what}: {csp}");
        let is_document = csp.contains("style-src");
        let endpoint = if is_document { "csp=\"/csp\"" } else { "" };
        assert_eq!(answer.header("reporting-endpoints"), endpoint, "{what}");
        assert_eq!(csp.contains("report-uri /csp; report-to csp"), is_document, "{what}: {csp}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{what}");
        assert!(!answer.headers.contains_key("strict-transport-security"), "{what}: loopback");
        assert!(!answer.headers.contains_key("server") && !answer.headers.contains_key("x-powered-by"), "{what}");
    }
}

#[tokio::test]
async fn answers_to_a_form_set_a_cookie_that_evicts_the_page_and_no_other_does() {
    let app = TestApp::start().await;
    for (what, answer) in answers(&app).await {
        let cookie = answer.header("set-cookie");
        let is_to_a_form = ["refused field", "unreadable", "submit"].contains(&what);
        assert_eq!(cookie.is_empty(), !is_to_a_form, "{what}: {cookie}");
        assert!(cookie.is_empty() || (cookie.contains("HttpOnly") && cookie.contains("Max-Age=1")), "{cookie}");
    }
}

#[tokio::test]
async fn every_refusal_of_the_api_is_a_problem_whose_type_leads_somewhere() {
    let app = TestApp::start().await;
    let allowed = app.api("PUT", "/v1/sessions").send().await;
    assert!(["GET, POST", "POST, GET"].contains(&allowed.header("allow")), "{allowed:?}");
    let refusals = [
        app.api("PUT", "/v1/sessions").send().await.expect(405),
        app.api("DELETE", "/v1/sessions/ses_1").send().await.expect(405),
        app.api("GET", "/v1/nothing").send().await.expect(404),
        app.api("GET", "/v1/sessions?limit=0").send().await.expect(400),
        app.api("GET", "/v1/sessions/%ff").send().await.expect(404),
        app.api("POST", "/v1/sessions").body("text/plain", "{}").send().await.expect(415),
        app.api("POST", "/v1/sessions").json(&json!([])).send().await.expect(400),
        app.client.request("GET", "/v1/sessions").send().await.expect(401),
    ];
    for answer in refusals {
        answer.problem();
        let address = answer.json()["type"].as_str().unwrap().to_owned();
        let page = app.get(address.strip_prefix(&app.origin()).unwrap()).await.expect(200);
        assert!(page.text().contains(answer.json()["title"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn every_published_problem_has_its_page() {
    let app = TestApp::start().await;
    for kind in vezne::error::KINDS {
        let page = app.get(&format!("/problems/{}", kind.slug)).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.text().contains(kind.title), "{}", kind.slug);
    }
}

#[tokio::test]
async fn a_front_door_in_public_insists_on_tls() {
    let app = TestApp::with("server.public_url", "https://pay.example").start().await;
    let answer = app.get("/livez").await.expect(200);
    assert_eq!(answer.header("strict-transport-security"), "max-age=63072000; includeSubDomains");
    let problem = app.client.request("GET", "/v1/sessions").send().await.expect(401).json();
    assert_eq!(problem["type"], "https://pay.example/problems/unauthorized");
}
