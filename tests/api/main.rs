//! The service through its front doors: the merchants' API, the cardholder's
//! page, the provider and the merchant's endpoint, all over TLS on loopback.
//!
//! Each test starts a service of its own, so they run side by side.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

mod adversity;
mod audit;
mod bad_input;
mod breaker;
mod callbacks;
mod connections;
mod endpoints;
mod events;
mod failpoints;
mod graceful_end;
mod handoffs;
mod hardened;
mod headers;
mod idempotency;
mod journey;
mod keys;
mod leaks;
mod master_key;
mod mistakes;
mod page_verify;
mod postgres;
mod provider_faults;
mod proxy_protocol;
mod races;
mod retention;
mod sessions;
mod shown;
mod storage;
mod telemetry;
mod theme;
mod vectors;
mod verifiers;
mod violations;
mod wire;
