//! vezne, the card window: takes a card on a hosted page, hands the merchant a
//! token, forgets the card.
//!
//! ```text
//! merchant backend ──POST /v1/sessions──▶ api                 a session and its secret URL
//! browser ─────────GET  /c/{secret}─────▶ page                the hosted card form
//! browser ─────────POST /c/{secret}─────▶ intake ─▶ card      the only door a PAN enters by
//!                                         provider            sign, forward, believe or refuse
//!                                         session ─▶ store    one outcome, once, with its event
//!                                         handoff             signed redirect, form or message · signed callback
//! merchant backend ◀──callback / GET /v1/sessions/{id}──      the card token
//! ```
//!
//! Dependencies point one way:
//! `cli → startup → page, intake, api → provider, handoff, store → session, merchant, card`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod api;
pub mod card;
pub mod cli;
pub mod config;
pub mod egress;
pub mod error;
pub mod handoff;
pub mod hardening;
pub mod id;
pub mod intake;
pub mod merchant;
pub mod page;
pub mod provider;
pub mod routes;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod sdk;
pub mod server;
pub mod session;
pub mod startup;
pub mod store;
pub mod telemetry;
pub mod window;
