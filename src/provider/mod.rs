//! The payment provider's side: what turns a card into a token.
//!
//! [`CardTokenizer`] is what the rest of the service knows; [`card_token`] is
//! the one protocol behind it today. What went wrong is told by whose fault it
//! is, see [`ProviderError`].

pub mod breaker;
pub mod card_token;
mod client;
mod credentials;
mod error;
mod gate;
mod stored;
mod token;

use crate::card::digits;
pub use client::{Upstream, UpstreamAnswer};
pub use credentials::{Credentials, CredentialsError, SecretKey};
pub use digits::{holds_foreign_run, mask_runs};
pub use error::{ProviderError, ProviderMessage, ResponseFault, Unavailable};
pub use gate::{Gate, Pass};
pub use stored::{StoredCredentialsError, read_credentials, write_credentials};
pub use token::CardToken;

use crate::card::Card;
use async_trait::async_trait;
use std::cell::Cell;

/// Turns a card into a token at the merchant's provider.
#[async_trait(?Send)]
pub trait CardTokenizer {
    /// Sends the card once (twice where the provider calls the first signature
    /// stale) and believes the answer only when it proves itself.
    ///
    /// # Errors
    /// [`ProviderError`], by whose fault it is.
    async fn tokenize(&self, call: TokenizeCall<'_>) -> Result<CardToken, ProviderError>;
}

/// One attempt of one session.
#[derive(Clone, Copy)]
pub struct TokenizeCall<'a> {
    /// The card, borrowed: its memory is wiped by the caller.
    pub card: &'a Card,
    /// The merchant's keys at the provider.
    pub credentials: &'a Credentials,
    /// The merchant's name for this payment.
    pub conversation_id: &'a str,
    /// Which attempt of the session this is, from 1.
    pub attempt: u32,
    /// Set before the first byte of the card is handed to a connection: a call
    /// that is given up before then has told the provider nothing.
    pub has_left: &'a Cell<bool>,
}
