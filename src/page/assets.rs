//! Style and scripts as they stand in the document, with their hashes for the
//! policy, and the tables the form's script reads.

use super::Locale;
use super::texts::{FieldsTexts, NoticeText, ProblemTexts, ScriptTexts};
use crate::card::{Brand, RANGES};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use serde::Serialize;
use std::collections::BTreeMap;

/// Text of an inline `<style>` or `<script>`.
pub(super) struct Asset {
    /// Its name in the inventory of scripts and styles.
    pub name: &'static str,
    /// Why the page needs it (PCI DSS 6.4.3).
    pub purpose: &'static str,
    /// What stands between the tags, byte for byte.
    pub text: String,
    /// `sha256-…` of the text (CSP level 3, section 2.3.1).
    pub hash: String,
}

impl Asset {
    pub fn new(text: String) -> Self {
        let hash = format!("sha256-{}", BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref()));
        Self { name: "", purpose: "", text, hash }
    }

    /// Says what it is, and why it is there.
    fn named(self, name: &'static str, purpose: &'static str) -> Self {
        Self { name, purpose, ..self }
    }

    pub fn style() -> Self {
        Self::new(compact(include_str!("../../static/page.css")))
            .named("page.css", "The look of every page, readable and usable by keyboard, on every screen.")
    }

    /// The form's script: what happens to typed text, then what happens on the page.
    pub fn form_script() -> Self {
        let sources = [include_str!("../../static/typing.js"), include_str!("../../static/form.js")];
        Self::new(sources.map(compact).concat()).named(
            "form.js",
            "The card form: groups digits while they are typed, checks fields in place, sends the form to this service \
             without losing what was typed. The page works without it.",
        )
    }

    /// Goes where the document says: to the shop, or back to a waiting page.
    pub fn leave_script() -> Self {
        Self::new(compact(include_str!("../../static/leave.js"))).named(
            "leave.js",
            "Hand-off and waiting pages: goes to the merchant's page or back to the outcome at once. They work without it.",
        )
    }

    /// Sends the form that brings the result to the shop.
    pub fn post_script() -> Self {
        Self::new(compact(include_str!("../../static/post.js"))).named(
            "post.js",
            "The hand-off by form: sends the result to the merchant's page at once. Works without it.",
        )
    }

    /// Speaks with the page that has the document in a frame.
    pub fn frame_script() -> Self {
        Self::new(compact(include_str!("../../static/frame.js"))).named(
            "frame.js",
            "In a merchant's frame: speaks with that page's SDK over one port; height, focus, and the result, no card.",
        )
    }
}

/// Leaves out what only authors read: indentation, empty lines and comments
/// that fill a line. The sources keep to that: no text of theirs spans lines.
pub(crate) fn compact(source: &str) -> String {
    let is_comment = |line: &str| line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The form's data block: the server's own brand table, and the language.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FormData<'a> {
    /// Lowest prefix, highest prefix, brand: the first row that holds a number names it.
    ranges: Vec<(&'a str, &'a str, &'a str)>,
    brands: BTreeMap<&'a str, BrandData>,
    fields: &'a FieldsTexts,
    problem: &'a ProblemTexts,
    script: &'a ScriptTexts,
    open_for: &'a str,
    /// For an answer that is none of ours.
    trouble: &'a NoticeText,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BrandData {
    title: &'static str,
    groups: &'static [u8],
    cvv: &'static [usize],
}

/// JSON for a `<script type="application/json">`: with no `<` in it, no text
/// can end the element.
pub(super) fn form_data(locale: Locale) -> String {
    let texts = locale.texts();
    let brands = RANGES.iter().map(|range| range.brand).chain([Brand::Unknown]);
    let data = FormData {
        ranges: RANGES.iter().map(|range| (range.low, range.high, range.brand.name())).collect(),
        brands: brands.map(|brand| (brand.name(), BrandData::of(brand))).collect(),
        fields: &texts.fields,
        problem: &texts.problem,
        script: &texts.script,
        open_for: &texts.form.open_for,
        trouble: &texts.notice.server_trouble,
    };
    // Strings, numbers and string keys always serialize.
    serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c")
}

impl BrandData {
    fn of(brand: Brand) -> Self {
        Self { title: title(brand), groups: brand.groups(), cvv: brand.cvv_lengths() }
    }
}

/// A brand's name as it writes itself, for screen readers.
fn title(brand: Brand) -> &'static str {
    match brand {
        Brand::Troy => "Troy",
        Brand::Visa => "Visa",
        Brand::Mastercard => "Mastercard",
        Brand::Maestro => "Maestro",
        Brand::Amex => "American Express",
        Brand::Diners => "Diners Club",
        Brand::Discover => "Discover",
        Brand::Jcb => "JCB",
        Brand::Unionpay => "UnionPay",
        Brand::Unknown => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_as_browsers_compute_it() {
        // CSP level 3, section 8.3, gives this pair.
        let asset = Asset::new("alert('Hello, world.');".into());
        assert_eq!(asset.hash, "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }

    #[test]
    fn compacting_keeps_code_and_drops_notes() {
        let source = "/* note */\n  a {\n    b: c; /* kept */\n\n  }\n  // note\n  d('// kept');\n";
        assert_eq!(compact(source), "a {\nb: c; /* kept */\n}\nd('// kept');\n");
    }

    #[test]
    fn nothing_inlined_can_end_its_element() {
        let scripts = [Asset::form_script(), Asset::leave_script(), Asset::post_script(), Asset::frame_script()];
        for asset in scripts.into_iter().chain([Asset::style()]) {
            assert!(!asset.text.contains("</") && !asset.text.contains("<!--"));
        }
        for locale in Locale::all() {
            assert!(!form_data(locale).contains('<'));
        }
    }

    #[test]
    fn the_page_knows_every_range_the_server_knows() {
        for locale in Locale::all() {
            let data: serde_json::Value = serde_json::from_str(&form_data(locale)).unwrap();
            let rows = data["ranges"].as_array().unwrap();
            assert_eq!(rows.len(), RANGES.len());
            for (row, range) in rows.iter().zip(RANGES) {
                assert_eq!(row, &serde_json::json!([range.low, range.high, range.brand.name()]));
                assert_eq!(data["brands"][range.brand.name()]["cvv"], serde_json::json!(range.brand.cvv_lengths()));
                assert_eq!(data["brands"][range.brand.name()]["groups"], serde_json::json!(range.brand.groups()));
            }
            assert_eq!(data["brands"]["unknown"]["cvv"], serde_json::json!([3, 4]));
        }
    }
}
