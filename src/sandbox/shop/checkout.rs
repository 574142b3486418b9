//! The way to the window and back.

use super::Shop;
use super::orders::Outcome;
use super::pages::{self, Notice};
use super::texts::Language;
use super::verify::SessionResult;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use std::io::{Error, Result};
use uuid::Uuid;

/// The pay button's form.
#[derive(Deserialize)]
pub(super) struct Checkout {
    #[serde(default)]
    lang: Language,
}

/// `POST /checkout`: makes a session and sends the customer to its page.
pub(super) async fn checkout(shop: web::Data<Shop>, form: web::Form<Checkout>) -> HttpResponse {
    let language = form.lang;
    match open_session(&shop, language).await {
        Ok(url) => HttpResponse::SeeOther().insert_header((LOCATION, url)).finish(),
        Err(error) => {
            tracing::warn!(%error, "the window made no session");
            pages::notice(Notice::Unavailable, language)
        }
    }
}

async fn open_session(shop: &Shop, language: Language) -> Result<String> {
    let address = |path: &str| {
        let mut url = shop.settings.shop_url.join(path).map_err(Error::other)?;
        url.query_pairs_mut().append_pair("lang", language.code());
        Ok::<_, Error>(url)
    };
    let conversation_id = format!("order-{}", Uuid::now_v7());
    let session = json!({
        "purpose": "tokenize",
        "conversationId": conversation_id,
        "returnUrl": address("return")?,
        "cancelUrl": address("cancel")?,
        "callbackUrl": shop.settings.callback_url,
        "handoff": "redirect",
        "locale": language.code(),
    });
    let answer = shop.client.post("/v1/sessions", &conversation_id, &session).await?;
    match (answer.status, answer.body["id"].as_str(), answer.body["url"].as_str()) {
        (201, Some(id), Some(url)) => {
            shop.orders().add(conversation_id, id.to_owned());
            Ok(url.to_owned())
        }
        (status, ..) => Err(Error::other(format!("status {status}: {}", answer.body["title"]))),
    }
}

/// The query that the customer comes back with.
#[derive(Deserialize)]
pub(super) struct Returned {
    #[serde(default)]
    lang: Language,
    #[serde(flatten)]
    result: SessionResult,
}

/// `GET /return`: believes the signed query, fetches the token, shows the receipt.
pub(super) async fn returned(
    shop: web::Data<Shop>,
    query: std::result::Result<web::Query<Returned>, actix_web::Error>,
) -> HttpResponse {
    let Ok(web::Query(Returned { lang, result })) = query else {
        return pages::notice(Notice::NotGenuine, Language::default());
    };
    let ours = |shop: &Shop| {
        shop.orders().find(&result.conversation_id).is_some_and(|order| order.session.as_ref() == Some(&result.session))
    };
    if !result.is_genuine(&shop.settings.signing_secret) || !ours(&shop) {
        return pages::notice(Notice::NotGenuine, lang);
    }
    if result.status != "completed" {
        return pages::notice(Notice::NotPaid, lang);
    }
    match fetch_result(&shop, &result).await {
        Ok(outcome) => {
            shop.orders().returned(&result.conversation_id, outcome.clone());
            pages::receipt(&result.conversation_id, &outcome, lang)
        }
        Err(error) => {
            tracing::warn!(%error, "the window did not tell the token");
            pages::notice(Notice::Unavailable, lang)
        }
    }
}

/// The token stays out of the URL: the shop's server asks for it.
async fn fetch_result(shop: &Shop, signed: &SessionResult) -> Result<Outcome> {
    let answer = shop.client.get(&format!("/v1/sessions/{}", signed.session)).await?;
    let token = answer.body["cardToken"].as_str().map(str::to_owned);
    let card = serde_json::from_value(answer.body["card"].clone()).map_err(Error::other)?;
    let result = SessionResult { card_token: token, card, ..signed.clone() };
    if answer.status != 200 || result.card_token.is_none() || !result.is_genuine(&shop.settings.signing_secret) {
        return Err(Error::other(format!("status {}: no token for session {}", answer.status, signed.session)));
    }
    Ok(result.into())
}

/// The query of a customer who gave up.
#[derive(Deserialize)]
pub(super) struct Canceled {
    #[serde(default)]
    lang: Language,
}

/// `GET /cancel`
pub(super) async fn canceled(query: web::Query<Canceled>) -> HttpResponse {
    pages::notice(Notice::Canceled, query.lang)
}
