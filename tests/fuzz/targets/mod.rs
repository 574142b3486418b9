//! What is fuzzed: one file per target, each with `check(data)`, which reads an
//! input of the target's own format and panics where a property does not hold.
//!
//! The libFuzzer binaries (`bin/`) and the replay of the corpora under
//! `cargo test` (`replay.rs`) run the same code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(clippy::missing_panics_doc, reason = "panics are how a target speaks")]

pub mod allow_list;
pub mod answer;
pub mod api_json;
pub mod card;
pub mod config;
pub mod digits;
pub mod endpoint_answer;
pub mod input;
pub mod intake;
pub mod multipart;
pub mod numbers;
pub mod proxy;
pub mod scrub;
pub mod tokens;
pub mod webhook;

/// A target's name, which is its corpus' folder too, and its code.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, the boundaries that anybody can reach first.
pub const TARGETS: [Target; 12] = [
    ("intake", intake::check),
    ("proxy", proxy::check),
    ("card", card::check),
    ("answer", answer::check),
    ("api_json", api_json::check),
    ("webhook", webhook::check),
    ("endpoint_answer", endpoint_answer::check),
    ("scrub", scrub::check),
    ("allow_list", allow_list::check),
    ("config", config::check),
    ("tokens", tokens::check),
    ("digits", digits::check),
];
