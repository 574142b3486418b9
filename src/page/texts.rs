//! Everything the page says, as types: a locale file with a missing, a
//! surplus or a misspelt key does not load.
//!
//! Words in braces (`{shop}`) are put in by [`fill`]; they stand where no
//! language needs to bend them, because a shop's name takes no Turkish suffix.

use serde::{Deserialize, Serialize};

/// One language.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Texts {
    /// The language's own name.
    pub language: String,
    pub direction: Direction,
    pub frame: FrameTexts,
    pub form: FormTexts,
    pub fields: FieldsTexts,
    pub problem: ProblemTexts,
    pub script: ScriptTexts,
    pub notice: NoticeTexts,
    pub done: DoneTexts,
}

/// Which way a language is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Left to right.
    Ltr,
    /// Right to left.
    Rtl,
}

/// Around every document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FrameTexts {
    pub secure: String,
    pub test_mode: String,
    pub reference: String,
    pub back: String,
    pub retry: String,
    pub refresh: String,
    pub privacy: String,
    pub new_tab: String,
    pub unconnected_title: String,
    pub unconnected_message: String,
    pub full_page: String,
    pub no_script: String,
}

/// The card form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FormTexts {
    pub title: String,
    pub title_with_problem: String,
    pub heading: String,
    pub intro: String,
    pub submit: String,
    pub cancel: String,
    pub trust: String,
    pub open_for: String,
    pub open_for_one: String,
}

/// The fields and what can be wrong with each; the script reads them too.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FieldsTexts {
    pub card_number: CardNumberTexts,
    pub expiry: ExpiryTexts,
    pub cvv: CvvTexts,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CardNumberTexts {
    pub label: String,
    pub empty: String,
    pub not_digits: String,
    pub length: String,
    pub checksum: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExpiryTexts {
    pub label: String,
    pub hint: String,
    pub placeholder: String,
    pub empty: String,
    pub format: String,
    pub expired: String,
    pub too_far: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CvvTexts {
    pub label: String,
    pub hint: String,
    pub hint_three: String,
    pub hint_four: String,
    pub empty: String,
    pub not_digits: String,
    pub length: String,
}

/// Above the form, when a submit did not lead on; the script reads them too.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProblemTexts {
    pub fields_title: String,
    pub declined_title: String,
    pub declined_message: String,
    pub declined_reason: String,
    pub attempts_left: String,
    pub attempts_left_one: String,
    pub try_again_title: String,
    pub try_again_message: String,
    pub stale_title: String,
    pub stale_message: String,
    pub network_title: String,
    pub network_message: String,
}

/// What only the script says.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ScriptTexts {
    pub working: String,
    pub working_long: String,
    pub closes_in: String,
    pub closes_soon: String,
    pub leave: String,
    pub brand_known: String,
}

/// The notices, one pair each.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NoticeTexts {
    pub not_found: NoticeText,
    pub expired: NoticeText,
    pub canceled: NoticeText,
    pub waiting: NoticeText,
    pub too_many_requests: NoticeText,
    pub bad_request: NoticeText,
    pub server_trouble: NoticeText,
    pub failed: NoticeText,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NoticeText {
    pub title: String,
    pub message: String,
}

/// The hand-off page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DoneTexts {
    pub title: String,
    pub completed: String,
    pub failed: String,
    pub canceled: String,
    pub message: String,
    pub stay: String,
    pub link: String,
}

/// Puts `value` where the text has `{name}`.
pub(super) fn fill(text: &str, name: &str, value: &str) -> String {
    text.replace(&format!("{{{name}}}"), value)
}

/// A text around something that others wrote. A document isolates that from
/// its own words, whose direction it need not have (UAX 9; HTML's `bdi`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Around<'a> {
    pub before: &'a str,
    pub value: &'a str,
    pub after: &'a str,
}

/// [`fill`] for documents.
pub(super) fn around<'a>(text: &'a str, name: &str, value: &'a str) -> Around<'a> {
    match text.split_once(&format!("{{{name}}}")) {
        Some((before, after)) => Around { before, value, after },
        None => Around { before: text, value: "", after: "" },
    }
}
