//! The way to the window: a session for each of the three hand-offs.

use super::Shop;
use super::pages::{self, Notice};
use super::texts::Language;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{Error, Result};
use uuid::Uuid;

/// The pay buttons' form.
#[derive(Deserialize)]
pub(super) struct Checkout {
    #[serde(default)]
    lang: Language,
    #[serde(default)]
    handoff: Handoff,
}

/// How the customer gets to the card form and its result back.
#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Handoff {
    /// The window's page, and back by a query.
    #[default]
    Redirect,
    /// The window's page, and back by a posted form.
    FormPost,
    /// The window's page in a frame of the shop's.
    Message,
}

/// `POST /checkout`: makes a session and sends the customer to its page, or to
/// the shop's page that has it in a frame.
pub(super) async fn checkout(shop: web::Data<Shop>, form: web::Form<Checkout>) -> HttpResponse {
    match open_session(&shop, &form).await {
        Ok(location) => HttpResponse::SeeOther().insert_header((LOCATION, location)).finish(),
        Err(error) => {
            tracing::warn!(%error, "the window made no session");
            pages::notice(Notice::Unavailable, form.lang)
        }
    }
}

async fn open_session(shop: &Shop, &Checkout { lang, handoff }: &Checkout) -> Result<String> {
    let address = |path: &str| {
        let mut url = shop.settings.shop_url.join(path).map_err(Error::other)?;
        url.query_pairs_mut().append_pair("lang", lang.code());
        Ok::<_, Error>(url)
    };
    let conversation_id = format!("order-{}", Uuid::now_v7());
    let mut session = json!({
        "purpose": "tokenize",
        "conversationId": conversation_id,
        "returnUrl": address("return")?,
        "cancelUrl": address("cancel")?,
        "callbackUrl": shop.settings.callback_url,
        "handoff": handoff,
        "locale": lang.code(),
    });
    if handoff == Handoff::Message {
        session["embedOrigin"] = shop.settings.shop_url.origin().ascii_serialization().into();
    }
    let answer = shop.client.post("/v1/sessions", &conversation_id, &session).await?;
    let (201, Some(id), Some(url)) = (answer.status, answer.body["id"].as_str(), answer.body["url"].as_str()) else {
        return Err(Error::other(format!("status {}: {}", answer.status, answer.body["title"])));
    };
    shop.orders().add(conversation_id.clone(), id.to_owned(), url.to_owned());
    if handoff != Handoff::Message {
        return Ok(url.to_owned());
    }
    let mut page = address("pay")?;
    page.query_pairs_mut().append_pair("order", &conversation_id);
    Ok(page.into())
}
