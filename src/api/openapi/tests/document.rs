//! The document against the code: routes, problems, what requests may hold.

use super::schema::Document;
use crate::api::events::{EventListQuery, TestRequest};
use crate::api::sessions::ListQuery;
use crate::card::{Brand, RANGES};
use crate::error::KINDS;
use crate::merchant::{AllowList, Merchant, Mode};
use crate::page::Locale;
use crate::session::{Blocked, SessionRequest, Status, Violation};
use crate::store::{EventKind, EventState};
use actix_web::web::Query;
use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn names(list: &Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// Every object in the document, with where it stands.
fn objects<'a>(value: &'a Value, place: &str, found: &mut Vec<(String, &'a Value)>) {
    if value.is_object() {
        found.push((place.to_owned(), value));
    }
    for (name, below) in value.as_object().into_iter().flatten() {
        objects(below, &format!("{place}/{name}"), found);
    }
    for (index, below) in value.as_array().into_iter().flatten().enumerate() {
        objects(below, &format!("{place}/{index}"), found);
    }
}

fn all_objects(document: &Document) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    objects(&document.0, "", &mut found);
    found
}

#[test]
fn it_describes_every_route_of_the_api_and_no_other() {
    let source = include_str!("../../../routes.rs");
    let mut served = BTreeSet::new();
    let of_the_api = |path: &str| path.starts_with("/v1");
    for service in source.split(".service(").skip(1) {
        let (path, rest) = service.split_once('"').and_then(|(_, rest)| rest.split_once('"')).unwrap();
        for route in rest.split(".route(").skip(1).filter(|_| of_the_api(path)) {
            let method = route.split_once('(').unwrap().0;
            // Every other way to a POST of the API would be one without idempotency keys.
            assert_ne!(method, "post", "{path}: use api::post");
            served.insert((path, method.trim_start_matches("api::")));
        }
    }
    assert!(served.len() >= 4, "{served:?}");
    let document = Document::load();
    let paths = document.at("/paths").as_object().unwrap();
    let described = paths.iter().flat_map(|(path, item)| {
        METHODS.iter().filter(|method| item.get(**method).is_some()).map(|method| (path.as_str(), *method))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), served);
}

#[test]
fn every_post_takes_an_idempotency_key() {
    let document = Document::load();
    for (path, item) in document.at("/paths").as_object().unwrap() {
        let Some(operation) = item.get("post") else { continue };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let named: Vec<_> = parameters.map(|parameter| document.resolve(parameter)["name"].as_str().unwrap()).collect();
        assert!(named.contains(&"Idempotency-Key"), "{path}");
        for (status, kinds) in [
            ("400", &["invalid-idempotency-key"][..]),
            ("409", &["idempotency-in-flight", "idempotency-not-kept"]),
            ("422", &["idempotency-mismatch"]),
        ] {
            let response = document.resolve(&operation["responses"][status]);
            let examples = &response["content"]["application/problem+json"]["examples"];
            assert!(kinds.iter().all(|kind| examples.get(kind).is_some()), "{path} {status}");
        }
        let good = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
        for (status, response) in good {
            assert!(document.resolve(response)["headers"].get("Idempotency-Replayed").is_some(), "{path} {status}");
        }
    }
}

