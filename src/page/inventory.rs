//! The inventory of what can run or style a page (PCI DSS 6.4.3), made from the
//! assets that are served: there is no second list.

use super::Locale;
use super::assets::Asset;
use aws_lc_rs::digest::{SHA256, SHA384, digest};
use data_encoding::BASE64;
use serde::Serialize;

/// What an entry is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Runs.
    Script,
    /// Styles.
    Style,
    /// Is read by a script; the browser does not run it.
    Data,
}

/// One script, style or data block.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its size; none where each merchant's is another.
    pub bytes: Option<usize>,
    /// SHA-384 as Subresource Integrity writes it.
    pub sha384: Option<String>,
    /// SHA-256 as the policy of the page names it.
    pub csp: Option<String>,
    /// Why the page needs it.
    pub purpose: String,
}

impl Item {
    fn of(kind: Kind, name: String, text: &str, purpose: String) -> Self {
        Self {
            name,
            kind,
            bytes: Some(text.len()),
            sha384: Some(format!("sha384-{}", BASE64.encode(digest(&SHA384, text.as_bytes()).as_ref()))),
            csp: Some(format!("sha256-{}", BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref()))),
            purpose,
        }
    }

    pub(super) fn script(asset: &Asset) -> Self {
        Self::of(Kind::Script, asset.name.to_owned(), &asset.text, asset.purpose.to_owned())
    }

    pub(super) fn style(asset: &Asset) -> Self {
        Self { kind: Kind::Style, ..Self::script(asset) }
    }

    pub(super) fn data(locale: Locale, text: &str) -> Self {
        let name = format!("form data ({})", locale.code());
        let purpose = "The form's texts and the brands' number ranges, for form.js. Not code: no policy lets it run.";
        Self { csp: None, ..Self::of(Kind::Data, name, text, purpose.to_owned()) }
    }

    /// What a framed page's script is told, which differs by session.
    pub(super) fn frame_data() -> Self {
        let purpose = "Who may have the page in a frame, and what it is told: for frame.js. Not code: no policy lets \
            it run. It holds the session's own values, so its form is checked instead.";
        let name = "frame data".into();
        Self { name, kind: Kind::Data, bytes: None, sha384: None, csp: None, purpose: purpose.into() }
    }

    /// Merchants' themes, which differ: their form is checked instead.
    pub(super) fn theme() -> Self {
        let purpose = "A merchant's colours, corners and fonts: custom properties with checked values, nothing else. \
            Made by this program; its hash stands in the policy of that merchant's pages.";
        Self { name: "theme".into(), kind: Kind::Style, bytes: None, sha384: None, csp: None, purpose: purpose.into() }
    }
}

/// All entries of a version.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The program's version.
    pub version: &'static str,
    /// Its entries.
    pub items: Vec<Item>,
}

impl Inventory {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), items }
    }

    /// The entry of this kind with exactly this text.
    #[must_use]
    pub fn find(&self, kind: Kind, text: &str) -> Option<&Item> {
        let probe = Item::of(kind, String::new(), text, String::new());
        self.items.iter().find(|item| item.kind == kind && item.sha384 == probe.sha384)
    }
}
