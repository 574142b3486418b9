//! CardWall over HTTP, called as the protocol's tables have it: parameter by
//! parameter, present, absent and of the wrong type.

use super::{DRILLS, RETURNING_CUSTOMER};
use crate::sandbox::testing::{Answer, Running, request};
use crate::sandbox::{Sandbox, SandboxKeys, SandboxMerchant, routes};
use actix_web::web::Data;
use serde_json::{Value, json};
use std::time::Duration;

const INSURANCE: &str = "/paywall/card/insurance";
const ECOMMERCE: &str = "/paywall/card";

struct Scene {
    running: Running,
    keys: [String; 2],
    other_keys: [String; 2],
    state: Data<Sandbox>,
}

impl Scene {
    fn start() -> Self {
        let merchants: Vec<_> = (0..2).map(|_| SandboxMerchant::generate().unwrap()).collect();
        let (keys, other_keys) = (merchants[0].cardwall_keys(), merchants[1].cardwall_keys());
        let sandbox = Sandbox::new(&SandboxKeys::generate(merchants).unwrap()).unwrap();
        let state = Data::new(sandbox.with_stall(Duration::from_millis(300)));
        let data = state.clone();
        let running = Running::start(None, move |config| {
            config.app_data(data.clone()).configure(routes);
        });
        Self { running, keys, other_keys, state }
    }

    fn send_as(
        &self,
        keys: &[String; 2],
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let own = [("apikeyprivate", keys[0].as_str()), ("apiclientprivate", keys[1].as_str())];
        let headers = [&own, headers].concat();
        request(self.running.address, method, path, &headers, body.as_bytes())
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send_as(&self.keys, method, path, headers, &body.to_string()).unwrap()
    }

