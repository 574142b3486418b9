//! Merchants: settings, API keys, allowed addresses, themes. Pure.

mod allow_list;
mod api_key;
mod contrast;
mod logo;
mod per_mode;
mod theme;

pub use allow_list::{AllowList, AllowListError, AllowedOrigin, AllowedUrl, UrlRefusal};
pub use api_key::{ApiKey, Mode};
pub use contrast::Color;
pub use logo::{Logo, LogoError, MAX_LOGO_FILE};
pub use per_mode::PerMode;
pub use theme::{Font, Scheme, Shade, Theme, ThemeChange, ThemeError, nearest_readable};

use crate::id::MerchantId;
use jiff::Timestamp;

/// A shop that lets its cardholders type cards here.
#[derive(Clone, Debug)]
pub struct Merchant {
    /// `mer_…`
    pub id: MerchantId,
    /// What the cardholder reads on the page.
    pub name: String,
    /// Where cardholders and callbacks may be sent.
    pub allow_list: AllowList,
    /// Whether a redirect carries the card token itself. Off by default: URLs
    /// end in logs and browser histories.
    pub token_in_redirect: bool,
    /// How its pages look.
    pub theme: Theme,
    /// When it was switched off: no API, no pages, callbacks still delivered.
    pub disabled_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Merchant {
    /// Longest name, in characters: it must fit a line of a phone.
    pub const MAX_NAME: usize = 60;

    /// Whether a name can be shown: 1 to 60 characters, none of them a control character.
    #[must_use]
    pub fn name_fits(name: &str) -> bool {
        (1..=Self::MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    }
}
