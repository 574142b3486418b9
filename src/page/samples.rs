//! One document of every kind, as this program renders them: what a page can
//! hold is read off them, so that no list of it can go stale.

use super::{
    Document, DoneView, FieldProblem, FormView, Frame, Locale, Notice, NoticeView, Outcome, Pages, PostView, Problem,
};
use crate::card::{CvvError, ExpiryError, PanError};
use crate::merchant::{Logo, Scheme, Theme, ThemeChange};
use url::Url;

const MISTAKES: &[FieldProblem] = &[
    FieldProblem::CardNumber(PanError::Luhn),
    FieldProblem::Expiry(ExpiryError::Past),
    FieldProblem::Cvv(CvvError::Empty),
];

/// A path of the session's own, as in `/c/{secret}`.
const PATH: &str = "/c/sample";
const SHOP: &str = "https://shop.example/";

impl Pages {
    /// A document of every kind, with all that it can hold.
    pub(super) fn samples(&self) -> Vec<Document> {
        let documents = self.plain_samples();
        let with_notice = Self::new().with_privacy_notice(Some(SHOP));
        documents
            .into_iter()
            .chain([with_notice.form(&form(&Theme::PLAIN, None))])
            .chain(self.framed_samples())
            .collect()
    }

    /// In a merchant's frame, and the hand-off by form.
    fn framed_samples(&self) -> Vec<Document> {
        let (frame, plain) = (Frame::new("https://shop.example", true, PATH), &Theme::PLAIN);
        let Ok(action) = Url::parse(SHOP) else { return Vec::new() };
        let post = PostView {
            locale: locale(),
            theme: plain,
            merchant_name: "Shop",
            outcome: Outcome::Completed,
            action: &action,
            fields: vec![("session", "ses_1")],
            frame: None,
            sandbox: true,
        };
        let done = done(plain);
        vec![
            self.form(&FormView { frame: Some(&frame), ..form(plain, None) }),
            self.notice(&NoticeView { frame: Some(&frame), ..says(plain, Notice::Expired, Some(SHOP)) }),
            self.done(&DoneView { frame: Some(&frame), ..done }),
            self.post(&PostView { frame: Some(&frame), ..post.clone() }),
            self.post(&post),
        ]
    }

    fn plain_samples(&self) -> Vec<Document> {
        let themed = themed();
        let problems = [None, Some(Problem::Fields(MISTAKES)), Some(Problem::TryAgain)];
        let forms = problems
            .into_iter()
            .flat_map(|problem| [&Theme::PLAIN, &themed].map(|theme| self.form(&form(theme, problem))));
        let notices = [(Notice::Waiting, None), (Notice::ServerTrouble, None), (Notice::Expired, Some(SHOP))];
        let notices = notices.map(|(notice, back)| self.notice(&says(&themed, notice, back)));
        forms.chain(notices).chain([self.done(&done(&themed))]).collect()
    }
}

fn locale() -> Locale {
    Locale::negotiate(None, None, "en")
}

/// The smallest picture that is one: a pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

fn themed() -> Theme {
    let logo = Logo::from_store(PIXEL.to_vec());
    let change = ThemeChange { scheme: Some(Scheme::Light), logo: Some(logo), ..ThemeChange::default() };
    Theme::PLAIN.changed(change).unwrap_or_default()
}

fn done(theme: &Theme) -> DoneView<'_> {
    DoneView {
        locale: locale(),
        theme,
        merchant_name: "Shop",
        outcome: Outcome::Completed,
        next: SHOP,
        frame: None,
        sandbox: true,
    }
}

fn form<'a>(theme: &'a Theme, problem: Option<Problem<'a>>) -> FormView<'a> {
    FormView {
        locale: locale(),
        theme,
        merchant_name: "Shop",
        action: PATH,
        cancel_action: Some(PATH),
        form_token: "token",
        expires_in_seconds: 900,
        this_month: (2026, 1),
        problem,
        frame: None,
        sandbox: true,
    }
}

fn says<'a>(theme: &'a Theme, notice: Notice, back: Option<&'a str>) -> NoticeView<'a> {
    let request_id = "req_1";
    NoticeView {
        locale: locale(),
        theme,
        notice,
        merchant_name: "Shop",
        back,
        refresh_to: Some(PATH),
        request_id,
        frame: None,
        sandbox: true,
    }
}
