//! The merchants' JSON API.

mod body;
mod caller;
mod cursor;
mod events;
mod openapi;
mod problems;
mod sessions;

pub use body::json;
pub use events::{list_events, read_event, redeliver_event, test_event};
pub use openapi::openapi;
pub use problems::{answer_problems, explain, not_found};
pub use sessions::{cancel, create, list, read};
