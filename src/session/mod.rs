//! Sessions: one cardholder at the window. Pure.
//!
//! The table of states and transitions is in `docs/sessions.md`.

mod claim;
mod request;
mod secret;
mod state;
mod violation;

pub use claim::{Claimed, Completion, Release};
pub use request::{InvalidField, NewSession, SessionRequest};
pub use secret::SessionSecret;
pub use state::{Failure, Status};
pub use violation::{Blocked, Directive, Violation};

use crate::card::CardSummary;
use crate::hardening::Sealed;
use crate::id::{MerchantId, SessionId};
use crate::merchant::{AllowedOrigin, AllowedUrl, Mode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parameters that a redirect adds to the merchant's URL, in their order.
pub const RESULT_PARAMETERS: [&str; 7] =
    ["session", "status", "conversationId", "timestamp", "tokenDigest", "signature", "cardToken"];

/// What a session is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// A card in, a card token out.
    Tokenize,
}

/// How the browser brings the result to the merchant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Handoff {
    /// A signed query on the return URL.
    Redirect,
    /// A form that the browser posts to the return URL.
    FormPost,
    /// A message to the page that has ours in a frame.
    Message,
}

/// A session as the store gives it back.
#[derive(Clone, Debug)]
pub struct Session {
    /// `ses_…`: travels in redirects, callbacks and logs; opens nothing.
    pub id: SessionId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Which provider credentials it uses.
    pub mode: Mode,
    /// What it is for.
    pub purpose: Purpose,
    /// How the result travels.
    pub handoff: Handoff,
    /// Where it stands, by the database's clock at the time of reading.
    pub status: Status,
    /// The merchant's own reference, sent to the provider.
    pub conversation_id: String,
    /// Where the browser goes with the result.
    pub return_url: AllowedUrl,
    /// Where it goes when the cardholder gives up; `return_url` when absent.
    pub cancel_url: Option<AllowedUrl>,
    /// The endpoint that is told of the outcome.
    pub callback_url: Option<AllowedUrl>,
    /// Whose pages may have ours in a frame; nobody's when absent.
    pub embed_origin: Option<AllowedOrigin>,
    /// The page's language, when the merchant names one.
    pub locale: Option<String>,
    /// The merchant's own values, returned as given.
    pub metadata: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops taking cards.
    pub expires_at: Timestamp,
    /// When it was completed, failed, canceled or expired.
    pub ended_at: Option<Timestamp>,
    /// How many times the provider refused the card.
    pub attempts: u32,
    /// A cancel that came during a claim and waits for its end.
    pub cancel_requested: bool,
    /// The token, sealed to this session.
    pub card_token: Option<Sealed>,
    /// What may be kept of the card.
    pub card: Option<CardSummary>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl Session {
    /// Provider refusals after which a session fails.
    pub const MAX_ATTEMPTS: u32 = 5;
    /// Claims after which a session fails although the provider never refused:
    /// bounds the calls that one URL can cause.
    pub const MAX_CLAIMS: u32 = 20;

    /// Where the browser goes once the session has ended.
    #[must_use]
    pub fn destination(&self) -> &AllowedUrl {
        match self.status {
            Status::Canceled | Status::Expired => self.cancel_url.as_ref().unwrap_or(&self.return_url),
            _ => &self.return_url,
        }
    }

    /// Refused cards that are still allowed.
    #[must_use]
    pub fn attempts_left(&self) -> u32 {
        Self::MAX_ATTEMPTS.saturating_sub(self.attempts)
    }
}
