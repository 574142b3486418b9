//! The hand-off page that posts the result to the shop at once, or by its button.

use super::assets::Asset;
use super::done::Outcome;
use super::frame::{Frame, FramePart};
use super::notice::Tone;
use super::texts::{Around, Texts, around, fill};
use super::theme::Style;
use super::{Locale, monogram};
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

#[derive(Template)]
#[template(path = "post.html")]
pub(super) struct PostTemplate<'a> {
    locale: Locale,
    texts: &'static Texts,
    style: &'a Style<'a>,
    script: Option<&'a Asset>,
    frame: Option<FramePart<'a>>,
    view: &'a PostView<'a>,
    title: String,
    heading: &'static str,
    tone: Tone,
    sandbox: bool,
    privacy: Option<&'a str>,
}

impl<'a> PostTemplate<'a> {
    pub fn new(
        view: &'a PostView<'a>,
        style: &'a Style<'a>,
        script: &'a Asset,
        frame: Option<FramePart<'a>>,
        privacy: Option<&'a str>,
    ) -> Self {
        let texts = view.locale.texts();
        let (heading, tone) = view.outcome.said(texts);
        Self {
            locale: view.locale,
            texts,
            style,
            script: Some(script),
            frame,
            view,
            title: fill(&texts.done.title, "shop", view.merchant_name),
            heading,
            tone,
            sandbox: view.sandbox,
            privacy,
        }
    }

    fn named<'t>(&'t self, text: &'t str) -> Around<'t> {
        around(text, "shop", self.view.merchant_name)
    }
}
