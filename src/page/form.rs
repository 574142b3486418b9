//! The card form.

use super::Locale;
use super::assets::Asset;
use super::frame::Frame;
use super::layout::{Layout, Surroundings};
use super::problem::{Alert, Field, FieldProblem, Problem};
use super::texts::fill;
use crate::merchant::Theme;
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;

/// What the card form shows. There is no place in it for anything typed.
/// Its addresses carry the session's secret, so it does not print.
#[derive(Clone)]
pub struct FormView<'a> {
    /// The language.
    pub locale: Locale,
    /// The merchant's theme.
    pub theme: &'a Theme,
    /// Who the cardholder is dealing with.
    pub merchant_name: &'a str,
    /// Where the form posts to: `/c/{secret}`.
    pub action: &'a str,
    /// Where the cancel form posts to; none when the shop cannot be returned to.
    pub cancel_action: Option<&'a str>,
    /// The token of this rendering, posted back as `formToken`.
    pub form_token: &'a str,
    /// How long the session stays open, from now.
    pub expires_in_seconds: u64,
    /// The present year and month (1 to 12), by the server's clock: a phone
    /// with a wrong date must not refuse a good card.
    pub this_month: (u16, u8),
    /// Why the form is shown once more.
    pub problem: Option<Problem<'a>>,
    /// The page's frame, where it may have one.
    pub frame: Option<&'a Frame>,
    /// Whether this is test mode, and to be marked so.
    pub sandbox: bool,
}

impl<'a> FormView<'a> {
    pub(super) fn surroundings(&self) -> Surroundings<'a> {
        let &Self { locale, theme, merchant_name, frame, sandbox, .. } = self;
        Surroundings { locale, theme, merchant_name, frame, sandbox }
    }
}

/// A message under a field.
type Message = Option<&'static str>;

#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct FormTemplate<'a> {
    pub layout: Layout<'a>,
    pub script: Option<&'a Asset>,
    data: &'a str,
    view: &'a FormView<'a>,
    title: String,
    alert: Option<Alert>,
    /// Links of the alert: field name and message.
    mistakes: Vec<(&'static str, &'static str)>,
    card_number: Message,
    expiry: Message,
    cvv: Message,
}

impl<'a> FormTemplate<'a> {
    pub fn new(view: &'a FormView<'a>, layout: Layout<'a>, script: &'a Asset, data: &'a str) -> Self {
        let texts = layout.texts;
        let problems: &[FieldProblem] = match view.problem {
            Some(Problem::Fields(problems)) => problems,
            _ => &[],
        };
        let message =
            |field| problems.iter().find(|problem| problem.field() == field).map(|it| it.message(&texts.fields));
        let title = if view.problem.is_some() { &texts.form.title_with_problem } else { &texts.form.title };
        Self {
            layout,
            script: Some(script),
            data,
            view,
            title: fill(title, "shop", view.merchant_name),
            alert: view.problem.as_ref().map(|problem| Alert::of(problem, view.locale)),
            mistakes: problems.iter().map(|it| (it.field().name(), it.message(&texts.fields))).collect(),
            card_number: message(Field::CardNumber),
            expiry: message(Field::Expiry),
            cvv: message(Field::Cvv),
        }
    }

    /// Whether the cardholder never leaves the shop's page, and so returns to nothing.
    fn stays(&self) -> bool {
        self.layout.frame.as_ref().is_some_and(|frame| frame.reports)
    }

    /// For how many minutes the page may be used, said before it is filled in.
    fn open_for(&self) -> String {
        match self.view.expires_in_seconds / 60 {
            0 | 1 => self.layout.texts.form.open_for_one.clone(),
            minutes => fill(&self.layout.texts.form.open_for, "minutes", &minutes.to_string()),
        }
    }

    /// A name that no other rendering has. Browsers put what was typed back into
    /// a form that they take for the same, by its address and the names of its
    /// first fields, even into one that was fetched anew; scripts off, nothing
    /// else keeps the card of a refused attempt out of it. The field that bears
    /// the name is disabled and never posted.
    fn rendering(&self) -> String {
        let digest = digest(&SHA256, self.view.form_token.as_bytes());
        format!("rendering-{}", BASE64URL_NOPAD.encode(&digest.as_ref()[..6]))
    }

    fn this_month(&self) -> String {
        let (year, month) = self.view.this_month;
        format!("{year:04}-{month:02}")
    }
}
