//! The CardWall client against a TLS server of its own.

use super::*;
use crate::card::{Brand, Month};
use crate::config::EgressConfig;
use crate::egress::test_server::{Received, Reply, TestServer, answer};
use crate::provider::upstream_tls;
use crate::saved_card::InsuranceFields;
use serde_json::{Value, json};

fn client(server: &TestServer, path: &str, timeout: u64) -> CardWallClient {
    let config = UpstreamConfig {
        url: server.url(path),
        ca_file: Some(server.ca_file()),
        client_certificate: None,
        client_key: None,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_millis(timeout),
    };
    let resolver = Resolver::new(&EgressConfig::default()).unwrap();
    CardWallClient::new(&config, upstream_tls(&config).unwrap(), resolver)
}

/// Everything that a call needs.
struct Scene {
    server: TestServer,
    client: CardWallClient,
    keys: CardWallKeys,
    ids: RelationalIds,
}

impl Scene {
    fn new(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let server = TestServer::start(script);
        let client = client(&server, "/v2/", 5000);
        let ids = RelationalIds::parse([Some("cust-1"), None, Some("a\"b\\c")]).ok().unwrap();
        Self { server, client, keys: CardWallKeys::parse("key-1", "client-1").unwrap(), ids }
    }

    fn answering(status: u16, body: impl ToString + Send + Sync + 'static) -> Self {
        let head = "Content-Type: application/json\r\n";
        Self::new(move |_| Reply::Keep(answer(status, head, &body.to_string())))
    }

    fn call(&self, scope: Scope) -> SavedCardsCall<'_> {
        SavedCardsCall { keys: &self.keys, ids: &self.ids, scope }
    }

    async fn list(&self, scope: Scope) -> Result<Vec<SavedCard>, CardWallError> {
        self.client.list(self.call(scope)).await
    }

    async fn save(&self) -> Result<Option<UniqueCode>, CardWallError> {
        self.client.save(self.call(Scope::Insurance), &card()).await
    }

    async fn delete(&self, scope: Scope) -> Result<(), CardWallError> {
        self.client.delete(self.call(scope), &UniqueCode::parse("code-1").unwrap()).await
    }

    /// What came of a listing, in a word.
    async fn word(&self) -> String {
        match self.list(Scope::Insurance).await {
            Ok(cards) => format!("{} cards", cards.len()),
            Err(CardWallError::Refused(code)) => format!("code {}", code.0),
            Err(error) => error.name().to_owned(),
        }
    }
}

fn card() -> NewInsuranceCard {
    let fields = InsuranceFields {
        nickname: Some("Kartım \"1\""),
        holder_name: Some("Şule Çağ"),
        bin: Some("43550930"),
        last_four: Some("7068"),
        identity: Some("10000000146"),
        expire_month: Some(11),
        expire_year: Some(2040),
    };
    NewInsuranceCard::parse(fields, Month::new(2026, 11).unwrap()).ok().unwrap()
}

fn success(body: Value) -> Value {
    let mut answer = json!({ "ErrorCode": 0, "Result": true, "Message": "" });
    answer["Body"] = body;
    answer
}

fn listed() -> Value {
    json!({
        "Scope": 2, "Name": "test kartı", "Identity": "10000000146", "CardBin": "43550930", "CardLastFour": "7068",
        "CardHolderName": "Şule Çağ", "Expired": false, "CardTypeId": 1, "CardType": "Credit", "Month": 11,
        "Year": 2040, "UniqueCode": "5d1c3b1e-8f53",
    })
}

/// A header's value; the server writes names and values in lower case.
fn header<'a>(request: &'a Received, name: &str) -> Option<&'a str> {
    let line = |line: &'a str| line.split_once(": ").filter(|(one, _)| *one == name);
    request.head.lines().find_map(line).map(|(_, value)| value)
}

