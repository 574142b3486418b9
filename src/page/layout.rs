//! What every document has around its own words: language, style, frame, footer.

use super::assets::Asset;
use super::csp::Policy;
use super::frame::{Frame, FramePart};
use super::texts::{Around, Texts, around, fill};
use super::theme::Style;
use super::{Locale, Pages};
use crate::merchant::Theme;

/// The part of a view that the layout shows.
pub(super) struct Surroundings<'a> {
    pub locale: Locale,
    pub theme: &'a Theme,
    pub merchant_name: &'a str,
    pub frame: Option<&'a Frame>,
    pub sandbox: bool,
}

/// The layout of one document.
pub(super) struct Layout<'a> {
    pub locale: Locale,
    pub texts: &'static Texts,
    /// Who the cardholder is dealing with; empty where nobody knows.
    pub shop: &'a str,
    pub style: Style<'a>,
    pub frame: Option<FramePart<'a>>,
    /// Where the operator's privacy notice is.
    pub privacy: Option<&'a str>,
    /// Whether this is test mode, and to be marked so.
    pub sandbox: bool,
}

impl<'a> Layout<'a> {
    pub fn new(pages: &'a Pages, view: &Surroundings<'a>) -> Self {
        Self {
            locale: view.locale,
            texts: view.locale.texts(),
            shop: view.merchant_name,
            style: Style::new(&pages.style, &pages.palettes, view.theme),
            frame: view.frame.map(|frame| FramePart::new(frame, &pages.frame_script)),
            privacy: pages.privacy.get(view.locale.index()).and_then(Option::as_deref),
            sandbox: view.sandbox,
        }
    }

    /// What the layout needs, and `scripts`.
    pub fn policy<'p>(&'p self, scripts: impl IntoIterator<Item = &'p Asset>) -> Policy<'p> {
        let of_frame = self.frame.as_ref().map(|frame| frame.script);
        let policy = Policy::new(&self.style).frame_ancestor(self.frame.as_ref().map(|frame| frame.origin));
        of_frame.into_iter().chain(scripts).fold(policy, Policy::script)
    }

    /// A text with the shop's name in it, for the document.
    pub fn named<'t>(&'t self, text: &'t str) -> Around<'t> {
        around(text, "shop", self.shop)
    }

    /// The same for an attribute.
    pub fn named_plainly(&self, text: &str) -> String {
        fill(text, "shop", self.shop)
    }

    /// The letter that stands for a shop without a logo.
    pub fn monogram(&self) -> String {
        self.shop.chars().find(|c| c.is_alphanumeric()).map(String::from).unwrap_or_default()
    }
}
