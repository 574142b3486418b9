//! The shop over HTTP, with a small stand-in for the window's API.

use super::{Shop, ShopSettings, routes};
use crate::sandbox::certificates::{DevCa, LOOPBACK_NAMES};
use crate::sandbox::testing::{Answer, Running, TempDir, request};
use crate::server::{ReloadingCertificate, tls_config};
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use url::form_urlencoded;

const SIGNING_SECRET: &str = "vzsig_test";
const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "dG9rZW4=";

struct TestShop {
    shop: Running,
    window: Running,
    /// The bodies of `POST /v1/sessions`.
    created: Arc<Mutex<Vec<Value>>>,
    _directory: TempDir,
}

/// A result's fields, signed as the documentation says.
fn signed(session: &str, status: &str, conversation_id: &str, token: Option<&str>) -> Value {
    let timestamp = "2026-11-21T10:00:00Z";
    let token_digest =
        token.map(|token| BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()));
    let token_digest = token_digest.unwrap_or_default();
    let text = ["vezne-result-v1", session, status, conversation_id, timestamp, &token_digest].join("\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING_SECRET.as_bytes());
    json!({
        "session": session,
        "status": status,
        "conversationId": conversation_id,
        "timestamp": timestamp,
        "tokenDigest": token_digest,
        "signature": BASE64URL_NOPAD.encode(hmac::sign(&key, text.as_bytes()).as_ref()),
    })
}

fn window_api(config: &mut web::ServiceConfig, created: &Arc<Mutex<Vec<Value>>>) {
    let sessions = created.clone();
    let create = move |request: HttpRequest, body: web::Json<Value>| {
        let mut sessions = sessions.lock().unwrap();
        assert_eq!(request.headers().get("Authorization").unwrap(), "Bearer vz_test_key");
        assert_eq!(request.headers().get("Idempotency-Key").unwrap(), body["conversationId"].as_str().unwrap());
        sessions.push(body.into_inner());
        let id = format!("ses_{}", sessions.len());
        let answer = json!({ "id": id, "url": format!("https://127.0.0.1:1/c/{id}-secret"), "status": "open" });
        async move { HttpResponse::Created().json(answer) }
    };
    let sessions = created.clone();
    let read = move |id: web::Path<usize>| {
        let conversation_id = sessions.lock().unwrap()[*id - 1]["conversationId"].as_str().unwrap().to_owned();
        let mut answer = signed(&format!("ses_{id}"), "completed", &conversation_id, Some(TOKEN));
        answer["cardToken"] = TOKEN.into();
        answer["card"] = json!({ "brand": "troy", "bin": "97920720", "lastFour": "7956" });
        async move { HttpResponse::Ok().json(answer) }
    };
    let manifest = async || {
        let file = json!({ "url": "https://127.0.0.1:1/sdk/v1/1.2.3/vezne.js", "integrity": "sha384-abc" });
        HttpResponse::Ok().json(json!({ "latest": "1.2.3", "versions": { "1.2.3": { "vezne.js": file } } }))
    };
    config
        .route("/v1/sessions", web::post().to(create))
        .route("/v1/sessions/ses_{id}", web::get().to(read))
        .route("/sdk/v1/manifest.json", web::get().to(manifest));
}

impl TestShop {
    fn start() -> Self {
        let directory = TempDir::new();
        let ca = DevCa::open_or_create(&directory).unwrap();
        let leaf = ca.issue("server", &LOOPBACK_NAMES).unwrap();
        let certificate = ReloadingCertificate::load(&leaf.certificate, &leaf.private_key).unwrap();
        let created = Arc::new(Mutex::new(Vec::new()));
        let api = created.clone();
        let window = Running::start(Some(tls_config(certificate).unwrap()), move |config| window_api(config, &api));
        let shop = web::Data::new(
            Shop::new(ShopSettings {
                window_url: format!("https://{}", window.address).parse().unwrap(),
                shop_url: "http://localhost:8444".parse().unwrap(),
                callback_url: "http://127.0.0.1:8444/callback".parse().unwrap(),
                api_key: "vz_test_key".into(),
                signing_secret: SIGNING_SECRET.into(),
                webhook_secret: WEBHOOK_SECRET.into(),
                ca_file: ca.file(),
            })
            .unwrap(),
        );
        let shop = Running::start(None, move |config| {
            config.app_data(shop.clone()).configure(routes);
        });
        Self { shop, window, created, _directory: directory }
    }

