//! A document in a merchant's frame: who may have it there, and what its script
//! tells that page over the port of the handshake (docs/sdk.md).

use super::assets::Asset;
use super::notice::Notice;
use super::problem::Alert;
use crate::handoff::SignedResult;
use serde::Serialize;
use std::collections::BTreeMap;

/// A framed document's side of the conversation. It does not print: the result
/// can carry the card token.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// The one origin that may have the document in a frame, and is spoken to.
    origin: String,
    /// Whether the result goes to that page, and not to the merchant's address.
    reports: bool,
    /// The result of an ended session, where it goes to that page.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<BTreeMap<&'static str, String>>,
    /// What is wrong, where the document says only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
    /// The same page outside of any frame.
    #[serde(skip)]
    full_page: String,
}

#[derive(Clone, Serialize)]
struct Trouble {
    code: &'static str,
    message: String,
}

impl Frame {
    /// A document for frames of `origin`. With `reports`, that page waits for the
    /// result. `full_page` is where the session goes on without a frame.
    #[must_use]
    pub fn new(origin: &str, reports: bool, full_page: &str) -> Self {
        let (origin, full_page) = (origin.to_owned(), full_page.to_owned());
        Self { origin, reports, result: None, trouble: None, full_page }
    }

    /// The same with the outcome, for a page that waits for it.
    #[must_use]
    pub fn with_result(self, result: &SignedResult) -> Self {
        let fields = result.fields_with_token().into_iter().map(|(name, value)| (name, value.to_owned()));
        Self { result: self.reports.then(|| fields.collect()), ..self }
    }

    /// The same with what a notice of trouble says.
    #[must_use]
    pub(super) fn with_trouble(self, notice: Notice, alert: Alert) -> Self {
        let trouble = notice.trouble_code().map(|code| Trouble { code, message: alert.title });
        Self { trouble, ..self }
    }

    /// Whether a text is such data, whatever its values: they are the session's.
    pub(super) fn is_data(text: &str) -> bool {
        const KEYS: [&str; 4] = ["origin", "reports", "result", "trouble"];
        let read: Result<BTreeMap<String, serde_json::Value>, _> = serde_json::from_str(text);
        read.is_ok_and(|data| data.contains_key("origin") && data.keys().all(|key| KEYS.contains(&key.as_str())))
    }

    /// JSON for a `<script type="application/json">`.
    fn data(&self) -> String {
        // Strings and string keys always serialize.
        serde_json::to_string(self).unwrap_or_default().replace('<', "\\u003c")
    }
}

/// The part of a framed document that the layout writes.
pub(super) struct FramePart<'a> {
    pub origin: &'a str,
    pub data: String,
    pub script: &'a Asset,
    pub reports: bool,
    pub full_page: &'a str,
}

impl<'a> FramePart<'a> {
    pub fn new(frame: &'a Frame, script: &'a Asset) -> Self {
        Self { origin: &frame.origin, data: frame.data(), script, reports: frame.reports, full_page: &frame.full_page }
    }
}