    /// The code of an answer, 0 for a success.
    fn code(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> i64 {
        let answer = self.send(method, path, headers, body);
        assert_eq!(answer.status, 200);
        let json = answer.json();
        let code = json["ErrorCode"].as_i64().unwrap();
        assert_eq!((json["Result"].as_bool(), json["Message"].is_string()), (Some(code == 0), true), "{json}");
        code
    }

    fn save(&self, body: &Value) -> i64 {
        self.code("POST", INSURANCE, &[], body)
    }

    fn list(&self, path: &str, ids: &[(&str, &str)]) -> Vec<Value> {
        let json = self.send("GET", path, ids, &Value::Null).json();
        json["Body"].as_array().cloned().unwrap_or_default()
    }
}

/// The example of the guide, with the card's fields below `Card`.
fn nested() -> Value {
    json!({
        "RelationalId1": "003", "RelationalId2": null, "RelationalId3": null,
        "Card": {
            "Nickname": "Yüksek limitli kartım :)", "HolderName": "Deniz Yılmaz", "CardBin": "41197901",
            "CardLastFour": "6389", "Identity": "10000000146", "Month": 11, "Year": 2040,
        },
        "IncludeDetails": true,
    })
}

/// The same as the seed's table has it: everything beside each other.
fn flat() -> Value {
    let mut body = nested();
    let card = body["Card"].take();
    body.as_object_mut().unwrap().remove("Card");
    body.as_object_mut().unwrap().extend(card.as_object().unwrap().clone());
    body
}

fn set(mut body: Value, name: &str, value: Option<Value>) -> Value {
    let is_inside = body["Card"].get(name).is_some();
    let object = if is_inside { &mut body["Card"] } else { &mut body };
    match value {
        Some(value) => object[name] = value,
        None => drop(object.as_object_mut().unwrap().remove(name)),
    }
    body
}

/// Each parameter of the seed's body: whether it is mandatory, the code when it
/// is absent or bad, and what is bad of its right type.
const ROWS: [(&str, bool, i64, &[&str]); 11] = [
    ("RelationalId1", true, 2, &["\"\""]),
    ("RelationalId2", false, 2, &["\"\""]),
    ("RelationalId3", false, 2, &["\"\""]),
    ("Nickname", true, 2, &["\"\"", "\" \""]),
    ("HolderName", true, 13, &["\"\"", "\" \""]),
    ("CardBin", true, 14, &["\"\"", "\"41197\"", "\"4119790\"", "\"411979011\"", "\"41197x\""]),
    ("CardLastFour", true, 14, &["\"\"", "\"638\"", "\"63891\"", "\"638x\""]),
    ("Identity", true, 2, &["\"\"", "\"123\"", "\"1000000014x\""]),
    ("Month", true, 15, &["0", "13", "-1"]),
    ("Year", true, 16, &["40", "999", "10000", "-2040"]),
    ("IncludeDetails", false, 2, &[]),
];

#[test]
fn the_table_of_the_new_card_row_by_row() {
    let scene = Scene::start();
    for body in [nested(), flat()] {
        assert_eq!(scene.save(&body), 0);
        for (name, is_mandatory, code, bad) in ROWS {
            let absent = if is_mandatory { code } else { 0 };
            assert_eq!(scene.save(&set(body.clone(), name, None)), absent, "{name} absent");
            assert_eq!(scene.save(&set(body.clone(), name, Some(Value::Null))), absent, "{name} null");
            for value in bad {
                let value = serde_json::from_str(value).unwrap();
                assert_eq!(scene.save(&set(body.clone(), name, Some(value))), code, "{name} bad");
            }
            let wrong_type = match name {
                "Month" | "Year" => [json!("11"), json!(1.5), json!(true), json!([11]), json!({})],
                "IncludeDetails" => [json!("true"), json!(1), json!(0.5), json!([]), json!({})],
                _ => [json!(1), json!(1.5), json!(true), json!(["x"]), json!({})],
            };
            for value in wrong_type {
                assert_eq!(scene.save(&set(body.clone(), name, Some(value.clone()))), 2, "{name} = {value}");
            }
        }
    }
    for (bin, month, year, code) in [("411979", 1, 2040, 0), ("41197901", 1, 2024, 19)] {
        let body =
            set(set(set(flat(), "CardBin", Some(json!(bin))), "Month", Some(json!(month))), "Year", Some(json!(year)));
        assert_eq!(scene.save(&body), code);
    }
    for body in ["", "[]", "null", "{", "\"x\"", "7"] {
        let json = scene.send_as(&scene.keys, "POST", INSURANCE, &[], body).unwrap().json();
        assert_eq!(json["ErrorCode"], 2, "{body:?}");
    }
}

#[test]
fn both_keys_are_needed_and_must_be_one_merchant_s() {
    let scene = Scene::start();
    let [key, client] = &scene.keys;
    let cases = [
        vec![],
        vec![("apikeyprivate", key.as_str())],
        vec![("apiclientprivate", client.as_str())],
        vec![("apikeyprivate", client.as_str()), ("apiclientprivate", key.as_str())],
        vec![("apikeyprivate", key.as_str()), ("apiclientprivate", scene.other_keys[1].as_str())],
        vec![("apikeyprivate", ""), ("apiclientprivate", client.as_str())],
    ];
    for headers in cases {
        let body = nested().to_string();
        let answer = request(scene.running.address, "POST", INSURANCE, &headers, body.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.json()["Result"].as_bool()), (401, Some(false)), "{headers:?}");
    }
    assert_eq!(scene.state.cardwall().count(), 0);
}

#[test]
fn a_saved_card_is_listed_as_the_guide_shows_it() {
    let scene = Scene::start();
    let saved = scene.send("POST", INSURANCE, &[], &nested()).json();
    assert_eq!(saved["Body"]["Details"]["Brand"], "visa", "asked for");
    let plain = scene.list(INSURANCE, &[("relationalid1", "003")]);
    let mut card = plain[0].clone();
    assert!(card["UniqueCode"].as_str().is_some_and(|code| code.len() == 36));
    card.as_object_mut().unwrap().remove("UniqueCode");
    let expected = json!({
        "Scope": 2, "Name": "Yüksek limitli kartım :)", "Identity": "10000000146", "CardBin": "41197901",
        "CardLastFour": "6389", "CardHolderName": "Deniz Yılmaz", "Expired": false, "CardTypeId": 1,
        "CardType": "Credit", "Month": 11, "Year": 2040,
    });
    assert_eq!((plain.len(), card), (1, expected));
    for (value, has_details) in [("true", true), ("TRUE", true), ("false", false)] {
        let listed = scene.list(INSURANCE, &[("relationalid1", "003"), ("includedetails", value)]);
        assert_eq!(listed[0].get("Details").is_some(), has_details, "{value}");
    }
    let wrong = [("relationalid1", "003"), ("includedetails", "1")];
    assert_eq!(scene.code("GET", INSURANCE, &wrong, &Value::Null), 2);
    assert_eq!(scene.code("GET", INSURANCE, &[], &Value::Null), 2, "whose?");
}

