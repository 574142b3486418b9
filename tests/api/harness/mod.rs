//! What a test needs to act as merchant, cardholder, provider and operator.

mod app;
mod client;
mod dns;
mod form;
mod merchant;
mod result;
mod sandbox;
mod scene;

pub use app::{Handoff, Page, Session, TestApp, form_token};
pub use client::Answer;
pub use dns::NameServer;
pub use form::{Card, Form, expiry_in};
pub use merchant::{Received, Reply};
pub use result::{Query, verify};
pub use scene::{PATIENCE, TempDir, eventually};