    fn get(&self, path: &str) -> Answer {
        request(self.shop.address, "GET", path, &[], b"").unwrap()
    }

    /// Presses the pay button; the new order's conversation id.
    fn check_out(&self) -> String {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = request(self.shop.address, "POST", "/checkout", &form, b"lang=en").unwrap();
        let created = self.created.lock().unwrap();
        let url = format!("https://127.0.0.1:1/c/ses_{}-secret", created.len());
        assert_eq!((answer.status, answer.header("location")), (303, Some(url.as_str())), "{answer:?}");
        created.last().unwrap()["conversationId"].as_str().unwrap().to_owned()
    }

    fn post(&self, path: &str, fields: &Value) -> Answer {
        let fields = fields.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        request(self.shop.address, "POST", path, &form, body.as_bytes()).unwrap()
    }

    fn come_back(&self, fields: &Value) -> Answer {
        let fields = fields.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
        let query = form_urlencoded::Serializer::new("lang=en&".to_owned()).extend_pairs(fields).finish();
        self.get(&format!("/return?{query}"))
    }

    fn call_back(&self, id: &str, data: &Value, change: impl Fn(String) -> String) -> u16 {
        let body = json!({ "type": "session.completed", "timestamp": data["timestamp"], "data": data }).to_string();
        let now = jiff::Timestamp::now().as_second();
        let signer = standardwebhooks::Webhook::new(WEBHOOK_SECRET).unwrap();
        let signature = signer.sign(id, now, body.as_bytes()).unwrap();
        let headers = [("webhook-id", id), ("webhook-timestamp", &now.to_string()), ("webhook-signature", &signature)];
        request(self.shop.address, "POST", "/callback", &headers, change(body).as_bytes()).unwrap().status
    }

    fn order(&self, conversation_id: &str) -> Value {
        self.get(&format!("/orders/{conversation_id}")).json()
    }
}

#[test]
fn a_customer_pays_and_the_callback_follows() {
    let shop = TestShop::start();
    let order = shop.check_out();
    let session = shop.created.lock().unwrap()[0].clone();
    assert_eq!((&session["purpose"], &session["handoff"]), (&json!("tokenize"), &json!("redirect")));
    assert_eq!(session["returnUrl"], "http://localhost:8444/return?lang=en");
    assert_eq!(session["cancelUrl"], "http://localhost:8444/cancel?lang=en");
    assert_eq!(session["callbackUrl"], "http://127.0.0.1:8444/callback");

    let receipt = shop.come_back(&signed("ses_1", "completed", &order, Some(TOKEN)));
    assert_eq!(receipt.status, 200, "{receipt:?}");
    for text in ["Thank you!", TOKEN, "troy •••• 7956", &order] {
        assert!(receipt.body.contains(text), "{text}: {}", receipt.body);
    }
    assert_eq!(
        (&shop.order(&order)["result"]["cardToken"], &shop.order(&order)["callback"]),
        (&json!(TOKEN), &Value::Null)
    );

    let mut data = signed("ses_1", "completed", &order, Some(TOKEN));
    data["cardToken"] = TOKEN.into();
    for _ in 0..2 {
        assert_eq!(shop.call_back("evt_1", &data, |body| body), 204);
    }
    assert_eq!(shop.order(&order)["callback"]["cardToken"], TOKEN);
}

#[test]
fn a_return_that_is_not_genuine_shows_no_receipt() {
    let shop = TestShop::start();
    let order = shop.check_out();
    let good = signed("ses_1", "completed", &order, Some(TOKEN));
    for name in ["session", "status", "conversationId", "timestamp", "tokenDigest", "signature"] {
        let mut changed = good.clone();
        changed[name] = "other".into();
        assert_eq!(shop.come_back(&changed).status, 400, "{name}");
        changed.as_object_mut().unwrap().remove(name);
        assert_eq!(shop.come_back(&changed).status, 400, "{name}");
    }
    let strangers = signed("ses_9", "completed", &order, Some(TOKEN));
    assert_eq!(shop.come_back(&strangers).status, 400, "another session's result");
    let refused = shop.come_back(&signed("ses_1", "failed", &order, None));
    assert!(refused.status == 200 && refused.body.contains("not completed"));
    assert_eq!(shop.order(&order)["result"], Value::Null);
}

