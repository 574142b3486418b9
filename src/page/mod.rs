//! The hosted page: documents, languages, themes, the policy and its reports.
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
mod frame;
mod handler;
mod inventory;
mod layout;
mod leave;
mod locale;
mod notice;
mod post;
mod problem;
mod report;
mod samples;
mod scan;
mod texts;
mod theme;
mod verify;
mod visit;

pub use answer::{FieldMessage, ScriptAnswer};
pub use done::{DoneView, Outcome};
pub use form::FormView;
pub use frame::Frame;
pub use handler::{back, done, gone, show};
pub use inventory::{Inventory, Item, Kind};
pub use locale::Locale;
pub use notice::{Notice, NoticeView};
pub use post::PostView;
pub use problem::{Alert, Field, FieldProblem, Problem};
pub use report::{Violations, report};
pub use texts::Direction;
pub use verify::{Fetched, verify};
pub use visit::Visit;

#[cfg(test)]
pub(crate) use assets::compact;

use askama::Template;
use assets::Asset;
use csp::Policy;
use layout::Layout;
use theme::Palettes;

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
    palettes: Palettes,
    form_script: Asset,
    leave_script: Asset,
    post_script: Asset,
    frame_script: Asset,
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
        let style = Asset::style();
        Self {
            palettes: Palettes::of(&style.text),
            style,
            form_script: Asset::form_script(),
            leave_script: Asset::leave_script(),
            post_script: Asset::post_script(),
            frame_script: Asset::frame_script(),
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

    /// The card form, empty, with what was wrong with the last attempt.
    #[must_use]
    pub fn form(&self, view: &FormView<'_>) -> Document {
        let data = self.form_data.get(view.locale.index()).map_or("", String::as_str);
        let layout = Layout::new(self, &view.surroundings());
        let template = form::FormTemplate::new(view, layout, &self.form_script, data);
        document(&template, &template.layout.policy(template.script).posts_here())
    }

    /// A page that only says something, and where to go from there.
    #[must_use]
    pub fn notice(&self, view: &NoticeView<'_>) -> Document {
        let script = view.refreshes().then_some(&self.leave_script);
        let template = notice::NoticeTemplate::new(view, Layout::new(self, &view.surroundings()), script);
        document(&template, &template.layout.policy(script))
    }

    /// The hand-off page, which leaves for the shop at once. A `Refresh: 0`
    /// header with the same address makes it work without scripts.
    #[must_use]
    pub fn done(&self, view: &DoneView<'_>) -> Document {
        let layout = Layout::new(self, &view.surroundings());
        let template = done::DoneTemplate::new(view, layout, &self.leave_script);
        document(&template, &template.layout.policy(template.script))
    }

    /// The hand-off page that posts the result to the shop at once. Chromium
    /// holds the form's policy against what the shop's answer redirects to, too.
    #[must_use]
    pub fn post(&self, view: &PostView<'_>) -> Document {
        let layout = Layout::new(self, &view.surroundings());
        let template = post::PostTemplate::new(view, layout, &self.post_script);
        let origin = view.action.origin().ascii_serialization();
        document(&template, &template.layout.policy(template.script).posts_to(origin))
    }
}

impl Pages {
    /// Every script, style and data block that a page can carry, as this
    /// program serves them: the inventory of PCI DSS 6.4.3.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        // A field that is added must be placed here as well.
        let Self { style, palettes: _, form_script, leave_script, post_script, frame_script, form_data, privacy: _ } =
            self;
        let mut items = vec![Item::style(style), Item::theme()];
        items.extend([form_script, leave_script, post_script, frame_script].map(Item::script));
        items.push(Item::frame_data());
        items.extend(Locale::all().zip(form_data).map(|(locale, data)| Item::data(locale, data)));
        Inventory::new(items)
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

/// Room for a form with its style and script, so that writing does not grow it.
const DOCUMENT_CAPACITY: usize = 40 * 1024;

fn document(template: &impl Template, policy: &Policy<'_>) -> Document {
    let mut html = String::with_capacity(DOCUMENT_CAPACITY);
    // Writing to a String does not fail, and no value of ours does.
    let _infallible = template.render_into(&mut html);
    Document { html, csp: policy.to_string() }
}

#[cfg(test)]
mod tests;
