//! The shop's page that has the card form in a frame, by the window's SDK.

use super::Shop;
use super::pages::{self, Notice};
use super::texts::{Language, Texts};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::io::{Error, Result};

#[derive(Template)]
#[template(config = "src/sandbox/askama.toml", path = "shop/pay.html")]
struct PayPage<'a> {
    language: Language,
    texts: &'a Texts,
    session_url: &'a str,
    sdk: Sdk,
}

/// Where the SDK is, and the hash that the browser checks it against.
struct Sdk {
    url: String,
    integrity: String,
}

/// The address that the checkout led to.
#[derive(Deserialize)]
pub(super) struct Pay {
    #[serde(default)]
    lang: Language,
    order: String,
}

/// `GET /pay`
pub(super) async fn pay(shop: web::Data<Shop>, asked: web::Query<Pay>) -> HttpResponse {
    let session_url = shop.orders().find(&asked.order).and_then(|order| order.session_url.clone());
    let Some(session_url) = session_url else { return pages::notice(Notice::NotPaid, asked.lang) };
    let sdk = match find_sdk(&shop).await {
        Ok(sdk) => sdk,
        Err(error) => {
            tracing::warn!(%error, "the window has no SDK");
            return pages::notice(Notice::Unavailable, asked.lang);
        }
    };
    let window = shop.settings.window_url.origin().ascii_serialization();
    // What a shop's policy needs, and nothing else that a script could misuse.
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self' {window}; frame-src {window}; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    let page = PayPage { language: asked.lang, texts: asked.lang.texts(), session_url: &session_url, sdk };
    pages::html(StatusCode::OK, &policy, &page)
}

/// A shop writes the address and the hash of the version that it has tested into
/// its page. A demonstration has no yesterday: it asks.
async fn find_sdk(shop: &Shop) -> Result<Sdk> {
    let manifest = shop.client.get("/sdk/v1/manifest.json").await?.body;
    let file = manifest["latest"].as_str().map(|latest| &manifest["versions"][latest]["vezne.js"]);
    let text = |name: &str| {
        let value = file.and_then(|file| file[name].as_str());
        value.map(str::to_owned).ok_or_else(|| Error::other(format!("no {name} in the manifest")))
    };
    Ok(Sdk { url: text("url")?, integrity: text("integrity")? })
}

/// `GET /embedded.js`
pub(super) async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(include_str!("embedded.js"))
}
