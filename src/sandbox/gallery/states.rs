//! The states, with example data.

use crate::card::{CvvError, ExpiryError, PanError};
use crate::merchant::Theme;
use crate::page::{Document, DoneView, FieldProblem, FormView, Locale, Notice, NoticeView, Outcome, Pages, Problem};

/// One state of the page.
pub(super) struct State {
    /// In addresses.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What the gallery's script does in it: `type` a card, or `send` it. Empty for nothing.
    pub act: &'static str,
    shows: Shows,
}

/// Which document, and what is special in it.
enum Shows {
    Form(Option<Problem<'static>>),
    /// Seconds left.
    ClosingForm(u64),
    TestForm,
    /// The shop's name in another script than the page's.
    ForeignForm,
    Notice(Notice),
    Done(Outcome),
}

const MISTAKES: &[FieldProblem] = &[
    FieldProblem::CardNumber(PanError::Luhn),
    FieldProblem::Expiry(ExpiryError::Past),
    FieldProblem::Cvv(CvvError::Length),
];
const ONE_MISTAKE: &[FieldProblem] = &[FieldProblem::CardNumber(PanError::Length)];
const DECLINED: Problem<'static> =
    Problem::Declined { provider_message: Some("Kartın bakiyesi yetersiz."), attempts_left: 4 };
const LAST_TRY: Problem<'static> = Problem::Declined { provider_message: None, attempts_left: 1 };

/// Every state, in the order in which a cardholder may meet them.
pub(super) const STATES: &[State] = &[
    state("form", "The form", Shows::Form(None)),
    State { act: "type", ..state("typed", "A card is typed", Shows::Form(None)) },
    state("mistakes", "Several mistakes", Shows::Form(Some(Problem::Fields(MISTAKES)))),
    state("mistake", "One mistake", Shows::Form(Some(Problem::Fields(ONE_MISTAKE)))),
    State { act: "send", ..state("sending", "The card is being sent", Shows::Form(None)) },
    state("waiting", "Another submit is under way", Shows::Notice(Notice::Waiting)),
    state("declined", "Refused, with the provider's words", Shows::Form(Some(DECLINED))),
    state("last-try", "Refused, one try left", Shows::Form(Some(LAST_TRY))),
    state("try-again", "The provider cannot be reached", Shows::Form(Some(Problem::TryAgain))),
    state("stale", "The form was renewed", Shows::Form(Some(Problem::FormStale))),
    state("closing", "Time is running out", Shows::ClosingForm(110)),
    state("test-mode", "Test mode", Shows::TestForm),
    state("foreign-name", "A shop's name in another script", Shows::ForeignForm),
    state("completed", "Taken, on the way back", Shows::Done(Outcome::Completed)),
    state("failed", "Not taken, on the way back", Shows::Done(Outcome::Failed)),
    state("canceled", "Canceled, on the way back", Shows::Done(Outcome::Canceled)),
    state("expired", "Expired", Shows::Notice(Notice::Expired)),
    state("called-off", "Canceled by the shop", Shows::Notice(Notice::Canceled)),
    state("no-tries-left", "No tries left", Shows::Notice(Notice::Failed)),
    state("not-found", "No such page", Shows::Notice(Notice::NotFound)),
    state("too-many-requests", "Too many requests", Shows::Notice(Notice::TooManyRequests)),
    state("bad-request", "An unreadable form", Shows::Notice(Notice::BadRequest)),
    state("server-trouble", "Trouble on our side", Shows::Notice(Notice::ServerTrouble)),
];

const fn state(name: &'static str, title: &'static str, shows: Shows) -> State {
    State { name, title, act: "", shows }
}

const LATIN_NAME: &str = "Kırmızı Kedi Kitabevi";
const ARABIC_NAME: &str = "مكتبة القط الأحمر";
const RETURN_URL: &str = "https://shop.example/return";

impl State {
    /// The state's document. It stays where it is, and may be framed by the gallery.
    pub fn document(&self, pages: &Pages, locale: Locale) -> Document {
        let (own, foreign) = if locale.dir() == "rtl" { (ARABIC_NAME, LATIN_NAME) } else { (LATIN_NAME, ARABIC_NAME) };
        let over = format!("/gallery/expired?locale={}", locale.code());
        let form = form_view(locale, own, &over);
        match &self.shows {
            Shows::Form(problem) => framed(&pages.form(&FormView { problem: *problem, ..form })),
            Shows::ClosingForm(seconds) => framed(&pages.form(&FormView { expires_in_seconds: *seconds, ..form })),
            Shows::TestForm => framed(&pages.form(&FormView { sandbox: true, ..form })),
            Shows::ForeignForm => framed(&pages.form(&FormView { merchant_name: foreign, ..form })),
            Shows::Notice(notice) => still(framed(&pages.notice(&notice_view(locale, own, *notice)))),
            Shows::Done(outcome) => still(framed(&pages.done(&done_view(locale, own, *outcome)))),
        }
    }
}

/// Where its time is over, the form goes to `over`; it posts nowhere.
fn form_view<'a>(locale: Locale, merchant_name: &'a str, over: &'a str) -> FormView<'a> {
    FormView {
        locale,
        theme: &Theme::PLAIN,
        merchant_name,
        action: over,
        cancel_action: Some(over),
        form_token: "example",
        expires_in_seconds: 900,
        this_month: (2026, 1),
        problem: None,
        frame: None,
        sandbox: false,
    }
}

fn notice_view(locale: Locale, shop: &str, notice: Notice) -> NoticeView<'_> {
    let leads_back = matches!(notice, Notice::Expired | Notice::Canceled | Notice::Failed);
    NoticeView {
        locale,
        theme: &Theme::PLAIN,
        notice,
        merchant_name: if notice == Notice::NotFound { "" } else { shop },
        back: leads_back.then_some(RETURN_URL),
        refresh_to: (!leads_back && notice != Notice::NotFound).then_some("/gallery/form"),
        request_id: "req_019be2f4",
        frame: None,
        sandbox: false,
    }
}

