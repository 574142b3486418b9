//! The merchants' JSON API.

mod body;
mod caller;
mod openapi;
mod problems;
mod sessions;

pub use body::json;
pub use openapi::openapi;
pub use problems::{answer_problems, explain, not_found};
pub use sessions::{cancel, create, list, read};
