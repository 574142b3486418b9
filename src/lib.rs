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
//!
//! `unsafe` may stand in `hardening`, argued for block by block; in every other
//! module the compiler forbids it, and no `allow` below can take that back.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[forbid(unsafe_code)]
pub mod api;
#[forbid(unsafe_code)]
pub mod audit;
#[forbid(unsafe_code)]
pub mod card;
#[forbid(unsafe_code)]
pub mod cli;
#[forbid(unsafe_code)]
pub mod config;
#[forbid(unsafe_code)]
pub mod egress;
#[forbid(unsafe_code)]
pub mod error;
#[forbid(unsafe_code)]
pub mod failpoint;
#[forbid(unsafe_code)]
pub mod handoff;
pub mod hardening;
#[forbid(unsafe_code)]
pub mod health;
#[forbid(unsafe_code)]
pub mod id;
#[forbid(unsafe_code)]
pub mod intake;
#[forbid(unsafe_code)]
pub mod languages;
#[forbid(unsafe_code)]
pub mod merchant;
#[forbid(unsafe_code)]
pub mod page;
#[forbid(unsafe_code)]
pub mod provider;
#[forbid(unsafe_code)]
pub mod residue;
#[forbid(unsafe_code)]
pub mod retention;
#[forbid(unsafe_code)]
pub mod routes;
#[cfg(feature = "sandbox")]
#[forbid(unsafe_code)]
pub mod sandbox;
#[forbid(unsafe_code)]
pub mod sdk;
#[forbid(unsafe_code)]
pub mod server;
#[forbid(unsafe_code)]
pub mod session;
#[forbid(unsafe_code)]
pub mod startup;
#[forbid(unsafe_code)]
pub mod store;
#[forbid(unsafe_code)]
pub mod telemetry;
#[forbid(unsafe_code)]
pub mod trail;
#[forbid(unsafe_code)]
pub mod window;