fn done_view(locale: Locale, merchant_name: &str, outcome: Outcome) -> DoneView<'_> {
    DoneView { locale, theme: &Theme::PLAIN, merchant_name, outcome, next: RETURN_URL, frame: None, sandbox: false }
}

/// May stand in the gallery's frames, takes no focus there, and sends nothing.
fn framed(document: &Document) -> Document {
    let csp = document
        .csp
        .replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        .replace("form-action 'self'", "form-action 'none'")
        .replace("connect-src 'self'", "connect-src 'none'");
    Document { html: document.html.replace(" autofocus>", ">"), csp }
}

/// Without what leaves for another page: the refresh and the script.
fn still(document: Document) -> Document {
    let html = without(&document.html, "<meta http-equiv=\"refresh\"", ">");
    Document { html: without(&html, "<script>", "</script>"), csp: document.csp }
}

fn without(html: &str, open: &str, close: &str) -> String {
    let cut = html.split_once(open).and_then(|(before, rest)| Some((before, rest.split_once(close)?.1)));
    cut.map_or_else(|| html.to_owned(), |(before, after)| format!("{before}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_state_is_another_document_that_stays_and_sends_nothing() {
        let pages = Pages::new();
        for locale in Locale::all() {
            let mut seen = BTreeSet::new();
            for state in STATES.iter().filter(|state| state.act.is_empty()) {
                let Document { html, csp } = state.document(&pages, locale);
                assert!(html.contains(&format!("<html lang=\"{}\"", locale.code())), "{}", state.name);
                assert!(!html.contains("http-equiv") && !html.contains(" autofocus"), "{}", state.name);
                assert!(!html.contains("data-leave") || !html.contains("<script>"), "{}", state.name);
                assert!(csp.contains("form-action 'none'") && !csp.contains("connect-src 'self'"), "{csp}");
                assert!(csp.contains("frame-ancestors 'self'"), "{csp}");
                assert!(seen.insert(html), "{}", state.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        assert_eq!(STATES.iter().map(|state| state.name).collect::<BTreeSet<_>>().len(), STATES.len());
    }
}
