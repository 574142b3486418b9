//! Emulators of the upstream systems and the demo shop.
//!
//! Cargo feature `sandbox`; a production build has none of it. The card-token
//! service is [`Sandbox`], put into an application by [`routes`]; saved cards are
//! in [`cardwall`].

pub mod cardwall;
pub mod certificates;
pub mod demo;
pub mod gallery;
pub mod magic;
pub mod merchant;
pub mod private_file;
pub mod production;
pub mod signature;

mod answer;
mod check;
mod console;
mod form;
mod journal;
mod recent;
mod service;
pub mod shop;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use journal::{Call, Journal};
pub use merchant::{SandboxKeys, SandboxMerchant};
pub use service::{Sandbox, TOKEN_PATH};

use actix_web::{HttpResponse, web};

/// The emulated service and its console. The application must hold a
/// `web::Data<Sandbox>`.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route(TOKEN_PATH, web::post().to(service::card_token))
        .configure(cardwall::routes)
        .route(answer::REDIRECTED_PATH, web::route().to(redirected))
        .route("/", web::get().to(console::page))
        .route("/calls", web::get().to(console::calls))
        .route("/cards", web::get().to(console::cards))
        .route("/livez", web::get().to(async || "ok"));
}

/// Nobody should come here: a client that follows redirects shows up in the journal.
async fn redirected(sandbox: web::Data<Sandbox>) -> HttpResponse {
    sandbox.record(None, "redirect_followed", None);
    HttpResponse::Ok().body("followed")
}
