//! `/v1/sessions`: create, read, list, cancel.

use crate::harness::{Card, Form, TestApp, eventually, wanted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vezne::merchant::AllowList;
use vezne::sandbox::magic::Behaviour;

#[tokio::test]
async fn a_session_with_what_is_needed_gets_the_defaults() {
    let app = TestApp::start().await;
    let wanted =
        json!({ "purpose": "tokenize", "conversationId": "order-1", "returnUrl": "https://shop.example/return" });
    let answer = app.api("POST", "/v1/sessions").json(&wanted).send().await.expect(201);
    let session = answer.json();
    assert_eq!(answer.header("location"), format!("/v1/sessions/{}", session["id"].as_str().unwrap()));
    for (field, value) in [
        ("status", json!("open")),
        ("mode", json!("test")),
        ("purpose", json!("tokenize")),
        ("handoff", json!("redirect")),
        ("conversationId", json!("order-1")),
        ("returnUrl", json!("https://shop.example/return")),
        ("attempts", json!(0)),
        ("metadata", json!({})),
        ("tokenDigest", json!("")),
        ("cancelUrl", Value::Null),
        ("callbackUrl", Value::Null),
        ("locale", Value::Null),
        ("cardToken", Value::Null),
    ] {
        assert_eq!(session[field], value, "{field}");
    }
    let time = |field: &str| session[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("expiresAt").duration_since(time("createdAt")).as_secs(), 900);
    assert!(session["url"].as_str().unwrap().starts_with(&format!("{}/c/", app.origin())));
}

#[tokio::test]
async fn every_field_is_kept_and_the_url_is_given_once() {
    let app = TestApp::start().await;
    let wanted = json!({
        "purpose": "tokenize",
        "conversationId": "sipariş 42 ☕",
        "returnUrl": "https://shop.example/return?a=1",
        "cancelUrl": "https://shop.example/basket",
        "callbackUrl": app.merchant.url(),
        "handoff": "form_post",
        "embedOrigin": "https://shop.example",
        "locale": "tr",
        "expiresIn": 86400,
        "metadata": { "basket": "7", "not": "ğüşiöç" },
    });
    let created = app.api("POST", "/v1/sessions").json(&wanted).send().await.expect(201).json();
    let path = format!("/v1/sessions/{}", created["id"].as_str().unwrap());
    let read = app.api("GET", &path).send().await.expect(200).json();
    for (field, value) in wanted.as_object().unwrap().iter().filter(|(field, _)| *field != "expiresIn") {
        assert_eq!((&created[field], &read[field]), (value, value), "{field}");
    }
    assert!(read.get("url").is_none());
    assert_eq!(created["signature"], read["signature"]);
}

#[tokio::test]
async fn a_callback_port_that_is_not_open_is_refused_and_its_setting_named() {
    let app = TestApp::start().await;
    let elsewhere = "https://shop.example:8443/hook";
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.allow_list = AllowList::parse(&["https://shop.example/", "https://shop.example:8443/"]).unwrap();
    app.admin.save(&merchant).await.unwrap();
    app.create_session(json!({ "returnUrl": elsewhere })).await;
    let wanted = wanted(json!({ "callbackUrl": elsewhere }));
    let answer = app.api("POST", "/v1/sessions").json(&wanted).send().await.expect(422);
    let error = &answer.json()["errors"][0];
    assert_eq!((answer.problem().as_str(), &error["field"]), ("invalid-request", &json!("callbackUrl")));
    assert!(
        error["message"].as_str().unwrap().contains("8443")
            && error["message"].as_str().unwrap().contains("egress.ports")
    );
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_and_nothing_is_created() {
    let app = TestApp::start().await;
    let wanted = json!({
        "purpose": "tokenize",
        "conversationId": "two\nlines",
        "returnUrl": "https://evil.example/return",
        "cancelUrl": "javascript:alert(1)",
        "callbackUrl": "https://user:pass@shop.example/",
        "embedOrigin": "https://shop.example/page",
        "locale": "xx",
        "expiresIn": 0,
        "metadata": { "": "x" },
    });
    let answer = app.api("POST", "/v1/sessions").json(&wanted).send().await.expect(422);
    assert_eq!(answer.problem(), "invalid-request");
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let fields: BTreeSet<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    let expected =
        ["returnUrl", "cancelUrl", "callbackUrl", "embedOrigin", "conversationId", "locale", "expiresIn", "metadata"];
    assert_eq!(fields, BTreeSet::from(expected));
    assert!(errors.iter().all(|error| !error["message"].as_str().unwrap().is_empty()));
    let list = app.api("GET", "/v1/sessions").send().await.expect(200).json();
    assert_eq!(list, json!({ "data": [], "nextCursor": null }));
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_reason() {
    let app = TestApp::start().await;
    let good = wanted(json!({}));
    let without = |field: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let bodies = [
        (wanted(json!({ "return_url": "x" })).to_string(), "return_url"),
        (wanted(json!({ "purpose": "attach" })).to_string(), "attach"),
        (wanted(json!({ "handoff": "email" })).to_string(), "email"),
        (wanted(json!({ "expiresIn": "60" })).to_string(), "u64"),
        (wanted(json!({ "expiresIn": -1 })).to_string(), "-1"),
        (wanted(json!({ "metadata": { "a": 1 } })).to_string(), "string"),
        (without("returnUrl"), "returnUrl"),
        (without("conversationId"), "conversationId"),
        ("{".into(), "line 1"),
        (String::new(), "line 1"),
        ("[]".into(), "line 1"),
        (format!("{good}x"), "line 1"),
        (format!("{{\"purpose\":{}", "[".repeat(1000)), "line 1"),
        (r#"{"purpose":"tokenize","purpose":"tokenize"}"#.into(), "purpose"),
    ];
    for (body, hint) in bodies {
        let answer = app.api("POST", "/v1/sessions").body("application/json", body.clone()).send().await.expect(400);
        assert_eq!(answer.problem(), "malformed-body");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(hint), "{body}: {detail}");
    }
}

#[tokio::test]
async fn the_body_has_a_type_and_a_bound() {
    let app = TestApp::start().await;
    let body = wanted(json!({})).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let answer = app.api("POST", "/v1/sessions").body(kind, body.clone()).send().await.expect(415);
        assert_eq!(answer.problem(), "unsupported-media-type", "{kind}");
    }
    let answer = app.api("POST", "/v1/sessions").body("Application/JSON; charset=utf-8", body.clone()).send().await;
    answer.expect(201);
    let large = wanted(json!({ "metadata": { "a": "x".repeat(17_000) } })).to_string();
    let answer = app.api("POST", "/v1/sessions").body("application/json", large).send().await.expect(413);
    assert_eq!(answer.problem(), "payload-too-large");
    let invalid = [body.as_bytes(), b"\xff"].concat();
    app.api("POST", "/v1/sessions").body("application/json", invalid).send().await.expect(400);
}

#[tokio::test]
async fn a_card_number_in_the_wrong_place_does_not_come_back() {
    let app = TestApp::start().await;
    let number = "4603450000000000";
    let post = |body: Value| app.api("POST", "/v1/sessions").json(&body).send();
    let mut answers = vec![
        post(wanted(json!({ number: "x" }))).await,
        post(wanted(json!({ "cardNumber": number }))).await,
        post(wanted(json!({ "expiresIn": number }))).await,
        post(wanted(json!({ "expiresIn": 4_603_450_000_000_000_u64 }))).await,
        post(wanted(json!({ "purpose": number }))).await,
        post(wanted(json!({ "locale": number }))).await,
        post(wanted(json!({ "returnUrl": number }))).await,
        post(wanted(json!({ "metadata": 4_603_450_000_000_000_u64 }))).await,
        app.api("POST", "/v1/sessions").body("application/json", format!("{number}{{")).send().await,
        app.api("POST", "/v1/sessions").body(number, "{}").send().await,
        app.api_as(number, "GET", "/v1/sessions").send().await,
    ];
    for query in ["limit", "cursor", "status", "other"] {
        answers.push(app.api("GET", &format!("/v1/sessions?{query}={number}")).send().await);
    }
    for path in ["/v1/sessions/", "/problems/", "/c/", "/"] {
        answers.push(app.api("GET", &format!("{path}{number}")).send().await);
    }
    for answer in answers {
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert!(!answer.holds(number) && !answer.holds("46034500"), "{}", answer.text());
    }
}

#[tokio::test]
async fn lists_go_page_by_page_and_filter() {
    let app = TestApp::start().await;
    let mut created = Vec::new();
    for number in 0..25 {
        let conversation = if number % 5 == 0 { "repeated" } else { "once" };
        created.push(app.create_session(json!({ "conversationId": conversation })).await.id);
    }
    created.reverse();
    let list = |query: String| {
        let request = app.api("GET", &format!("/v1/sessions{query}"));
        async { request.send().await.expect(200).json() }
    };
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
    };

    assert_eq!(ids(&list(String::new()).await), created[..20], "newest first, twenty at most");
    let mut seen = Vec::new();
    let mut query = "?limit=10".to_owned();
    for size in [10, 10, 5] {
        let page = list(query).await;
        assert_eq!(ids(&page).len(), size);
        seen.extend(ids(&page));
        query = format!("?limit=10&cursor={}", page["nextCursor"].as_str().unwrap_or("end"));
    }
    assert!(query.ends_with("=end"), "the last page names no next one");
    assert_eq!(seen, created);
    assert_eq!(list("?limit=25".into()).await["nextCursor"], Value::Null);
    assert_eq!(ids(&list("?conversationId=repeated".into()).await).len(), 5);

    app.api("POST", &format!("/v1/sessions/{}/cancel", created[3])).send().await.expect(200);
    assert_eq!(ids(&list("?status=canceled".into()).await), [created[3].clone()]);
    assert_eq!(ids(&list("?status=open&limit=100".into()).await).len(), 24);
    let both = list("?status=open&conversationId=repeated&limit=3".into()).await;
    assert_eq!((ids(&both).len(), both["nextCursor"].is_string()), (3, true));

    for query in
        ["limit=0", "limit=101", "limit=x", "status=done", "cursor=!", "cursor=AAAA", "page=2", "limit=1&limit=2"]
    {
        let answer = app.api("GET", &format!("/v1/sessions?{query}")).send().await.expect(400);
        assert_eq!(answer.problem(), "invalid-query", "{query}");
    }
}

#[tokio::test]
async fn a_list_shows_a_session_whose_time_is_over_as_expired() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "expiresIn": 1 })).await;
    app.create_session(json!({})).await;
    let expired = eventually("an expired session", || async {
        let list = app.api("GET", "/v1/sessions?status=expired").send().await.expect(200).json();
        list["data"].as_array().unwrap().first().cloned()
    });
    assert_eq!(expired.await["id"], session.id);
}

