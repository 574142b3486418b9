//! The states of a session.

use serde::{Deserialize, Serialize};

/// `open → claimed → completed | failed`, or `expired | canceled`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for a card.
    Open,
    /// A card is on its way to the provider; nobody else may send one.
    Claimed,
    /// The merchant has a token.
    Completed,
    /// Too many refusals; no token, ever.
    Failed,
    /// Nobody came in time.
    Expired,
    /// The merchant or the cardholder called it off.
    Canceled,
}

impl Status {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Claimed, Self::Completed, Self::Failed, Self::Expired, Self::Canceled];

    /// The name in the API, the store, results and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether nothing can change any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Open | Self::Claimed)
    }
}

/// Why a session failed, as the merchant reads it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// `too_many_refusals` or `too_many_claims`.
    pub reason: String,
    /// The provider's last code, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider_code: Option<String>,
}

impl Failure {
    /// The provider refused as often as is allowed.
    #[must_use]
    pub fn too_many_refusals(provider_code: Option<String>) -> Self {
        Self { reason: "too_many_refusals".to_owned(), provider_code }
    }

    /// Cards were sent as often as is allowed, without an answer.
    #[must_use]
    pub fn too_many_claims() -> Self {
        Self { reason: "too_many_claims".to_owned(), provider_code: None }
    }
}
