//! `/v1/saved-cards` against the sandbox's CardWall: the merchant's back office
//! lists, saves and deletes.

use crate::harness::{Answer, Setup, TestApp, keep_log, logged};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use vezne::hardening::SecretText;
use vezne::merchant::Mode;

const PATH: &str = "/v1/saved-cards";
const IDENTITY: &str = "10000000146";

/// What a back office saves for a customer.
fn card(customer: &str) -> Value {
    json!({
        "relationalId1": customer, "nickname": "Yüksek limitli kartım :)", "holderName": "Şule Çağ",
        "bin": "43550930", "lastFour": "7068", "identity": IDENTITY, "expireMonth": 11, "expireYear": 2040,
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

async fn save(app: &TestApp, body: &Value) -> Answer {
    app.api("POST", PATH).json(body).send().await
}

async fn list(app: &TestApp, query: &str) -> Answer {
    app.api("GET", &format!("{PATH}?{query}")).send().await
}

/// A customer's insurance cards.
async fn cards(app: &TestApp, customer: &str) -> Vec<Value> {
    let answer = list(app, &format!("relationalId1={customer}&scope=insurance")).await.expect(200);
    answer.json()["data"].as_array().unwrap().clone()
}

async fn delete(app: &TestApp, customer: &str, code: &str) -> Answer {
    let body = json!({ "relationalId1": customer, "scope": "insurance", "uniqueCode": code });
    app.api("DELETE", PATH).json(&body).send().await
}

fn code_of(card: &Value) -> String {
    card["uniqueCode"].as_str().unwrap().to_owned()
}

/// The fields that a problem names.
fn fields(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-request"), "{}", answer.text());
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_card_is_saved_listed_masked_and_deleted() {
    let app = TestApp::start().await;
    let saved = save(&app, &card("c-1")).await.expect(201).json();
    let listed = cards(&app, "c-1").await;
    let expected = json!({
        "uniqueCode": listed[0]["uniqueCode"], "scope": "insurance", "nickname": "Yüksek limitli kartım :)",
        "holderName": "Şule Çağ", "brand": "visa", "bin": "43550930", "lastFour": "7068", "expireMonth": 11,
        "expireYear": 2040, "expired": false, "identity": "10*******46",
    });
    assert_eq!((listed.len(), &listed[0], &saved), (1, &expected, &expected));
    let deleted = delete(&app, "c-1", &code_of(&listed[0])).await.expect(200).json();
    assert_eq!(deleted, without(expected, "uniqueCode"));
    assert!(cards(&app, "c-1").await.is_empty());
    let named = with(card("c-2"), "nickname", json!("kartım 10000000146"));
    assert_eq!(save(&app, &named).await.expect(201).json()["nickname"], "kartım ***********", "as a listing shows it");
    assert_eq!(delete(&app, "c-1", &code_of(&listed[0])).await.expect(404).problem(), "not-found");
}

#[tokio::test]
async fn a_returning_customer_has_a_good_and_an_expired_card_in_both_scopes() {
    let app = TestApp::start().await;
    for (scope, bin) in [("insurance", "46034500"), ("ecommerce", "460345")] {
        let query = format!("relationalId1=returning-customer&scope={scope}");
        let answer = list(&app, &query).await.expect(200).json();
        let shown = |place: usize| {
            let card = &answer["data"][place];
            (card["bin"].as_str().unwrap().to_owned(), card["expired"].as_bool().unwrap(), card["scope"].clone())
        };
        assert_eq!(shown(0), (bin.to_owned(), false, json!(scope)));
        assert!(shown(1).1);
        let code = code_of(&answer["data"][1]);
        let body = json!({ "relationalId1": "returning-customer", "scope": scope, "uniqueCode": code });
        app.api("DELETE", PATH).json(&body).send().await.expect(200);
        assert_eq!(list(&app, &query).await.json()["data"].as_array().unwrap().len(), 1);
    }
}

/// The seed's table by the names of the API: mandatory or not, and what is no good.
const ROWS: [(&str, bool, &[&str]); 10] = [
    ("relationalId1", true, &["", " ", "müşteri-1", "a b", "a\r\nx: y", "4355093000777068"]),
    ("relationalId2", false, &["", "ş", "a\tb"]),
    ("relationalId3", false, &["", "ş", "a\nb"]),
    ("nickname", true, &["", "  ", "a\nb", "kart 4355093000777068"]),
    ("holderName", true, &["", "  ", "a\rb", "4355 0930 0077 7068"]),
    ("bin", true, &["", "43550", "4355093", "435509300", "4355093000777068", "43550x"]),
    ("lastFour", true, &["", "706", "70681", "706x"]),
    ("identity", true, &["", "123", "10000000145", "1234567891", "1000000014x"]),
    ("expireMonth", true, &[]),
    ("expireYear", true, &[]),
];

#[tokio::test]
async fn the_seed_s_table_row_by_row() {
    let app = TestApp::start().await;
    let before = app.sandbox.cardwall().count();
    for (field, is_mandatory, bad) in ROWS {
        if is_mandatory {
            assert_eq!(fields(&save(&app, &without(card("t-1"), field)).await), [field], "{field} absent");
            assert_eq!(fields(&save(&app, &with(card("t-1"), field, Value::Null)).await), [field], "{field} null");
        }
        for value in bad {
            assert_eq!(fields(&save(&app, &with(card("t-1"), field, json!(value))).await), [field], "{value:?}");
        }
        let wrong = if field.starts_with("expire") { json!("11") } else { json!(11) };
        for value in [wrong, json!(true), json!(1.5), json!([]), json!({})] {
            let answer = save(&app, &with(card("t-1"), field, value.clone())).await.expect(400);
            assert_eq!(answer.problem(), "malformed-body", "{field} = {value}");
        }
    }
    for (field, bad) in [("expireMonth", [0, 13]), ("expireYear", [40, 2025])] {
        for value in bad {
            assert_eq!(fields(&save(&app, &with(card("t-1"), field, json!(value))).await), [field], "{value}");
        }
    }
    // The parameters that are not the merchant's to give.
    for field in ["includeDetails", "apikeyprivate", "cardNumber", "scope", "cvv"] {
        let answer = save(&app, &with(card("t-1"), field, json!("x"))).await.expect(400);
        assert_eq!(answer.problem(), "malformed-body");
    }
    assert_eq!(app.sandbox.cardwall().count(), before, "nothing was saved");
    assert_eq!(app.sandbox_calls(), 0, "nothing was even asked");
    let bodies = [
        card("t-1"),
        with(card("t-1"), "bin", json!("435509")),
        with(card("t-1"), "identity", json!("1234567890")),
        with(card("t-1"), "relationalId2", json!("b")),
        with(with(card("t-1"), "relationalId2", json!("b")), "relationalId3", json!("c")),
        with(card("t-1"), "relationalId3", json!("c")),
    ];
    for body in bodies {
        save(&app, &body).await.expect(201);
    }
    let count = async |query: &str| list(&app, query).await.expect(200).json()["data"].as_array().unwrap().len();
    let queries = [("", 3), ("&relationalId2=b", 1), ("&relationalId2=b&relationalId3=c", 1), ("&relationalId3=c", 1)];
    for (more, expected) in queries {
        assert_eq!(count(&format!("relationalId1=t-1&scope=insurance{more}")).await, expected, "{more}");
    }
    assert_eq!(count("relationalId1=t-1&scope=ecommerce").await, 0);
}

#[tokio::test]
async fn each_published_code_has_a_clear_problem() {
    let app = TestApp::start().await;
    let cases = [
        (2, 502, "saved-cards-failed", ""),
        (13, 422, "invalid-request", "holderName"),
        (14, 422, "invalid-request", "bin"),
        (15, 422, "invalid-request", "expireMonth"),
        (16, 422, "invalid-request", "expireYear"),
        (19, 422, "invalid-request", "expireYear"),
        (21, 502, "saved-cards-failed", ""),
        (22, 502, "saved-cards-failed", ""),
        (-1, 502, "saved-cards-failed", ""),
        (999, 502, "saved-cards-failed", ""),
    ];
    for (code, status, problem, field) in cases {
        let answer = save(&app, &card(&format!("vezne-code-{code}"))).await.expect(status);
        assert_eq!(answer.problem(), problem, "{code}");
        if field.is_empty() {
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            let expected =
                format!("code {code}; {}", if [-1, 999].contains(&code) { "what was asked may" } else { "nothing" });
            assert!(detail.contains(&expected), "{detail}");
        } else {
            assert_eq!(fields(&answer), [field]);
        }
    }
    assert!(cards(&app, "vezne-code-22").await.is_empty(), "22 is an empty list");
    let listed = list(&app, "relationalId1=vezne-code-13&scope=insurance").await.expect(502);
    assert_eq!(listed.problem(), "saved-cards-failed", "a listing has no holder");
}

#[tokio::test]
async fn what_a_listing_and_a_deletion_may_ask() {
    let app = TestApp::start().await;
    for query in [
        "",
        "scope=insurance",
        "relationalId1=a",
        "relationalId1=a&scope=all",
        "relationalId1=a&scope=Insurance",
        "relationalId1=&scope=insurance",
        "relationalId1=a&relationalId2=&scope=insurance",
        "relationalId1=a%0d%0ab&scope=insurance",
        "relationalId1=m%C3%BC%C5%9Fteri&scope=insurance",
        "relationalId1=a&relationalId1=b&scope=insurance",
        "relationalId1=a&scope=insurance&limit=1",
    ] {
        assert_eq!(list(&app, query).await.expect(400).problem(), "invalid-query", "{query}");
    }
    let number = list(&app, "relationalId1=4355093000777068&scope=insurance").await.expect(400);
    assert_eq!(number.problem(), "card-number");
    let good = json!({ "relationalId1": "a", "scope": "insurance", "uniqueCode": "x" });
    for (field, bad) in [("relationalId1", "ş"), ("scope", "all"), ("uniqueCode", "a b")] {
        for body in [without(good.clone(), field), with(good.clone(), field, json!(bad))] {
            assert_eq!(fields(&app.api("DELETE", PATH).json(&body).send().await), [field]);
        }
    }
    let unknown = app.api("DELETE", PATH).json(&with(good.clone(), "x", json!(1))).send().await.expect(400);
    assert_eq!(unknown.problem(), "malformed-body");
    assert_eq!(app.api("DELETE", PATH).send().await.expect(415).problem(), "unsupported-media-type");
    assert_eq!(app.sandbox_calls(), 0);
    for odd in ["a\"b\\c;d=e,f", "a/b?c"] {
        save(&app, &card(odd)).await.expect(201);
        let encoded: String = url::form_urlencoded::byte_serialize(odd.as_bytes()).collect();
        assert_eq!(cards(&app, &encoded).await.len(), 1, "{odd}");
    }
}

#[tokio::test]
async fn a_code_that_has_changed_deletes_nothing() {
    let app = TestApp::start().await;
    save(&app, &card("c-1")).await.expect(201);
    save(&app, &card("c-2")).await.expect(201);
    let (own, others) = (code_of(&cards(&app, "c-1").await[0]), code_of(&cards(&app, "c-2").await[0]));
    assert_eq!(delete(&app, "c-1", &others).await.expect(404).problem(), "not-found", "another customer's");
    app.sandbox.cardwall().change_codes();
    assert_eq!(delete(&app, "c-1", &own).await.expect(404).problem(), "not-found", "an earlier one");
    assert_eq!((cards(&app, "c-1").await.len(), cards(&app, "c-2").await.len()), (1, 1));
    let own = code_of(&cards(&app, "c-1").await[0]);
    delete(&app, "c-1", &own).await.expect(200);
    assert_eq!((cards(&app, "c-1").await.len(), cards(&app, "c-2").await.len()), (0, 1));
    // One that changes between the listing and the deletion.
    save(&app, &card("vezne-stale")).await.expect(201);
    let code = code_of(&cards(&app, "vezne-stale").await[0]);
    assert_eq!(delete(&app, "vezne-stale", &code).await.expect(409).problem(), "saved-card-changed");
    // A provider whose codes change with every listing is told apart from a card that is gone.
    save(&app, &card("vezne-codes-change")).await.expect(201);
    let code = code_of(&cards(&app, "vezne-codes-change").await[0]);
    assert!(delete(&app, "vezne-codes-change", &code).await.expect(404).text().contains("codes change over time"));
}

#[tokio::test]
async fn a_merchant_never_sees_another_s_cards() {
    let app = TestApp::with("live", "true")
        .set("provider.card_token.live.url", "https://provider.example/token")
        .start()
        .await;
    save(&app, &card("c-1")).await.expect(201);
    let code = code_of(&cards(&app, "c-1").await[0]);
    let other = app.admin.create("Another", &["https://shop.example/".to_owned()]).await.unwrap();
    let key = other.api_keys.iter().find(|key| key.mode() == Mode::Test).unwrap().expose();
    let query = format!("{PATH}?relationalId1=c-1&scope=insurance");
    let body = json!({ "relationalId1": "c-1", "scope": "insurance", "uniqueCode": code });
    let asked = app.api_as(key, "GET", &query).send().await.expect(409);
    assert_eq!(asked.problem(), "saved-cards-not-set", "it has no keys yet");
    let [api_key, api_client] = app.sandbox.other_merchant.cardwall_keys().map(SecretText::new);
    app.admin.set_cardwall(&other.merchant.id, Mode::Test, &api_key, &api_client).await.unwrap();
    assert_eq!(app.api_as(key, "GET", &query).send().await.expect(200).json(), json!({ "data": [] }));
    assert_eq!(app.api_as(key, "DELETE", PATH).json(&body).send().await.expect(404).problem(), "not-found");
    // The live key of the same merchant: CardWall has no live mode here, whatever keys are set.
    let live = app.shop.live_api_key.clone().unwrap();
    assert_eq!(app.api_as(&live, "GET", &query).send().await.expect(409).problem(), "saved-cards-not-set");
    assert_eq!(app.client.request("GET", &query).send().await.expect(401).problem(), "unauthorized");
    assert_eq!(cards(&app, "c-1").await.len(), 1);
    let wrong = SecretText::new("nobody".to_owned());
    app.admin.set_cardwall(&app.shop.id, Mode::Test, &wrong, &wrong).await.unwrap();
    let refused = list(&app, "relationalId1=c-1&scope=insurance").await.expect(502);
    assert_eq!(refused.problem(), "saved-cards-failed");
    assert!(refused.text().contains("does not accept the merchant's keys"), "{}", refused.text());
}

fn impatient() -> Setup {
    TestApp::stalling(Duration::from_secs(20)).set("provider.cardwall.test.timeout_ms", "4000")
}

#[tokio::test]
async fn a_slow_or_broken_provider_is_told_in_time_and_nothing_is_saved_twice() {
    let app = impatient().start().await;
    let mut expected = app.sandbox.cardwall().count();
    let cases = [
        ("vezne-slow", 504, "may have been done"),
        ("vezne-hang-up", 504, "may have been done"),
        ("vezne-redirect", 504, "may have been done"),
        ("vezne-oversized", 502, "may have been done"),
        ("vezne-malformed", 502, "may have been done"),
    ];
    for (customer, status, told) in cases {
        let started = Instant::now();
        let answer = save(&app, &card(customer)).await.expect(status);
        assert!(started.elapsed() < Duration::from_secs(15), "{customer} took {:?}", started.elapsed());
        assert!(answer.json()["detail"].as_str().unwrap().contains(told), "{customer}: {}", answer.text());
        expected += 1;
        assert_eq!(app.sandbox.cardwall().count(), expected, "{customer} was saved once");
    }
    save(&app, &card("vezne-500")).await.expect(504);
    assert_eq!(app.sandbox.cardwall().count(), expected);
    // What the answer to a save looks like does not matter, as long as it is a success.
    for customer in ["vezne-other-types", "vezne-nested"] {
        save(&app, &card(customer)).await.expect(201);
    }
    for (customer, status) in [("vezne-other-types", 502), ("vezne-slow", 504), ("vezne-nested", 200)] {
        list(&app, &format!("relationalId1={customer}&scope=insurance")).await.expect(status);
    }
    assert_eq!(cards(&app, "vezne-nested").await[0]["bin"], "43550930");
}

#[tokio::test]
async fn under_its_idempotency_key_a_card_is_saved_once_whatever_came_of_it() {
    let app = impatient().start().await;
    let save = |customer: &'static str, key: &'static str| {
        app.api("POST", PATH).header("idempotency-key", key).json(&card(customer)).send()
    };
    save("customer", "a-key").await.expect(201);
    assert_eq!(save("customer", "a-key").await.expect(409).problem(), "idempotency-not-kept");
    assert_eq!(save("other", "a-key").await.expect(422).problem(), "idempotency-mismatch");
    assert_eq!((cards(&app, "customer").await.len(), cards(&app, "other").await.len()), (1, 0));
    // The provider may have saved it: the call is not made once more.
    for customer in ["vezne-hang-up", "vezne-500"] {
        assert!(save(customer, customer).await.status >= 500);
        assert_eq!(save(customer, customer).await.expect(409).problem(), "idempotency-not-kept");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_was_told_nothing() {
    let app = TestApp::with("provider.cardwall.test.url", "https://localhost:1/").start().await;
    for answer in [save(&app, &card("c-1")).await, list(&app, "relationalId1=c-1&scope=insurance").await] {
        let answer = answer.expect(504);
        assert_eq!(answer.problem(), "saved-cards-unanswered");
        assert_eq!(answer.json()["detail"], "no connection; nothing was done");
    }
}

#[tokio::test]
async fn a_card_number_from_the_provider_goes_no_further() {
    let app = TestApp::start().await;
    save(&app, &card("vezne-unmasked")).await.expect(201);
    let shown = list(&app, "relationalId1=vezne-unmasked&scope=insurance").await.expect(200);
    assert_eq!(shown.json()["data"][0]["nickname"], "kart ****************");
    assert!(!shown.holds("460345000000"), "{}", shown.text());
}

#[tokio::test]
async fn saved_cards_count_against_the_merchant_s_limit() {
    let app = TestApp::with("limits.api_per_second", "1").start().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(list(&app, "relationalId1=a&scope=insurance").await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn neither_identity_numbers_nor_customers_are_logged() {
    keep_log();
    let app = Setup::default().in_this_process().start().await;
    // Nobody else's test has these.
    let (customer, second, identity) = ("customer-only-of-this-test", "31415926578-second", "31415926562");
    let body = with(with(card(customer), "relationalId2", json!(second)), "identity", json!(identity));
    let answer = save(&app, &body).await;
    let query = format!("relationalId1={customer}&relationalId2={second}&scope=insurance");
    let listed = list(&app, &query).await.expect(200);
    let text = logged();
    let vezne: Vec<&str> = text.lines().filter(|line| line.starts_with("vezne")).collect();
    assert!(vezne.iter().any(|line| line.contains("/v1/saved-cards") && line.contains("route")), "requests are logged");
    assert!(vezne.iter().any(|line| line.contains("saved cards listed")));
    for secret in [customer, second, identity] {
        let found = vezne.iter().find(|line| line.contains(secret));
        assert!(found.is_none(), "{found:?}");
        assert!(!answer.holds(secret) && !listed.holds(secret), "{}", answer.text());
    }
}
