//! The hand-off page: it returns the cardholder to the shop at once.

use super::Locale;
use super::assets::Asset;
use super::frame::Frame;
use super::layout::{Layout, Surroundings};
use super::notice::Tone;
use super::texts::{Texts, fill};
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
    /// Time ran out.
    Expired,
}

impl Outcome {
    /// Heading and picture.
    pub(super) fn said(self, texts: &'static Texts) -> (&'static str, Tone) {
        match self {
            Self::Completed => (&texts.done.completed, Tone::Good),
            Self::Failed => (&texts.done.failed, Tone::Bad),
            Self::Canceled => (&texts.done.canceled, Tone::Off),
            Self::Expired => (&texts.notice.expired.title, Tone::Off),
        }
    }
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
    /// The page's frame, where it may have one.
    pub frame: Option<&'a Frame>,
    /// Whether this is test mode, and to be marked so.
    pub sandbox: bool,
}

impl<'a> DoneView<'a> {
    pub(super) fn surroundings(&self) -> Surroundings<'a> {
        let &Self { locale, theme, merchant_name, frame, sandbox, .. } = self;
        Surroundings { locale, theme, merchant_name, frame, sandbox }
    }
}

#[derive(Template)]
#[template(path = "done.html")]
pub(super) struct DoneTemplate<'a> {
    pub layout: Layout<'a>,
    pub script: Option<&'a Asset>,
    title: String,
    heading: &'static str,
    tone: Tone,
    /// The address, when it is one of the web's.
    next: Option<&'a str>,
    /// Whether the page around the frame gets the result, and goes on.
    stays: bool,
}

impl<'a> DoneTemplate<'a> {
    pub fn new(view: &'a DoneView<'a>, layout: Layout<'a>, script: &'a Asset) -> Self {
        let texts = layout.texts;
        let (heading, tone) = view.outcome.said(texts);
        let stays = layout.frame.as_ref().is_some_and(|frame| frame.reports);
        Self {
            layout,
            script: Some(script).filter(|_| !stays),
            title: fill(&texts.done.title, "shop", view.merchant_name),
            heading,
            tone,
            next: Some(view.next).filter(|next| is_web_address(next)),
            stays,
        }
    }
}

/// A `javascript:` or `data:` address must not become a link, whoever let it in.
pub(super) fn is_web_address(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}