#[tokio::test]
async fn a_listing_says_whose_cards_in_headers() {
    let scene = Scene::answering(200, success(json!([listed()])));
    let cards = scene.list(Scope::Insurance).await.ok().unwrap();
    let card = &cards[0];
    assert_eq!((card.nickname.as_deref(), card.holder_name.as_deref()), (Some("test kartı"), Some("Şule Çağ")));
    assert_eq!((card.bin.as_str(), card.last_four.as_str(), card.brand()), ("43550930", "7068", Brand::Visa));
    assert_eq!((card.expiry, card.is_expired), (Month::new(2040, 11), false));
    assert_eq!(card.identity.as_deref(), Some("10*******46"), "masked at once");
    assert_eq!(card.code.as_ref().map(UniqueCode::expose), Some("5d1c3b1e-8f53"));
    scene.list(Scope::Ecommerce).await.ok().unwrap();
    let requests = scene.server.requests();
    assert!(requests[0].head.starts_with("get /v2/paywall/card/insurance http/1.1\r\n"), "{}", requests[0].head);
    assert!(requests[1].head.starts_with("get /v2/paywall/card http/1.1\r\n"), "{}", requests[1].head);
    for request in &requests {
        let sent =
            ["apikeyprivate", "apiclientprivate", "relationalid1", "relationalid2", "relationalid3", "includedetails"]
                .map(|name| header(request, name));
        let expected = [Some("key-1"), Some("client-1"), Some("cust-1"), None, Some("a\"b\\c"), Some("false")];
        assert_eq!((sent, request.body.as_str()), (expected, ""));
    }
}

#[tokio::test]
async fn a_card_is_saved_with_its_fields_below_card() {
    let scene = Scene::answering(200, success(listed()));
    let code = scene.save().await.ok().unwrap();
    assert_eq!(code.as_ref().map(UniqueCode::expose), Some("5d1c3b1e-8f53"));
    let request = &scene.server.requests()[0];
    assert!(request.head.starts_with("post /v2/paywall/card/insurance http/1.1\r\n"), "{}", request.head);
    assert_eq!(header(request, "apikeyprivate"), Some("key-1"));
    let expected = json!({
        "RelationalId1": "cust-1", "RelationalId3": "a\"b\\c",
        "Card": {
            "Nickname": "Kartım \"1\"", "HolderName": "Şule Çağ", "CardBin": "43550930", "CardLastFour": "7068",
            "Identity": "10000000146", "Month": 11, "Year": 2040,
        },
        "IncludeDetails": false,
    });
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), expected);
}

#[tokio::test]
async fn a_saved_card_is_saved_whatever_the_answer_looks_like() {
    for body in [json!(null), json!({}), json!([]), json!("saved"), json!({ "UniqueCode": 7 })] {
        let scene = Scene::answering(200, success(body.clone()));
        assert!(scene.save().await.is_ok_and(|code| code.is_none()), "{body}");
    }
    let nested = json!({ "Card": listed() });
    assert!(Scene::answering(200, success(nested)).save().await.is_ok_and(|code| code.is_some()));
}

