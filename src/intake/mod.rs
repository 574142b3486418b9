//! The only door a card enters by: `POST /c/{secret}`, multipart/form-data.

mod body;
mod form;
mod form_token;
mod forward;
mod handler;
mod origin;
#[cfg(feature = "sandbox")]
mod panics;
mod reply;

pub use form::{Form, FormFault};
pub use form_token::FormTokens;
pub use handler::{cancel, submit};
#[cfg(feature = "sandbox")]
pub use panics::panic_on_card;
