//! The hand-off page that posts the result to the shop at once, or by its button.

use super::Locale;
use super::assets::Asset;
use super::done::Outcome;
use super::frame::Frame;
use super::layout::{Layout, Surroundings};
use super::notice::Tone;
use super::texts::fill;
use crate::merchant::Theme;
use askama::Template;
use url::Url;

/// What the posting page shows and posts. It does not print: a field is the card token.
#[derive(Clone)]
pub struct PostView<'a> {
    /// The language.
    pub locale: Locale,
    /// The merchant's theme.
    pub theme: &'a Theme,
    /// Who the cardholder returns to.
    pub merchant_name: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the form goes: an address of the merchant's allow-list.
    pub action: &'a Url,
    /// The result: names and values.
    pub fields: Vec<(&'static str, &'a str)>,
    /// The page's frame, where it may have one.
    pub frame: Option<&'a Frame>,
    /// Whether this is test mode, and to be marked so.
    pub sandbox: bool,
}

impl<'a> PostView<'a> {
    pub(super) fn surroundings(&self) -> Surroundings<'a> {
        let &Self { locale, theme, merchant_name, frame, sandbox, .. } = self;
        Surroundings { locale, theme, merchant_name, frame, sandbox }
    }
}

#[derive(Template)]
#[template(path = "post.html")]
pub(super) struct PostTemplate<'a> {
    pub layout: Layout<'a>,
    pub script: Option<&'a Asset>,
    view: &'a PostView<'a>,
    title: String,
    heading: &'static str,
    tone: Tone,
}

impl<'a> PostTemplate<'a> {
    pub fn new(view: &'a PostView<'a>, layout: Layout<'a>, script: &'a Asset) -> Self {
        let texts = layout.texts;
        let (heading, tone) = view.outcome.said(texts);
        Self {
            layout,
            script: Some(script),
            view,
            title: fill(&texts.done.title, "shop", view.merchant_name),
            heading,
            tone,
        }
    }
}