#[test]
fn all_that_was_given_at_saving_is_needed_at_listing() {
    let scene = Scene::start();
    let body = set(set(nested(), "RelationalId2", Some(json!("b"))), "RelationalId3", Some(json!("c")));
    assert_eq!(scene.save(&body), 0);
    let all = [("relationalid1", "003"), ("relationalid2", "b"), ("relationalid3", "c")];
    assert_eq!(scene.list(INSURANCE, &all).len(), 1);
    let wrong: [&[(&str, &str)]; 5] = [
        &all[..1],
        &all[..2],
        &[all[0], all[2]],
        &[("relationalid1", "003"), ("relationalid2", "c"), ("relationalid3", "b")],
        &[("relationalid1", "004"), all[1], all[2]],
    ];
    for ids in wrong {
        assert_eq!(scene.code("GET", INSURANCE, ids, &Value::Null), 22, "{ids:?}");
    }
    assert_eq!(scene.code("GET", ECOMMERCE, &all, &Value::Null), 22, "the other scope");
    let other = scene.send_as(&scene.other_keys, "GET", INSURANCE, &all, "").unwrap().json();
    assert_eq!(other["ErrorCode"], 22, "another merchant");
}

#[test]
fn a_number_is_saved_as_its_first_and_last_digits() {
    let scene = Scene::start();
    let body = |number: &str| {
        json!({
            "RelationalId1": "a", "PartnerBased": false, "PartnerIdentity": "",
            "Card": { "Nickname": "n", "HolderName": "h", "Number": number, "Month": 1, "Year": 2040 },
        })
    };
    assert_eq!(scene.code("POST", ECOMMERCE, &[], &body("4355093000777068")), 0);
    let card = &scene.list(ECOMMERCE, &[("relationalid1", "a")])[0];
    assert_eq!((&card["CardNumber"], &card["CardBin"]), (&json!("435509******7068"), &json!("435509")));
    assert!(!card.to_string().contains("093000777"), "{card}");
    for bad in ["4355093000777067", "", "4355"] {
        assert_eq!(scene.code("POST", ECOMMERCE, &[], &body(bad)), 14, "{bad}");
    }
    let partner = |identity: &str| {
        let body = set(body("4355093000777068"), "PartnerBased", Some(json!(true)));
        scene.code("POST", ECOMMERCE, &[], &set(body, "PartnerIdentity", Some(json!(identity))))
    };
    assert_eq!((partner(""), partner("p-1")), (2, 0));
}

#[test]
fn codes_go_stale_and_a_card_is_deleted_by_its_present_one() {
    let scene = Scene::start();
    assert_eq!(scene.save(&nested()), 0);
    let ids = [("relationalid1", "003")];
    let code = || scene.list(INSURANCE, &ids)[0]["UniqueCode"].clone();
    let delete = |customer: &str, code: Option<&Value>| {
        let body = set(json!({ "RelationalId1": customer, "UniqueCode": "" }), "UniqueCode", code.cloned());
        scene.code("DELETE", INSURANCE, &[], &body)
    };
    let old = code();
    assert_eq!(old, code(), "it stays a while");
    scene.state.cardwall().change_codes();
    assert_ne!(old, code());
    assert_eq!(delete("003", Some(&old)), 21, "stale");
    assert_eq!(delete("003", Some(&json!(7))), 2, "no text");
    assert_eq!(delete("003", None), 2, "missing");
    assert_eq!(delete("004", Some(&code())), 22, "another customer");
    assert_eq!(delete("003", Some(&code())), 0);
    assert_eq!((scene.list(INSURANCE, &ids).len(), scene.state.cardwall().count()), (0, 0));
    let changing = set(nested(), "RelationalId1", Some(json!("vezne-codes-change")));
    assert_eq!(scene.save(&changing), 0);
    let listed = || scene.list(INSURANCE, &[("relationalid1", "vezne-codes-change")])[0]["UniqueCode"].clone();
    assert_ne!(listed(), listed());
}

