//! The merchants' JSON API.

mod answer;
mod body;
mod caller;
mod cursor;
mod events;
mod idempotency;
mod openapi;
mod post;
mod problems;
mod sessions;

pub use answer::Answer;
pub use body::json;
pub use events::{list_events, read_event, redeliver_event, test_event};
pub use idempotency::{Names, call_mac, forget_old_keys};
pub use openapi::openapi;
pub use post::post;
pub use problems::{answer_problems, explain, not_found};
pub use sessions::{cancel, create, list, read};
