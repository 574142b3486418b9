//! Answers to the form's script, which posts with `Accept: application/json`.

use super::problem::{Alert, Field, FieldProblem, Problem};
use super::{Locale, Notice};
use serde::Serialize;

/// What became of a submit, in texts ready to be shown. `formToken` is the one
/// for the next submit; it and the addresses are why this does not print.
#[derive(Clone, Eq, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the constructors say what each field is")]
pub enum ScriptAnswer {
    /// Handed over: the page leaves for `next`.
    Done { next: String },
    /// Another submit of this session is under way; `next` is the waiting page.
    Waiting { next: String },
    /// The cardholder's to mend, at the fields.
    Invalid { errors: Vec<FieldMessage> },
    /// The provider refused the card.
    Declined {
        #[serde(flatten)]
        alert: Alert,
        attempts_left: u32,
        form_token: String,
    },
    /// The provider could not be asked.
    TryAgain {
        #[serde(flatten)]
        alert: Alert,
        form_token: String,
    },
    /// The form's token was not the latest.
    Stale {
        #[serde(flatten)]
        alert: Alert,
        form_token: String,
    },
    /// The session takes no card any more; `next` is where that is said.
    Ended {
        #[serde(flatten)]
        alert: Alert,
        next: String,
    },
    /// Not taken, for a reason that has nothing to do with the session: too
    /// many requests, an unreadable form, trouble of ours. The form stays.
    Refused {
        #[serde(flatten)]
        alert: Alert,
    },
}

/// One field and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FieldMessage {
    field: Field,
    message: String,
}

impl ScriptAnswer {
    /// Handed over; the page leaves for `next`, an http or https address.
    #[must_use]
    pub fn done(next: &str) -> Self {
        Self::Done { next: next.to_owned() }
    }

    /// A submit of this session is under way; `next` is the page that waits for it.
    #[must_use]
    pub fn waiting(next: &str) -> Self {
        Self::Waiting { next: next.to_owned() }
    }

    /// The fields to mend. The token stays good: nothing was claimed.
    #[must_use]
    pub fn invalid(locale: Locale, problems: &[FieldProblem]) -> Self {
        let texts = &locale.texts().fields;
        let message = |problem: &FieldProblem| FieldMessage {
            field: problem.field(),
            message: problem.message(texts).to_owned(),
        };
        Self::Invalid { errors: problems.iter().map(message).collect() }
    }

    /// The provider refused the card; `attempts_left` is at least one.
    #[must_use]
    pub fn declined(locale: Locale, provider_message: Option<&str>, attempts_left: u32, form_token: &str) -> Self {
        let alert = Alert::of(&Problem::Declined { provider_message, attempts_left }, locale);
        Self::Declined { alert, attempts_left, form_token: form_token.to_owned() }
    }

    /// The provider could not be asked; not the cardholder's fault, no attempt lost.
    #[must_use]
    pub fn try_again(locale: Locale, form_token: &str) -> Self {
        Self::TryAgain { alert: Alert::of(&Problem::TryAgain, locale), form_token: form_token.to_owned() }
    }

    /// The form's token was missing or not the latest.
    #[must_use]
    pub fn stale(locale: Locale, form_token: &str) -> Self {
        Self::Stale { alert: Alert::of(&Problem::FormStale, locale), form_token: form_token.to_owned() }
    }

    /// The session is over (expired, canceled, out of attempts, unknown);
    /// `next` is the page that says so, or the shop.
    #[must_use]
    pub fn ended(locale: Locale, notice: Notice, next: &str) -> Self {
        Self::Ended { alert: notice.alert(locale), next: next.to_owned() }
    }

    /// Not taken, and the form can be sent again as it is.
    #[must_use]
    pub fn refused(locale: Locale, notice: Notice) -> Self {
        Self::Refused { alert: notice.alert(locale) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{CvvError, PanError};
    use serde_json::json;

    fn english() -> Locale {
        Locale::negotiate(Some("en"), None, "tr")
    }

    #[test]
    fn the_shapes_that_the_script_reads() {
        let cases = [
            (ScriptAnswer::done("https://shop.example/"), json!({"outcome": "done", "next": "https://shop.example/"})),
            (ScriptAnswer::waiting("/c/x"), json!({"outcome": "waiting", "next": "/c/x"})),
            (
                ScriptAnswer::declined(english(), Some("Limit"), 1, "t2"),
                json!({"outcome": "declined", "title": "Your card was not accepted",
                    "message": "The payment provider’s answer: Limit", "reason": "Limit",
                    "note": "Check the details and try again, or use another card. You can try one more time.",
                    "attemptsLeft": 1, "formToken": "t2"}),
            ),
            (
                ScriptAnswer::refused(english(), Notice::TooManyRequests),
                json!({"outcome": "refused", "title": "Too many requests",
                    "message": "Too many requests came from your connection in a short time. Wait a minute, then try again."}),
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        }
    }

    #[test]
    fn field_problems_carry_their_field_and_text() {
        let problems = [PanError::Luhn.into(), CvvError::Length.into()];
        let answer = serde_json::to_value(ScriptAnswer::invalid(english(), &problems)).unwrap();
        assert_eq!(answer["outcome"], "invalid");
        assert_eq!(answer["errors"][0]["field"], "cardNumber");
        assert_eq!(answer["errors"][1]["field"], "cvv");
        assert!(answer["errors"][0]["message"].as_str().is_some_and(|text| text.contains("does not look right")));
    }

    #[test]
    fn outcomes_have_the_documented_names() {
        let answers = [
            (ScriptAnswer::try_again(english(), "t"), "tryAgain"),
            (ScriptAnswer::stale(english(), "t"), "stale"),
            (ScriptAnswer::ended(english(), Notice::Expired, "/c/x"), "ended"),
        ];
        for (answer, name) in answers {
            assert_eq!(serde_json::to_value(&answer).unwrap()["outcome"], name);
        }
    }
}