#[tokio::test]
async fn a_card_is_deleted_by_a_body() {
    for (scope, path) in [(Scope::Insurance, "/v2/paywall/card/insurance"), (Scope::Ecommerce, "/v2/paywall/card")] {
        let scene = Scene::answering(200, success(json!(null)));
        scene.delete(scope).await.ok().unwrap();
        let request = &scene.server.requests()[0];
        assert!(request.head.starts_with(&format!("delete {path} http/1.1\r\n")), "{}", request.head);
        let expected = json!({ "RelationalId1": "cust-1", "RelationalId3": "a\"b\\c", "UniqueCode": "code-1" });
        assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), expected);
        assert_eq!(header(request, "content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn both_nestings_and_masked_numbers_are_read() {
    let mut number = listed();
    for name in ["CardBin", "CardLastFour", "Identity", "Scope", "Month", "Year"] {
        number.as_object_mut().unwrap().remove(name);
    }
    let mut unmasked = number.clone();
    number["CardNumber"] = json!("435509******7068");
    unmasked["CardNumber"] = json!("4355093000777068");
    unmasked["Name"] = json!("kart 4355 0930 0077 7068");
    let nested = json!({ "Card": number, "UniqueCode": "outer" });
    for (body, nickname) in [(number, "test kartı"), (nested, "test kartı"), (unmasked, "kart **** **** **** ****")] {
        let cards = Scene::answering(200, success(json!([body]))).list(Scope::Ecommerce).await.ok().unwrap();
        let card = &cards[0];
        assert_eq!((card.bin.as_str(), card.last_four.as_str(), card.expiry), ("435509", "7068", None));
        assert_eq!((card.nickname.as_deref(), card.identity.as_deref()), (Some(nickname), None));
    }
}

#[tokio::test]
async fn nothing_but_the_protocol_is_believed() {
    let with = |field: &str, value: Value| {
        let mut card = listed();
        card[field] = value;
        success(json!([card]))
    };
    let cases = [
        (200, success(json!([])), "0 cards"),
        (200, json!({ "ErrorCode": 22, "Result": false, "Message": "yok", "Body": null }), "0 cards"),
        (404, json!({ "ErrorCode": 22, "Result": false, "Message": "yok", "Body": null }), "0 cards"),
        (200, json!({ "ErrorCode": 2, "Result": false, "Message": 7, "Body": { "x": [1] } }), "code 2"),
        (400, json!({ "ErrorCode": -1, "Result": false }), "code -1"),
        (200, json!({ "ErrorCode": 0, "Result": false, "Body": [] }), "wrong_shape"),
        (200, json!({ "ErrorCode": 7, "Result": true, "Body": [] }), "wrong_shape"),
        (200, json!({ "ErrorCode": "0", "Result": true, "Body": [] }), "wrong_shape"),
        (200, json!({ "ErrorCode": 0, "Result": "true", "Body": [] }), "wrong_shape"),
        (200, json!({ "Result": true, "Body": [] }), "wrong_shape"),
        (200, success(json!(null)), "wrong_shape"),
        (200, success(listed()), "wrong_shape"),
        (200, success(json!([7])), "wrong_shape"),
        (200, with("UniqueCode", json!(7)), "wrong_shape"),
        (200, with("UniqueCode", json!(null)), "wrong_shape"),
        (200, with("UniqueCode", json!("a b")), "wrong_shape"),
        (200, with("CardBin", json!(43_550_930)), "wrong_shape"),
        (200, with("CardBin", json!("4355093000")), "wrong_shape"),
        (200, with("CardLastFour", json!("70687")), "wrong_shape"),
        (200, with("Expired", json!("false")), "wrong_shape"),
        (200, with("Expired", json!(null)), "wrong_shape"),
        (200, with("Month", json!(13)), "wrong_shape"),
        (200, with("Month", json!("11")), "wrong_shape"),
        (200, with("Year", json!(40)), "wrong_shape"),
        (200, with("Name", json!(["x"])), "wrong_shape"),
        (200, with("Extra", json!({ "deep": [[]] })), "1 cards"),
        (200, with("Identity", json!("")), "1 cards"),
        (400, success(json!([])), "status"),
        (401, json!({ "ErrorCode": -1, "Result": false }), "keys"),
        (403, json!("no"), "keys"),
        (302, success(json!([])), "redirect"),
        (500, json!({ "ErrorCode": -1, "Result": false }), "status"),
    ];
    for (status, body, word) in cases {
        assert_eq!(Scene::answering(status, body.clone()).word().await, word, "{status} {body}");
    }
    for text in ["", "<html>", "{", "{\"ErrorCode\":0,\"Result\":true,\"Body\":[{\"Name\":\"x"] {
        assert_eq!(Scene::answering(200, text).word().await, "not_json", "{text}");
    }
    let large = success(json!([{ "Name": "x".repeat(LONGEST_ANSWER) }]));
    assert_eq!(Scene::answering(200, large).word().await, "too_large");
}

#[tokio::test]
async fn errors_say_nothing_of_what_was_sent_or_answered() {
    let echo = json!({ "ErrorCode": 13, "Result": false, "Message": "Şule Çağ 10000000146 4355093000777068 cust-1" });
    let mut odd = listed();
    odd["Month"] = json!("10000000146");
    for body in [echo, success(json!([odd]))] {
        let scene = Scene::answering(200, body);
        for error in [scene.list(Scope::Insurance).await.err(), scene.save().await.err()].into_iter().flatten() {
            let said = format!("{error} {error:?}");
            for secret in ["Şule", "10000000146", "4355093000777068", "cust-1", "key-1"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_asked_twice() {
    for reply in [|| Reply::Drop, || Reply::Close(answer(500, "", "")), || Reply::Silence] {
        let mut scene = Scene::new(move |_| reply());
        scene.client = client(&scene.server, "", 300);
        let failures = [scene.save().await.err().unwrap(), scene.delete(Scope::Insurance).await.err().unwrap()];
        assert!(failures.iter().all(CardWallError::may_be_done), "{failures:?}");
        assert_eq!(scene.server.requests().len(), 2);
    }
    let server = TestServer::start(|_| Reply::Drop);
    let mut scene = Scene::new(|_| Reply::Drop);
    // Nobody listens there any more.
    scene.client = client(&server, "", 2000);
    drop(server);
    let error = scene.save().await.err().unwrap();
    assert!(!error.may_be_done(), "{error}");
}

#[tokio::test]
async fn an_answer_that_repeats_a_card_number_ends_its_connection() {
    let mut card = listed();
    card["Name"] = json!("4355093000777068");
    for (card, connections) in [(listed(), 1), (card, 3)] {
        let scene = Scene::answering(200, success(json!([card])));
        for _ in 0..3 {
            scene.list(Scope::Insurance).await.ok().unwrap();
        }
        assert_eq!(scene.server.connections(), connections);
    }
}
