//! `POST /callback`: the window tells how a session ended, whether or not the
//! customer comes back.

use super::Shop;
use super::verify::{SessionResult, WebhookHeaders};
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// An event; what is in it depends on its type.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

/// Answers 204 to a genuine callback, also when it was delivered before; 401
/// to one that the window did not send; 400 to one that makes no sense.
pub(super) async fn receive(shop: web::Data<Shop>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let headers = WebhookHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    if !headers.vouch_for(&body, &shop.settings.webhook_secret, Timestamp::now().as_second()) {
        return HttpResponse::Unauthorized().finish();
    }
    let Ok(Event { kind, data }) = serde_json::from_slice(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    if kind == "page.violation" {
        let said = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
        shop.orders().page_violated(said("conversationId"), said("directive"));
    }
    // A type that this shop does not know is taken and left alone.
    if !kind.starts_with("session.") {
        return HttpResponse::NoContent().finish();
    }
    let Ok(data) = serde_json::from_value::<SessionResult>(data) else {
        return HttpResponse::BadRequest().finish();
    };
    if !data.is_genuine(&shop.settings.signing_secret) {
        return HttpResponse::Unauthorized().finish();
    }
    let conversation_id = data.conversation_id.clone();
    shop.orders().called_back(headers.id, &conversation_id, data.into());
    HttpResponse::NoContent().finish()
}
