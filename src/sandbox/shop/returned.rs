//! The way back: a signed result, in a query or in a body, is verified before
//! anything is believed. It may come twice, and means the same then.

use super::Shop;
use super::orders::Outcome;
use super::pages::{self, Notice};
use super::texts::Language;
use super::verify::SessionResult;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use std::io::{Error, Result};
use url::form_urlencoded;

/// The language that the shop wrote into its own addresses.
#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    lang: Language,
}

/// `GET /return`: the hand-off by redirect. Shows the receipt.
pub(super) async fn by_redirect(
    shop: web::Data<Shop>,
    choice: web::Query<Choice>,
    result: std::result::Result<web::Query<SessionResult>, actix_web::Error>,
) -> HttpResponse {
    let Ok(result) = result else { return pages::notice(Notice::NotGenuine, choice.lang) };
    match take(&shop, &result).await {
        Ok(outcome) => show(&shop, &result.conversation_id, &outcome, choice.lang),
        Err(notice) => pages::notice(notice, choice.lang),
    }
}

/// `POST /return`: the hand-off by a posted form, and what the shop's own page
/// got from the frame. The window's form comes from another site, without the
/// shop's cookies: so the result is all that counts, and the customer is sent on
/// (303) to an address that can be reloaded.
pub(super) async fn by_body(
    shop: web::Data<Shop>,
    choice: web::Query<Choice>,
    result: std::result::Result<web::Form<SessionResult>, actix_web::Error>,
) -> HttpResponse {
    let Ok(result) = result else { return pages::notice(Notice::NotGenuine, choice.lang) };
    if let Err(notice) = take(&shop, &result).await {
        return pages::notice(notice, choice.lang);
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("lang", choice.lang.code()).append_pair("order", &result.conversation_id);
    HttpResponse::SeeOther().insert_header((LOCATION, format!("/receipt?{}", query.finish()))).finish()
}

/// Believes a genuine result of an order of this shop, and notes its outcome.
async fn take(shop: &Shop, result: &SessionResult) -> std::result::Result<Outcome, Notice> {
    let ours = shop
        .orders()
        .find(&result.conversation_id)
        .is_some_and(|order| order.session.as_ref() == Some(&result.session));
    if !result.is_genuine(&shop.settings.signing_secret) || !ours {
        return Err(Notice::NotGenuine);
    }
    match result.status.as_str() {
        "completed" => {}
        "canceled" => return Err(Notice::Canceled),
        _ => return Err(Notice::NotPaid),
    }
    let outcome = fetch_result(shop, result).await.map_err(|error| {
        tracing::warn!(%error, "the window did not tell the token");
        Notice::Unavailable
    })?;
    shop.orders().returned(&result.conversation_id, outcome.clone());
    Ok(outcome)
}

/// The window itself says it once more, with the token and what is known of the
/// card: what a redirect does not carry, and what no browser vouches for.
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

/// The address of a receipt.
#[derive(Deserialize)]
pub(super) struct Receipt {
    #[serde(default)]
    lang: Language,
    order: String,
}

/// `GET /receipt`
pub(super) async fn receipt(shop: web::Data<Shop>, asked: web::Query<Receipt>) -> HttpResponse {
    let outcome = shop.orders().find(&asked.order).and_then(|order| order.result.clone());
    match outcome {
        Some(outcome) => show(&shop, &asked.order, &outcome, asked.lang),
        None => pages::notice(Notice::NotPaid, asked.lang),
    }
}

fn show(shop: &Shop, conversation_id: &str, outcome: &Outcome, language: Language) -> HttpResponse {
    let called_back = shop.orders().find(conversation_id).is_some_and(|order| order.callback.is_some());
    pages::receipt(conversation_id, outcome, called_back, language)
}

/// `GET /cancel` and `POST /cancel`
pub(super) async fn canceled(choice: web::Query<Choice>) -> HttpResponse {
    pages::notice(Notice::Canceled, choice.lang)
}
