//! What the shop shows.

use super::Shop;
use super::orders::Outcome;
use super::texts::{Language, Texts};
use crate::sandbox::magic::{SandboxCard, TEST_CARDS};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(config = "src/sandbox/askama.toml", path = "shop/product.html")]
struct ProductPage<'a> {
    language: Language,
    texts: &'a Texts,
    window: &'a str,
    ca_file: String,
    cards: &'a [SandboxCard],
}

#[derive(Template)]
#[template(config = "src/sandbox/askama.toml", path = "shop/receipt.html")]
struct ReceiptPage<'a> {
    language: Language,
    texts: &'a Texts,
    conversation_id: &'a str,
    outcome: &'a Outcome,
    called_back: bool,
}

#[derive(Template)]
#[template(config = "src/sandbox/askama.toml", path = "shop/notice.html")]
struct NoticePage<'a> {
    language: Language,
    texts: &'a Texts,
    message: [&'a str; 2],
}

/// Why there is no receipt.
#[derive(Clone, Copy)]
pub(super) enum Notice {
    /// The customer gave up.
    Canceled,
    /// The session ended without a token.
    NotPaid,
    /// The query was not the window's, or not this shop's.
    NotGenuine,
    /// The window does not answer as it should.
    Unavailable,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    lang: Option<Language>,
}

/// `GET /`
pub(super) async fn product(shop: web::Data<Shop>, choice: web::Query<Choice>, request: HttpRequest) -> HttpResponse {
    let accepted = request.headers().get("Accept-Language").and_then(|value| value.to_str().ok());
    let language = choice.lang.unwrap_or_else(|| Language::preferred(accepted.unwrap_or_default()));
    let window = shop.settings.window_url.as_str().trim_end_matches('/');
    let page = ProductPage {
        language,
        texts: language.texts(),
        window,
        ca_file: shop.settings.ca_file.display().to_string(),
        cards: &TEST_CARDS,
    };
    // The form's answer redirects to the window, which form-action covers too.
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self' {window}; \
         form-action 'self' {window}; base-uri 'none'; frame-ancestors 'none'"
    );
    html(StatusCode::OK, &policy, &page)
}

/// The customer's receipt. Until the callback has come, its script asks for it;
/// without scripts the page itself comes back.
pub(super) fn receipt(conversation_id: &str, outcome: &Outcome, called_back: bool, language: Language) -> HttpResponse {
    let page = ReceiptPage { language, texts: language.texts(), conversation_id, outcome, called_back };
    html(StatusCode::OK, POLICY, &page)
}

/// A page with a message and the way back.
pub(super) fn notice(notice: Notice, language: Language) -> HttpResponse {
    let texts = language.texts();
    let (status, message) = match notice {
        Notice::Canceled => (StatusCode::OK, texts.canceled),
        Notice::NotPaid => (StatusCode::OK, texts.not_paid),
        Notice::NotGenuine => (StatusCode::BAD_REQUEST, texts.not_genuine),
        Notice::Unavailable => (StatusCode::BAD_GATEWAY, texts.unavailable),
    };
    html(status, POLICY, &NoticePage { language, texts, message })
}

/// `GET /orders/{conversationId}`: what is known of an order.
pub(super) async fn order(shop: web::Data<Shop>, conversation_id: web::Path<String>) -> HttpResponse {
    let Some(order) = shop.orders().find(&conversation_id).cloned() else {
        return HttpResponse::NotFound().json(json!({ "error": "no such order" }));
    };
    HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(json!({
        "conversationId": *conversation_id,
        "session": order.session,
        "result": order.result,
        "callback": order.callback,
        "violations": order.violations,
    }))
}

/// `GET /ca.pem`: the authority to import into a browser.
pub(super) async fn certificate_authority(shop: web::Data<Shop>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/x-pem-file")
        .insert_header(("Content-Disposition", "attachment; filename=\"vezne-development-ca.pem\""))
        .body(shop.certificate_authority.clone())
}

/// `GET /shop.css`
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("shop.css"))
}

/// `GET /shop.js`
pub(super) async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(include_str!("shop.js"))
}

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn html(status: StatusCode, policy: &str, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(body) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header(("Content-Security-Policy", policy))
            .insert_header(("Cache-Control", "no-store"))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .body(body),
        Err(error) => {
            tracing::error!(%error, "page not rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}
