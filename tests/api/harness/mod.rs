//! What a test needs to act as merchant, cardholder, provider and operator.

mod app;
mod client;
mod dns;
mod form;
mod log;
mod merchant;
#[path = "../../shared/multipart.rs"]
mod multipart;
#[path = "../../shared/postgres.rs"]
mod postgres;
#[path = "../../shared/result.rs"]
mod result;
mod sandbox;
mod scene;
mod service;
mod setup;
mod store;
mod tamper;

pub use app::{Session, TestApp, form_token, wanted};
pub use client::Answer;
pub use dns::NameServer;
pub use form::{Card, expiry_in};
pub use log::{install_log, keep_log, logged};
pub use merchant::Reply;
pub use multipart::Form;
pub use postgres::Postgres;
pub use result::{Query, verify};
pub use scene::{PATIENCE, eventually};
pub use setup::{NOBODY, Setup};
pub use store::Database;
pub use tamper::Tamper;