#[test]
fn a_result_in_a_body_is_believed_as_one_in_a_query_and_leads_on() {
    let shop = TestShop::start();
    let order = shop.check_out();
    let mut result = signed("ses_1", "completed", &order, Some(TOKEN));
    result["cardToken"] = "b3RoZXI=".into();
    assert_eq!(shop.post("/return?lang=en", &result).status, 400, "another token than the signed one");
    result["cardToken"] = TOKEN.into();
    for _ in 0..2 {
        let answer = shop.post("/return?lang=en", &result);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(&*format!("/receipt?lang=en&order={order}")))
        );
    }
    let receipt = shop.get(&format!("/receipt?lang=en&order={order}"));
    assert!(receipt.status == 200 && receipt.body.contains("Thank you!") && receipt.body.contains(TOKEN));
    assert!(shop.get("/receipt?lang=en&order=none").body.contains("not completed"));
    let canceled = shop.post("/return?lang=en", &signed("ses_1", "canceled", &order, None));
    assert!(canceled.status == 200 && canceled.body.contains("You left the payment"));
}

#[test]
fn each_button_asks_for_its_hand_off_and_one_stays_in_the_shop() {
    let shop = TestShop::start();
    let posted = shop.post("/checkout", &json!({ "lang": "en", "handoff": "form_post" }));
    assert_eq!(posted.header("location"), Some("https://127.0.0.1:1/c/ses_1-secret"));
    let embedded = shop.post("/checkout", &json!({ "lang": "en", "handoff": "message" }));
    let created = shop.created.lock().unwrap().clone();
    assert_eq!((&created[0]["handoff"], &created[0]["embedOrigin"]), (&json!("form_post"), &Value::Null));
    assert_eq!(
        (&created[1]["handoff"], &created[1]["embedOrigin"]),
        (&json!("message"), &json!("http://localhost:8444"))
    );
    let path = embedded.header("location").and_then(|url| url.strip_prefix("http://localhost:8444")).unwrap();
    let page = shop.get(path);
    for text in [
        r#"<vezne-card session-url="https://127.0.0.1:1/c/ses_2-secret">"#,
        r#"src="https://127.0.0.1:1/sdk/v1/1.2.3/vezne.js" integrity="sha384-abc" crossorigin="anonymous""#,
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-src https://127.0.0.1:") && !policy.contains("unsafe"), "{policy}");
    assert!(shop.get("/pay?lang=en&order=none").body.contains("not completed"));
}

#[test]
fn a_callback_that_is_not_genuine_changes_nothing() {
    let shop = TestShop::start();
    let order = shop.check_out();
    let data = signed("ses_1", "completed", &order, Some(TOKEN));
    assert_eq!(shop.call_back("evt_1", &data, |body| body.replace("completed", "failed")), 401);
    let mut wrong_token = data.clone();
    wrong_token["cardToken"] = "b3RoZXI=".into();
    assert_eq!(shop.call_back("evt_1", &wrong_token, |body| body), 401);
    assert_eq!(shop.call_back("evt_2", &json!({ "timestamp": "x" }), |body| body), 400);
    assert_eq!(request(shop.shop.address, "POST", "/callback", &[], b"{}").unwrap().status, 401);
    assert_eq!(shop.order(&order)["callback"], Value::Null);
}

#[test]
fn the_product_page_speaks_both_languages_and_explains_the_certificate() {
    let shop = TestShop::start();
    let turkish = shop.get("/");
    assert!(turkish.body.contains("lang=\"tr\"") && turkish.body.contains("Kartla öde"));
    assert!(turkish.header("content-security-policy").unwrap().contains("form-action 'self' https://127.0.0.1:"));
    let english = shop.get("/?lang=en");
    assert!(english.body.contains("Pay by card") && english.body.contains("ca.pem"));
    assert!(shop.get("/ca.pem").body.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(shop.get("/shop.js").body.contains("/livez"));
    assert_eq!(shop.get("/shop.css").status, 200);
    assert!(shop.get("/cancel?lang=en").body.contains("You left the payment"));
    assert_eq!(shop.get("/orders/none").status, 404);
}

#[test]
fn without_a_window_the_customer_is_told() {
    let shop = TestShop::start();
    let window = shop.window.address;
    drop(shop.window);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(window).is_ok() {
        assert!(Instant::now() < deadline, "the window is still there");
        std::thread::yield_now();
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = request(shop.shop.address, "POST", "/checkout", &form, b"lang=en").unwrap();
    assert!(answer.status == 502 && answer.body.contains("cannot be reached"));
}
