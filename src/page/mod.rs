//! The hosted page: documents, languages, security headers.
//!
//! What makes documents is pure: a view goes in, a document and its
//! Content-Security-Policy come out; no HTTP types, no clock. `visit` and
//! `handler` stand between them and the browser. No type here could hold a
//! card: a page that is shown again after a refused card has nothing to fill
//! its fields with.

mod answer;
mod assets;
mod csp;
mod done;
mod form;
mod handler;
mod locale;
mod notice;
mod problem;
mod texts;
mod visit;

pub use answer::{FieldMessage, ScriptAnswer};
pub use done::{DoneView, Outcome};
pub use form::FormView;
pub use handler::{back, done, gone, show};
pub use locale::Locale;
pub use notice::{Notice, NoticeView};
pub use problem::{Alert, Field, FieldProblem, Problem};
pub use texts::Direction;
pub use visit::Visit;

use askama::Template;
use assets::Asset;
use csp::Policy;

/// A page ready to be sent. It does not print: it holds the form's token.
#[derive(Clone, Eq, PartialEq)]
pub struct Document {
    /// The whole page as UTF-8 text; one request, nothing else is fetched.
    pub html: String,
    /// The value of its `Content-Security-Policy` header.
    pub csp: String,
}

/// What all documents share, prepared once: style and scripts with their
/// hashes, and the tables that each language's script reads.
pub struct Pages {
    style: Asset,
    form_script: Asset,
    leave_script: Asset,
    /// By [`Locale`]: the form script's tables and texts.
    form_data: Vec<String>,
    /// By [`Locale`]: the operator's privacy notice.
    privacy: Vec<Option<String>>,
}

impl Pages {
    /// Prepares everything. For start-up: the texts are part of the program.
    ///
    /// # Panics
    /// When an embedded language file does not fit; a test loads each of them.
    #[must_use]
    pub fn new() -> Self {
        Self {
            style: Asset::style(),
            form_script: Asset::form_script(),
            leave_script: Asset::leave_script(),
            form_data: Locale::all().map(assets::form_data).collect(),
            privacy: Locale::all().map(|_| None).collect(),
        }
    }

    /// With a link to the operator's privacy notice below every document. In
    /// the address, `{locale}` stands for the tag of the document's language.
    #[must_use]
    pub fn with_privacy_notice(self, address: Option<&str>) -> Self {
        let in_language = |locale: Locale| address.map(|address| texts::fill(address, "locale", locale.code()));
        Self { privacy: Locale::all().map(in_language).collect(), ..self }
    }

    fn privacy(&self, locale: Locale) -> Option<&str> {
        self.privacy.get(locale.index()).and_then(Option::as_deref)
    }

    /// The card form, empty, with what was wrong with the last attempt.
    #[must_use]
    pub fn form(&self, view: &FormView<'_>) -> Document {
        let data = self.form_data.get(view.locale.index()).map_or("", String::as_str);
        let template = form::FormTemplate::new(view, &self.style, &self.form_script, data, self.privacy(view.locale));
        let policy = Policy::new(&self.style).script(&self.form_script).posts_here().frame_ancestor(view.embed_origin);
        Document { html: render(&template), csp: policy.to_string() }
    }

    /// A page that only says something, and where to go from there.
    #[must_use]
    pub fn notice(&self, view: &NoticeView<'_>) -> Document {
        let script = view.refreshes().then_some(&self.leave_script);
        let template = notice::NoticeTemplate::new(view, &self.style, script, self.privacy(view.locale));
        let policy = script.into_iter().fold(Policy::new(&self.style), Policy::script);
        Document { html: render(&template), csp: policy.frame_ancestor(view.embed_origin).to_string() }
    }

    /// The hand-off page, which leaves for the shop at once. A `Refresh: 0`
    /// header with the same address makes it work without scripts.
    #[must_use]
    pub fn done(&self, view: &DoneView<'_>) -> Document {
        let template = done::DoneTemplate::new(view, &self.style, &self.leave_script, self.privacy(view.locale));
        let policy = Policy::new(&self.style).script(&self.leave_script).frame_ancestor(view.embed_origin);
        Document { html: render(&template), csp: policy.to_string() }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

/// Room for a form with its style and script, so that writing does not grow it.
const DOCUMENT_CAPACITY: usize = 40 * 1024;

/// The letter that stands for a shop.
fn monogram(shop: &str) -> String {
    shop.chars().find(|c| c.is_alphanumeric()).map(String::from).unwrap_or_default()
}

fn render(template: &impl Template) -> String {
    let mut html = String::with_capacity(DOCUMENT_CAPACITY);
    // Writing to a String does not fail, and no value of ours does.
    let _infallible = template.render_into(&mut html);
    html
}

#[cfg(test)]
mod tests;
