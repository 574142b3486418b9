//! The sandbox's console: what was called and how it ended, and which cards there are.

use super::journal::Journal;
use super::magic::{MAGIC_CARDS, SandboxCard, TEST_CARDS};
use super::service::Sandbox;
use actix_web::{HttpResponse, Responder, error, web};
use askama::Template;
use serde_json::json;

#[derive(Template)]
#[template(config = "src/sandbox/askama.toml", path = "console.html")]
struct Console<'a> {
    journal: &'a Journal,
    magic: &'a [SandboxCard],
    test: &'a [SandboxCard],
}

/// `GET /`
pub(super) async fn page(sandbox: web::Data<Sandbox>) -> actix_web::Result<HttpResponse> {
    let journal = sandbox.journal().clone();
    let html = Console { journal: &journal, magic: &MAGIC_CARDS, test: &TEST_CARDS }
        .render()
        .map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok()
        .insert_header(("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header(("Cache-Control", "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(html))
}

/// `GET /calls`
pub(super) async fn calls(sandbox: web::Data<Sandbox>) -> impl Responder {
    web::Json(sandbox.journal().clone())
}

/// `GET /cards`
pub(super) async fn cards() -> impl Responder {
    web::Json(json!({ "magic": MAGIC_CARDS.as_slice(), "test": TEST_CARDS.as_slice() }))
}