#[test]
fn its_version_is_the_program_s() {
    assert_eq!(Document::load().at("/info/version"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_problem_stands_under_its_status_with_its_title() {
    let document = Document::load();
    let mut named = BTreeSet::new();
    for (_, operation) in all_objects(&document).into_iter().filter(|(_, object)| object.get("operationId").is_some()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let examples = &document.resolve(response)["content"]["application/problem+json"]["examples"];
            for (slug, example) in examples.as_object().into_iter().flatten() {
                let kind = KINDS.iter().find(|kind| kind.slug == slug).unwrap_or_else(|| panic!("no {slug}"));
                let expected = json!([format!("https://pay.example/problems/{slug}"), kind.title, kind.status]);
                let example = &example["value"];
                assert_eq!(json!([example["type"], example["title"], example["status"]]), expected);
                assert_eq!(*status, kind.status.to_string(), "{slug}");
                assert!(document.resolve(response)["description"].as_str().unwrap().contains(&format!("`{slug}`")));
                named.insert(kind.slug);
            }
        }
    }
    // A method that an address does not take is not in a description of those that it takes.
    let expected = KINDS.iter().filter(|kind| kind.status != 405).map(|kind| kind.slug);
    assert_eq!(named, expected.collect());
}

#[test]
fn the_type_of_a_problem_is_one_of_the_table() {
    let slugs: Vec<_> = KINDS.iter().map(|kind| kind.slug).collect();
    let pattern = format!("/problems/({})$", slugs.join("|"));
    assert_eq!(Document::load().schema("Problem")["properties"]["type"]["pattern"], pattern.as_str());
}

/// The names that a strict reader lists when it meets one that it does not know.
fn expected_names(message: &str) -> BTreeSet<String> {
    let (_, expected) = message.split_once("expected one of").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn a_request_may_hold_what_is_documented_and_nothing_else() {
    let error = serde_json::from_value::<SessionRequest>(json!({ "notDocumented": 1 })).unwrap_err();
    let document = Document::load();
    let schema = document.schema("SessionRequest");
    let described: BTreeSet<_> = document.properties(schema).into_iter().map(str::to_owned).collect();
    assert_eq!(described, expected_names(&error.to_string()));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_query_may_hold_what_is_documented_and_nothing_else() {
    let document = Document::load();
    let sessions = Query::<ListQuery>::from_query("notDocumented=1").err().unwrap();
    let events = Query::<EventListQuery>::from_query("notDocumented=1").err().unwrap();
    for (path, error) in [("~1v1~1sessions", sessions), ("~1v1~1events", events)] {
        let parameters = document.at(&format!("/paths/{path}/get/parameters")).as_array().unwrap();
        let described: BTreeSet<_> = parameters.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(described, expected_names(&error.to_string()));
    }
}

#[test]
fn a_test_names_an_endpoint_and_nothing_else() {
    let document = Document::load();
    let schema = document.schema("TestRequest");
    assert_eq!(document.properties(schema), BTreeSet::from(["callbackUrl"]));
    assert_eq!(schema["additionalProperties"], false);
    let read = |body| serde_json::from_value::<TestRequest>(body).is_ok();
    assert!(read(json!({ "callbackUrl": "x" })));
    assert!(!read(json!({})) && !read(json!({ "callbackUrl": "x", "notDocumented": 1 })));
}

/// A request with every documented field, at its first example.
fn full_request(document: &Document) -> Value {
    let example = |(name, schema)| {
        let value = &document.resolve(schema)["examples"][0];
        assert!(!value.is_null(), "{name} has no example");
        (String::from(name), value.clone())
    };
    document.property_schemas(document.schema("SessionRequest")).into_iter().map(example).collect()
}

/// The fields that are refused: `json` for a body that cannot be read at all.
fn refused(body: &Value, mode: Mode) -> Vec<&'static str> {
    let Ok(request) = serde_json::from_value::<SessionRequest>(body.clone()) else { return vec!["json"] };
    let merchant = Merchant {
        id: crate::id::MerchantId::generate(),
        name: "Shop".to_owned(),
        allow_list: AllowList::parse(&["https://shop.example/"]).unwrap(),
        token_in_redirect: false,
        theme: crate::merchant::Theme::default(),
        disabled_at: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let checked = request.check(&merchant, mode, Locale::is_known, |port| port == 443);
    checked.err().unwrap_or_default().into_iter().map(|mistake| mistake.field).collect()
}

#[test]
fn required_is_what_cannot_be_left_out() {
    let document = Document::load();
    let full = full_request(&document);
    assert_eq!(refused(&full, Mode::Live), Vec::<&str>::new());
    let required = names(&document.schema("SessionRequest")["required"]);
    for name in full.as_object().unwrap().keys() {
        let mut body = full.clone();
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(refused(&body, Mode::Live).is_empty(), !required.contains(name.as_str()), "{name}");
    }
}

#[test]
fn bounds_are_where_the_code_has_them() {
    let document = Document::load();
    let bound = |schema: &str, pointer: &str| document.schema(schema).pointer(pointer).unwrap().as_u64().unwrap();
    let length = |pointer: &str| usize::try_from(bound("Metadata", pointer)).unwrap();
    let refuses = |field: &str, value: Value| {
        let mut body = full_request(&document);
        body[field] = value;
        refused(&body, Mode::Test) == [field]
    };
    let seconds = |end: &str| bound("SessionRequest", &format!("/properties/expiresIn/{end}"));
    let longest_id = usize::try_from(bound("ConversationId", "/maxLength")).unwrap();
    let (most, key, value) =
        (length("/maxProperties"), length("/propertyNames/maxLength"), length("/additionalProperties/maxLength"));
    let entries = |count: usize| (0..count).map(|number| (number.to_string(), "x")).collect::<Value>();
    let mut cases = vec![
        ("conversationId", json!("ş".repeat(longest_id)), json!("ş".repeat(longest_id + 1))),
        ("conversationId", json!("x"), json!("")),
        ("expiresIn", json!(seconds("minimum")), json!(seconds("minimum") - 1)),
        ("expiresIn", json!(seconds("maximum")), json!(seconds("maximum") + 1)),
        ("metadata", entries(most), entries(most + 1)),
        ("metadata", json!({ "k".repeat(key): "" }), json!({ "k".repeat(key + 1): "" })),
        ("metadata", json!({ "k": "ş".repeat(value) }), json!({ "k": "ş".repeat(value + 1) })),
        ("metadata", json!({ "k": "" }), json!({ "": "" })),
    ];
    for field in ["returnUrl", "cancelUrl", "callbackUrl"] {
        let longest = usize::try_from(bound("SessionRequest", &format!("/properties/{field}/maxLength"))).unwrap();
        let url = |length: usize| json!(format!("{:x<length$}", "https://shop.example/"));
        cases.push((field, url(longest), url(longest + 1)));
    }
    for (field, good, bad) in cases {
        assert!(!refuses(field, good), "{field} within its bound");
        assert!(refuses(field, bad), "{field} beyond its bound");
    }
}

#[test]
fn names_are_those_of_the_code() {
    let document = Document::load();
    assert_eq!(names(&document.schema("Status")["enum"]), Status::ALL.map(Status::name).into());
    let brands = RANGES.iter().map(|range| range.brand).chain([Brand::Unknown]).map(Brand::name);
    assert_eq!(names(&document.schema("CardSummary")["properties"]["brand"]["enum"]), brands.collect());
    let ended = Status::ALL.into_iter().filter(|status| status.has_ended());
    let events: BTreeSet<_> = ended.map(|status| format!("session.{}", status.name())).collect();
    let mut events: BTreeSet<_> = events.iter().map(String::as_str).collect();
    assert_eq!(names(&document.schema("SessionEvent")["properties"]["type"]["enum"]), events);
    let violation = &document.schema("ViolationEvent")["properties"];
    assert_eq!(violation["type"]["const"], Violation::EVENT);
    assert_eq!(document.schema("PingEvent")["properties"]["type"]["const"], EventKind::Ping.name());
    assert_eq!(names(&document.schema("EventType")["enum"]), EventKind::ALL.map(EventKind::name).into());
    assert_eq!(names(&document.schema("EventState")["enum"]), EventState::ALL.map(EventState::name).into());
    let blocked = &violation["data"]["properties"]["blocked"]["enum"];
    assert_eq!(names(blocked), Blocked::ALL.map(Blocked::name).into());
    events.extend([Violation::EVENT, EventKind::Ping.name()]);
    assert_eq!(
        document.at("/webhooks").as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(),
        events
    );

    let mut wrong = full_request(&document);
    for field in ["returnUrl", "cancelUrl", "callbackUrl", "embedOrigin", "conversationId", "locale"] {
        wrong[field] = " ".into();
    }
    wrong["expiresIn"] = 0.into();
    wrong["metadata"] = json!({ "": "" });
    let fields = refused(&wrong, Mode::Test).into_iter().collect();
    assert_eq!(names(&document.schema("InvalidField")["properties"]["field"]["enum"]), fields);
}

#[test]
fn every_property_has_a_type_and_a_description() {
    let document = Document::load();
    for (name, schema) in document.at("/components/schemas").as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (property, schema) in document.property_schemas(schema) {
            let schema = document.resolve(schema);
            assert!(schema["description"].is_string(), "{name}.{property}");
            assert!(schema.get("type").or(schema.get("allOf")).is_some(), "{name}.{property}");
        }
    }
}

#[test]
fn examples_fit_their_schemas() {
    let document = Document::load();
    let mut count = 0;
    for (place, object) in all_objects(&document) {
        let Some(schema) = object.get("schema") else { continue };
        for (name, example) in object.get("examples").and_then(Value::as_object).into_iter().flatten() {
            document.check(schema, &example["value"], &format!("{place}/{name}"));
            count += 1;
        }
        if let Some(example) = object.get("example") {
            document.check(schema, example, &place);
            count += 1;
        }
    }
    assert!(count > 25, "{count} examples");
}

/// A merchant who tries a verifying function on the examples must succeed.
#[test]
fn examples_are_signed_as_the_document_says() {
    let document = Document::load();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"vzsig_example");
    let mut seen = BTreeMap::<&str, u32>::new();
    for (place, result) in all_objects(&document).into_iter().filter(|(_, object)| object["signature"].is_string()) {
        let text = |name: &str| result[name].as_str().unwrap();
        let digest = result["cardToken"].as_str().map(|token| digest::digest(&digest::SHA256, token.as_bytes()));
        let digest = digest.map(|digest| BASE64URL_NOPAD.encode(digest.as_ref())).unwrap_or_default();
        assert_eq!(text("tokenDigest"), digest, "{place}");
        let lines =
            ["vezne-result-v1", text("session"), text("status"), text("conversationId"), text("timestamp"), &digest];
        let signature = BASE64URL_NOPAD.encode(hmac::sign(&key, lines.join("\n").as_bytes()).as_ref());
        assert_eq!(text("signature"), signature, "{place}");
        *seen.entry(text("status")).or_default() += 1;
    }
    assert_eq!(seen.keys().copied().collect::<BTreeSet<_>>(), Status::ALL.map(Status::name).into());
}