#[test]
fn each_drill_goes_wrong_in_its_own_way() {
    let scene = Scene::start();
    let list = |customer: &str| {
        scene.save(&set(nested(), "RelationalId1", Some(json!("warm-up"))));
        let body = set(nested(), "RelationalId1", Some(json!(customer))).to_string();
        drop(scene.send_as(&scene.keys, "POST", INSURANCE, &[], &body));
        scene.send_as(&scene.keys, "GET", INSURANCE, &[("relationalid1", customer)], "")
    };
    for (name, _) in DRILLS {
        let answer = list(name);
        let text = answer.as_ref().map(|answer| answer.body.as_str()).unwrap_or_default();
        let json: Result<Value, _> = serde_json::from_str(text);
        let holds = match name {
            "vezne-slow" | "vezne-codes-change" | "vezne-stale" => json.is_ok_and(|json| json["ErrorCode"] == 0),
            "vezne-500" => answer.as_ref().unwrap().status == 500,
            "vezne-malformed" => json.is_err() && !text.is_empty(),
            "vezne-hang-up" => text.is_empty() || answer.is_none(),
            "vezne-other-types" => json.is_ok_and(|json| json["Body"][0]["UniqueCode"].is_number()),
            "vezne-oversized" => text.len() > 2_000_000,
            "vezne-redirect" => answer.as_ref().unwrap().status == 302,
            "vezne-nested" => json.is_ok_and(|json| json["Body"][0]["Card"]["CardBin"].is_string()),
            "vezne-unmasked" => text.contains("4603450000000000"),
            other => panic!("{other}"),
        };
        assert!(holds, "{name}: {answer:?}");
    }
    let stale = json!({ "RelationalId1": "vezne-stale", "UniqueCode": "any" });
    assert_eq!(scene.code("DELETE", INSURANCE, &[], &stale), 21);
    let count = scene.state.cardwall().count();
    for code in [-1, 2, 13, 14, 15, 16, 19, 21, 22, 999] {
        let body = set(nested(), "RelationalId1", Some(json!(format!("vezne-code-{code}"))));
        assert_eq!(scene.save(&body), code);
    }
    assert_eq!(scene.state.cardwall().count(), count, "a refusal saves nothing");
}

#[test]
fn the_console_shows_calls_and_nothing_of_cards_or_customers() {
    let scene = Scene::start();
    assert_eq!(scene.save(&nested()), 0);
    scene.list(INSURANCE, &[("relationalid1", "003")]);
    for path in ["/", "/calls"] {
        let shown = request(scene.running.address, "GET", path, &[], b"").unwrap().body;
        assert!(shown.contains("cardwall_saved") && shown.contains("cardwall_listed"), "{path}");
        for secret in ["41197901", "6389", "10000000146", "Deniz", "limitli", scene.keys[0].as_str()] {
            assert!(!shown.contains(secret), "{path} shows {secret}");
        }
    }
}

#[test]
fn a_returning_customer_has_two_cards_and_one_has_expired() {
    let keys = SandboxKeys::generate(vec![SandboxMerchant::generate().unwrap()]).unwrap();
    let own = keys.merchants()[0].cardwall_keys();
    let state = Data::new(Sandbox::new(&keys).unwrap().with_returning_customer());
    let data = state.clone();
    let running = Running::start(None, move |config| {
        config.app_data(data.clone()).configure(routes);
    });
    let scene = Scene { running, other_keys: own.clone(), keys: own, state };
    for path in [INSURANCE, ECOMMERCE] {
        let cards = scene.list(path, &[("relationalid1", RETURNING_CUSTOMER)]);
        assert_eq!(cards.iter().map(|card| card["Expired"].as_bool()).collect::<Vec<_>>(), [Some(false), Some(true)]);
    }
}
