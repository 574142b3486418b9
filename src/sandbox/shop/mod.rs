//! The demo shop: a merchant's site in small, in three languages, that takes
//! cards through the window and never sees one.
//!
//! It is written as a merchant would write it, from the public documentation:
//! its own HTTP client, its own verification, nothing of the window's insides.

mod callback;
mod checkout;
mod client;
mod embedded;
mod orders;
mod pages;
mod returned;
mod settings;
#[cfg(test)]
mod tests;
mod texts;
mod verify;

pub use settings::ShopSettings;

use actix_web::web;
use client::Client;
use orders::Orders;
use std::io::Result;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shop and its orders. Share it with [`web::Data`].
pub struct Shop {
    settings: ShopSettings,
    client: Client,
    orders: Mutex<Orders>,
    certificate_authority: Vec<u8>,
}

impl Shop {
    /// A shop without orders.
    ///
    /// # Errors
    /// When the authority that vouches for the window cannot be read.
    pub fn new(settings: ShopSettings) -> Result<Self> {
        Ok(Self {
            certificate_authority: std::fs::read(&settings.ca_file)?,
            client: Client::new(&settings)?,
            orders: Mutex::default(),
            settings,
        })
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shop's pages. The application must hold a `web::Data<Shop>`.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(64 * 1024))
        .route("/", web::get().to(pages::product))
        .route("/checkout", web::post().to(checkout::checkout))
        .route("/pay", web::get().to(embedded::pay))
        .route("/return", web::get().to(returned::by_redirect))
        .route("/return", web::post().to(returned::by_body))
        .route("/receipt", web::get().to(returned::receipt))
        .route("/cancel", web::get().to(returned::canceled))
        .route("/cancel", web::post().to(returned::canceled))
        .route("/callback", web::post().to(callback::receive))
        .route("/orders/{conversation_id}", web::get().to(pages::order))
        .route("/ca.pem", web::get().to(pages::certificate_authority))
        .route("/shop.css", web::get().to(pages::style))
        .route("/shop.js", web::get().to(pages::script))
        .route("/embedded.js", web::get().to(embedded::script))
        .route("/livez", web::get().to(async || "ok"));
}