#[tokio::test]
async fn a_cancel_is_final_and_can_be_repeated() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({ "callbackUrl": app.merchant.url() })).await;
    let first = app.cancel(&session).await.expect(200).json();
    assert_eq!(first["status"], "canceled");
    assert_eq!(app.cancel(&session).await.expect(200).json(), first);
    assert_eq!(app.merchant.callback().await.kind(), "session.canceled");
    assert_eq!(app.events().len(), 1, "one event, however often it is canceled");
}

#[tokio::test]
async fn what_has_ended_otherwise_cannot_be_canceled() {
    let app = TestApp::start().await;
    let completed = app.create_session(json!({})).await;
    app.submit_card(&completed, Card::visa()).await.expect(303);
    let failed = app.create_session(json!({})).await;
    for _ in 0..5 {
        app.submit_card(&failed, Card::magic(Behaviour::Refuse)).await;
    }
    let expired = app.create_session(json!({ "expiresIn": 1 })).await;
    eventually("the end", || async { (app.status(&expired).await == "expired").then_some(()) }).await;
    for (session, status) in [(&completed, "completed"), (&failed, "failed"), (&expired, "expired")] {
        let before = app.session(session).await;
        let answer = app.cancel(session).await.expect(409);
        assert_eq!(answer.problem(), "session-ended");
        assert!(answer.json()["detail"].as_str().unwrap().contains(status));
        assert_eq!(app.session(session).await, before);
    }
}

#[tokio::test]
async fn the_id_opens_nothing() {
    let app = TestApp::start().await;
    let session = app.create_session(json!({})).await;
    for path in [format!("/c/{}", session.id), format!("/c/{}", &session.id[4..]), format!("/c/{}/done", session.id)] {
        app.get(&path).await.expect(404);
    }
    let form = Form::filled("x", &Card::visa());
    app.browser_post(&format!("/c/{}", session.id), form).send().await.expect(404);
    assert!(!session.path.contains(&session.id[4..]));
}

#[tokio::test]
async fn a_hundred_are_created_at_once() {
    let app = TestApp::start().await;
    let created = futures_util::future::join_all((0..100).map(|_| app.create_session(json!({})))).await;
    let ids: BTreeSet<_> = created.iter().map(|session| &session.id).collect();
    let paths: BTreeSet<_> = created.iter().map(|session| &session.path).collect();
    assert_eq!((ids.len(), paths.len()), (100, 100));
    let list = app.api("GET", "/v1/sessions?limit=100").send().await.expect(200).json();
    assert_eq!((list["data"].as_array().unwrap().len(), &list["nextCursor"]), (100, &Value::Null));
}
