//! The hand-offs by posted form and by message, and who may have the page in a frame.

use crate::harness::{Answer, Card, Query, Session, TestApp, eventually, verify, wanted};
use serde_json::{Map, Value, json};
use vezne::merchant::{AllowList, Mode};

const SHOP: &str = "https://shop.example";

/// The text between two others, at its first place.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

/// The fields of the form that posts itself, unescaped as far as results need it.
fn posted(answer: &Answer) -> Value {
    let form = between(answer.text(), r#"<form id="post""#, "</form>").expect("a form");
    let field = |input: &str| {
        let attribute = |name: &str| between(input, &format!("{name}=\""), "\"").unwrap().replace("&#38;", "&");
        (attribute("name"), Value::from(attribute("value")))
    };
    Value::Object(form.split("<input").skip(1).map(field).collect::<Map<_, _>>())
}

/// What the document knows of its frame.
fn frame(answer: &Answer) -> Value {
    let data = between(answer.text(), r#"<script type="application/json" id="frame">"#, "</script>").expect("a frame");
    serde_json::from_str(data).unwrap()
}

fn policy<'a>(answer: &'a Answer, directive: &str) -> &'a str {
    let policy = answer.header("content-security-policy");
    let found = policy.split("; ").find_map(|part| part.strip_prefix(directive));
    found.unwrap_or_else(|| panic!("no {directive} in {policy}")).trim()
}

async fn done(app: &TestApp, session: &Session) -> Answer {
    app.get(&format!("{}/done", session.path)).await
}

