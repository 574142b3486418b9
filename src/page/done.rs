//! The hand-off page: it returns the cardholder to the shop at once.

use super::assets::Asset;
use super::frame::{Frame, FramePart};
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

#[derive(Template)]
#[template(path = "done.html")]
pub(super) struct DoneTemplate<'a> {
    locale: Locale,
    texts: &'static Texts,
    style: &'a Style<'a>,
    script: Option<&'a Asset>,
    frame: Option<FramePart<'a>>,
    view: &'a DoneView<'a>,
    title: String,
    heading: &'static str,
    tone: Tone,
    sandbox: bool,
    privacy: Option<&'a str>,
    /// The address, when it is one of the web's.
    next: Option<&'a str>,
    /// Whether the page around the frame gets the result, and goes on.
    stays: bool,
}

impl<'a> DoneTemplate<'a> {
    pub fn new(
        view: &'a DoneView<'a>,
        style: &'a Style<'a>,
        script: &'a Asset,
        frame: Option<FramePart<'a>>,
        privacy: Option<&'a str>,
    ) -> Self {
        let texts = view.locale.texts();
        let (heading, tone) = view.outcome.said(texts);
        let stays = frame.as_ref().is_some_and(|frame| frame.reports);
        Self {
            locale: view.locale,
            texts,
            style,
            script: Some(script).filter(|_| !stays),
            frame,
            view,
            title: fill(&texts.done.title, "shop", view.merchant_name),
            heading,
            tone,
            sandbox: view.sandbox,
            privacy,
            next: Some(view.next).filter(|next| is_web_address(next)),
            stays,
        }
    }

    /// The script that leaves, where the page leaves.
    pub fn script(&self) -> Option<&'a Asset> {
        self.script
    }

    fn named<'t>(&'t self, text: &'t str) -> Around<'t> {
        around(text, "shop", self.view.merchant_name)
    }
}

/// A `javascript:` or `data:` address must not become a link, whoever let it in.
pub(super) fn is_web_address(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}
