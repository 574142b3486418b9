//! The hand-off page: it returns the cardholder to the shop at once.

use super::assets::Asset;
use super::notice::Tone;
use super::texts::{Around, Texts, around, fill};
use super::theme::Style;
use super::{Locale, monogram};
use crate::merchant::Theme;
use askama::Template;

/// What the cardholder is told on the way out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The shop has its token.
    Completed,
    /// No card was accepted.
    Failed,
    /// The cardholder or the shop canceled.
    Canceled,
}

/// What the hand-off page shows. It does not print: the address can carry the card token.
#[derive(Clone)]
pub struct DoneView<'a> {
    /// The language.
    pub locale: Locale,
    /// The merchant's theme.
    pub theme: &'a Theme,
    /// Who the cardholder returns to.
    pub merchant_name: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// The return address with the result: absolute, http or https. With any
    /// other the page says how it ended and leads nowhere.
    pub next: &'a str,
    /// The one origin that may frame the page.
    pub embed_origin: Option<&'a str>,
    /// Whether this is test mode, and to be marked so.
    pub sandbox: bool,
}

#[derive(Template)]
#[template(path = "done.html")]
pub(super) struct DoneTemplate<'a> {
    locale: Locale,
    texts: &'static Texts,
    style: &'a Style<'a>,
    script: Option<&'a Asset>,
    view: &'a DoneView<'a>,
    title: String,
    heading: &'static str,
    tone: Tone,
    sandbox: bool,
    privacy: Option<&'a str>,
    /// The address, when it is one of the web's.
    next: Option<&'a str>,
}

impl<'a> DoneTemplate<'a> {
    pub fn new(view: &'a DoneView<'a>, style: &'a Style<'a>, script: &'a Asset, privacy: Option<&'a str>) -> Self {
        let texts = view.locale.texts();
        let (heading, tone) = match view.outcome {
            Outcome::Completed => (&texts.done.completed, Tone::Good),
            Outcome::Failed => (&texts.done.failed, Tone::Bad),
            Outcome::Canceled => (&texts.done.canceled, Tone::Off),
        };
        Self {
            locale: view.locale,
            texts,
            style,
            script: Some(script),
            view,
            title: fill(&texts.done.title, "shop", view.merchant_name),
            heading,
            tone,
            sandbox: view.sandbox,
            privacy,
            next: Some(view.next).filter(|next| is_web_address(next)),
        }
    }

    fn named<'t>(&'t self, text: &'t str) -> Around<'t> {
        around(text, "shop", self.view.merchant_name)
    }
}

/// A `javascript:` or `data:` address must not become a link, whoever let it in.
pub(super) fn is_web_address(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}