#[tokio::test]
async fn a_form_brings_the_signed_result_and_the_token_to_the_shops_origin_alone() {
    let app = TestApp::start().await;
    let wishes = json!({ "handoff": "form_post", "returnUrl": "https://shop.example/return?a=1&b=2" });
    let session = app.create_session(wishes).await;
    let answer = app.submit_card(&session, Card::visa()).await.expect(303);
    assert_eq!(answer.header("location"), format!("{}/done", session.path));

    let page = done(&app, &session).await.expect(200);
    let result = posted(&page);
    assert!(verify(&result, &app.shop.signing_secret), "{result}");
    let known = app.session(&session).await;
    let names = ["session", "status", "conversationId", "timestamp", "tokenDigest", "signature", "cardToken"];
    assert_eq!(result.as_object().unwrap().len(), names.len());
    for name in names {
        assert_eq!(result[name], known[name], "{name}");
    }
    assert!(page.text().contains(r#"action="https://shop.example/return?a=1&#38;b=2""#), "{}", page.text());
    assert_eq!(policy(&page, "form-action"), SHOP);
    assert_eq!(policy(&page, "frame-ancestors"), "'none'");
    assert_eq!(page.header("referrer-policy"), "strict-origin");
    assert_eq!((page.header("refresh"), page.header("cache-control")), ("", "no-store"));
    assert!(page.text().contains("<button") && !page.holds("4355093000777068"));
    assert_eq!(posted(&done(&app, &session).await), result, "as often as it is asked for");
}

#[tokio::test]
async fn a_script_that_sent_the_card_is_led_to_the_form() {
    let app = TestApp::start().await;
    for (wishes, next) in [
        (json!({ "handoff": "form_post" }), None),
        (json!({ "handoff": "message", "embedOrigin": SHOP }), None),
        (json!({ "embedOrigin": SHOP }), Some("https://shop.example/return?session=")),
    ] {
        let session = app.create_session(wishes).await;
        let answer = app.submit_by_script(&session, Card::visa()).await.expect(200).json();
        assert_eq!(answer["outcome"], "done");
        let ours = format!("{}/done", session.path);
        assert!(answer["next"].as_str().unwrap().starts_with(next.unwrap_or(&ours)), "{answer}");
    }
}

#[tokio::test]
async fn what_ended_without_a_token_is_posted_to_the_cancel_address() {
    let app = TestApp::start().await;
    let wishes = json!({ "handoff": "form_post", "cancelUrl": "https://shop.example/basket", "expiresIn": 1 });
    let expired = app.create_session(wishes.clone()).await;
    let canceled =
        app.create_session(json!({ "handoff": "form_post", "cancelUrl": "https://shop.example/basket" })).await;
    app.cancel_on_page(&canceled).await.expect(303);
    eventually("the end", || async { (app.status(&expired).await == "expired").then_some(()) }).await;
    for (session, status) in [(&canceled, "canceled"), (&expired, "expired")] {
        let page = done(&app, session).await.expect(200);
        let result = posted(&page);
        assert_eq!((&result["status"], &result["cardToken"]), (&json!(status), &Value::Null));
        assert!(verify(&result, &app.shop.signing_secret));
        assert!(page.text().contains(r#"action="https://shop.example/basket""#));
        // A page that says so leads to the form, not around it.
        let said = app.get(&session.path).await.expect(410);
        assert!(said.text().contains(&format!(r#"href="{}{}/done""#, app.origin(), session.path)), "{}", said.text());
        assert!(!said.text().contains("signature"));
    }
}

#[tokio::test]
async fn a_message_is_for_the_embedding_origin_and_has_what_every_hand_off_has() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "handoff": "message", "embedOrigin": SHOP })).await;
    let form = app.open_page(&session).await.answer;
    assert_eq!(frame(&form), json!({ "origin": SHOP, "reports": true }));
    assert_eq!(policy(&form, "frame-ancestors"), SHOP);
    assert_eq!(policy(&form, "form-action"), "'self'");
    app.submit_card(&session, Card::visa()).await.expect(303);

    let page = done(&app, &session).await.expect(200);
    assert_eq!((policy(&page, "frame-ancestors"), page.header("refresh")), (SHOP, ""));
    let result = frame(&page)["result"].clone();
    assert!(verify(&result, &app.shop.signing_secret), "{result}");
    let known = app.session(&session).await;
    assert_eq!((&result["cardToken"], &result["session"]), (&known["cardToken"], &known["id"]));
    // The way on, for a browser without scripts: by the top window.
    let link = between(page.text(), r#"<a class="button" href=""#, "</a>").unwrap();
    assert!(link.contains(r#"target="_top""#));
    let query = Query::of(&link.split('"').next().unwrap().replace("&#38;", "&"));
    assert!(verify(&query.json(), &app.shop.signing_secret) && !query.has("cardToken"));
}

#[tokio::test]
async fn an_ended_session_tells_its_result_and_an_open_one_tells_none() {
    let app = TestApp::start().await;
    let wishes = json!({ "handoff": "message", "embedOrigin": SHOP });
    let session = app.create_session(wishes.clone()).await;
    app.cancel_on_page(&session).await.expect(303);
    for answer in [done(&app, &session).await.expect(200), app.get(&session.path).await.expect(410)] {
        assert_eq!(frame(&answer)["result"]["status"], "canceled");
        assert_eq!(policy(&answer, "frame-ancestors"), SHOP);
    }
    let redirect = app.create_session(json!({ "embedOrigin": SHOP })).await;
    app.submit_card(&redirect, Card::visa()).await.expect(303);
    let page = done(&app, &redirect).await.expect(200);
    assert_eq!(frame(&page), json!({ "origin": SHOP, "reports": false }), "a redirect's result is not for the frame");
    assert_eq!(page.header("refresh"), "", "the frame itself must not go to the shop");
    assert!(page.text().contains(r#"target="_top""#));
}

#[tokio::test]
async fn without_an_embedding_origin_no_page_may_be_framed() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    let form = app.open_page(&session).await.answer;
    app.submit_card(&session, Card::visa()).await.expect(303);
    for answer in [form, done(&app, &session).await, app.get("/c/nothing").await] {
        assert_eq!(policy(&answer, "frame-ancestors"), "'none'");
        assert!(!answer.text().contains(r#"id="frame""#));
    }
}

#[tokio::test]
async fn an_embedding_origin_is_an_origin_of_the_allow_list() {
    let app = TestApp::start().await;
    for origin in [
        "",
        "*",
        "null",
        "shop.example",
        "https://shop.example/",
        "https://shop.example/pay",
        "https://shop.example?a",
        "https://*.shop.example",
        "https://*",
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://shop.example:8443",
        "https://user@shop.example",
        "http://shop.example",
        "javascript:alert(1)",
        "https://shop.example; script-src *",
    ] {
        for handoff in ["message", "redirect"] {
            let body = wanted(json!({ "handoff": handoff, "embedOrigin": origin }));
            let answer = app.api("POST", "/v1/sessions").json(&body).send().await.expect(422).json();
            assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{origin}: {answer}");
            assert_eq!(answer["errors"][0]["field"], "embedOrigin", "{origin}");
        }
    }
    let missing = wanted(json!({ "handoff": "message" }));
    let answer = app.api("POST", "/v1/sessions").json(&missing).send().await.expect(422).json();
    assert_eq!(answer["errors"][0]["field"], "embedOrigin");
    let body = wanted(json!({ "handoff": "message", "embedOrigin": SHOP }));
    let created = app.api("POST", "/v1/sessions").json(&body).send().await.expect(201).json();
    assert_eq!((&created["handoff"], &created["embedOrigin"]), (&json!("message"), &json!(SHOP)));
}

#[tokio::test]
async fn plain_http_embeds_in_test_mode_only() {
    let list = AllowList::parse(&["http://localhost:8080"]).unwrap();
    assert!(list.check_origin("http://localhost:8080", Mode::Test).is_ok());
    assert!(list.check_origin("http://localhost:8080", Mode::Live).is_err());
}

#[tokio::test]
async fn an_origin_that_was_taken_off_the_list_frames_nothing_and_hears_nothing() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "handoff": "message", "embedOrigin": SHOP })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    // The return URL still is on it, the origin as a whole is not.
    merchant.allow_list = AllowList::parse(&["https://shop.example/return"]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    let page = done(&app, &session).await.expect(500);
    assert_eq!(policy(&page, "frame-ancestors"), "'none'");
    assert!(!page.text().contains("signature"));
}

#[tokio::test]
async fn the_sdk_never_changes_and_may_be_loaded_from_anywhere() {
    let app = TestApp::start().await;
    let manifest = app.get("/sdk/v1/manifest.json").await.expect(200);
    assert_eq!(manifest.header("access-control-allow-origin"), "*");
    assert_eq!(manifest.header("cache-control"), "no-cache");
    let manifest = manifest.json();
    let files = manifest["versions"][manifest["latest"].as_str().unwrap()].as_object().unwrap().clone();
    let kinds = [("vezne.js", "text/javascript"), ("vezne.mjs", "text/javascript"), ("vezne.d.ts", "text/plain")];
    assert_eq!(files.len(), kinds.len());
    for (name, kind) in kinds {
        let url = files[name]["url"].as_str().unwrap();
        let file = app.get(url.strip_prefix(&app.origin()).unwrap()).await.expect(200);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, &file.body);
        let integrity = format!("sha384-{}", data_encoding::BASE64.encode(hash.as_ref()));
        assert_eq!(files[name]["integrity"], integrity, "{name}");
        assert!(file.header("content-type").starts_with(kind), "{name}");
        for (header, value) in [
            ("cache-control", "public, max-age=31536000, immutable"),
            ("access-control-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(file.header(header), value, "{name}");
        }
        assert!(!file.headers.contains_key("set-cookie"));
    }
    for path in ["/sdk/v1/0.0.0/vezne.js", "/sdk/v1/latest/vezne.js", "/sdk/v1/none", "/sdk/vezne.js"] {
        assert_eq!(app.get(path).await.expect(404).problem(), "not-found", "{path}");
    }
}
