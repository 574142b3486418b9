//! A page that says something: what happened, and where to go from there.

use super::Locale;
use super::assets::Asset;
use super::done::is_web_address;
use super::frame::Frame;
use super::layout::{Layout, Surroundings};
use super::problem::Alert;
use super::texts::{Around, NoticeText, Texts, around};
use crate::merchant::Theme;
use askama::Template;

/// What the page says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// No such session, or no such page.
    NotFound,
    /// The session's time ran out.
    Expired,
    /// The cardholder or the shop canceled.
    Canceled,
    /// A submit is being processed; the page comes back for the outcome.
    Waiting,
    /// The address sent too many requests.
    TooManyRequests,
    /// The form could not be read.
    BadRequest,
    /// Ours or the operator's fault.
    ServerTrouble,
    /// The last attempt was refused.
    Failed,
}

/// What a notice shows. It does not print: an address can carry the session's secret.
#[derive(Clone)]
pub struct NoticeView<'a> {
    /// The language.
    pub locale: Locale,
    /// The merchant's theme.
    pub theme: &'a Theme,
    /// What it says.
    pub notice: Notice,
    /// Who the cardholder is dealing with; empty where nobody knows.
    pub merchant_name: &'a str,
    /// The way back: an http or https address. A waiting page does not offer it.
    pub back: Option<&'a str>,
    /// Where to ask again: [`Notice::Waiting`] goes there every two seconds,
    /// notices of a trouble that passes offer it as the way to try again.
    pub refresh_to: Option<&'a str>,
    /// What support can find in the log.
    pub request_id: &'a str,
    /// The page's frame, where it may have one.
    pub frame: Option<&'a Frame>,
    /// Whether this is test mode, and to be marked so.
    pub sandbox: bool,
}

impl<'a> NoticeView<'a> {
    pub(super) fn surroundings(&self) -> Surroundings<'a> {
        let &Self { locale, theme, merchant_name, frame, sandbox, .. } = self;
        Surroundings { locale, theme, merchant_name, frame, sandbox }
    }

    /// Whether the page comes back by itself.
    pub(super) fn refreshes(&self) -> bool {
        self.notice == Notice::Waiting && self.refresh_to.is_some()
    }
}

/// The picture above the words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tone {
    Good,
    Bad,
    Late,
    Off,
    Lost,
    Busy,
}

impl Notice {
    fn text(self, texts: &'static Texts) -> &'static NoticeText {
        let notice = &texts.notice;
        match self {
            Self::NotFound => &notice.not_found,
            Self::Expired => &notice.expired,
            Self::Canceled => &notice.canceled,
            Self::Waiting => &notice.waiting,
            Self::TooManyRequests => &notice.too_many_requests,
            Self::BadRequest => &notice.bad_request,
            Self::ServerTrouble => &notice.server_trouble,
            Self::Failed => &notice.failed,
        }
    }

    /// Whether the same page may do better a little later.
    fn passes(self) -> bool {
        matches!(self, Self::TooManyRequests | Self::BadRequest | Self::ServerTrouble)
    }

    /// What it is called for the page around the frame, where it is trouble.
    pub(super) fn trouble_code(self) -> Option<&'static str> {
        match self {
            Self::TooManyRequests => Some("too-many-requests"),
            Self::BadRequest => Some("bad-request"),
            Self::ServerTrouble => Some("server-trouble"),
            _ => None,
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Waiting => Tone::Busy,
            Self::Expired | Self::TooManyRequests => Tone::Late,
            Self::Canceled => Tone::Off,
            Self::NotFound => Tone::Lost,
            Self::BadRequest | Self::ServerTrouble | Self::Failed => Tone::Bad,
        }
    }

    /// The same words for the form's script.
    pub(super) fn alert(self, locale: Locale) -> Alert {
        let text = self.text(locale.texts());
        Alert::new(&text.title, &text.message)
    }
}

#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct NoticeTemplate<'a> {
    pub layout: Layout<'a>,
    pub script: Option<&'a Asset>,
    title: &'static str,
    message: &'static str,
    tone: Tone,
    /// Where the page goes by itself.
    refresh: Option<&'a str>,
    /// Where it can be tried again.
    retry: Option<&'a str>,
    /// Address and text of the way back; while a card is processed there is none.
    back: Option<(&'a str, Around<'a>)>,
    reference: Around<'a>,
}

impl<'a> NoticeTemplate<'a> {
    pub fn new(view: &'a NoticeView<'a>, layout: Layout<'a>, script: Option<&'a Asset>) -> Self {
        let texts = layout.texts;
        let NoticeText { title, message } = view.notice.text(texts);
        Self {
            layout,
            script,
            title,
            message,
            tone: view.notice.tone(),
            refresh: view.refresh_to.filter(|_| view.refreshes()),
            retry: view.refresh_to.filter(|_| view.notice.passes()),
            back: view
                .back
                .filter(|url| view.notice != Notice::Waiting && is_web_address(url))
                .map(|url| (url, around(&texts.frame.back, "shop", view.merchant_name))),
            reference: around(&texts.frame.reference, "id", view.request_id),
        }
    }
}
