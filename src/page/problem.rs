//! What went wrong with a submit, in the cardholder's words: the same for the
//! document that shows the form again and for the answer to the script.

use super::Locale;
use super::texts::{Around, FieldsTexts, ProblemTexts, fill};
use crate::card::{CvvError, ExpiryError, PanError};
use serde::Serialize;

/// Why the form is shown once more.
#[derive(Clone, Copy, Debug)]
pub enum Problem<'a> {
    /// The cardholder's to mend.
    Fields(&'a [FieldProblem]),
    /// The provider refused the card.
    Declined {
        /// The provider's own words, when they are meant for cardholders.
        provider_message: Option<&'a str>,
        /// How many submits the session still takes; at least one.
        attempts_left: u32,
    },
    /// The provider could not be asked, or did not answer.
    TryAgain,
    /// The form's token was missing or not the latest, or the submit came from another site.
    FormStale,
}

/// The form's fields, by the names they are posted under.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// `cardNumber`
    CardNumber,
    /// `expiry`
    Expiry,
    /// `cvv`
    Cvv,
}

impl Field {
    /// The name in the form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CardNumber => "cardNumber",
            Self::Expiry => "expiry",
            Self::Cvv => "cvv",
        }
    }
}

/// Which field, and what is wrong with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldProblem {
    /// `cardNumber`
    CardNumber(PanError),
    /// `expiry`
    Expiry(ExpiryError),
    /// `cvv`
    Cvv(CvvError),
}

impl From<PanError> for FieldProblem {
    fn from(error: PanError) -> Self {
        Self::CardNumber(error)
    }
}

impl From<ExpiryError> for FieldProblem {
    fn from(error: ExpiryError) -> Self {
        Self::Expiry(error)
    }
}

impl From<CvvError> for FieldProblem {
    fn from(error: CvvError) -> Self {
        Self::Cvv(error)
    }
}

impl FieldProblem {
    /// The field it is about.
    #[must_use]
    pub fn field(self) -> Field {
        match self {
            Self::CardNumber(_) => Field::CardNumber,
            Self::Expiry(_) => Field::Expiry,
            Self::Cvv(_) => Field::Cvv,
        }
    }

    /// What to do about it.
    pub(super) fn message(self, texts: &FieldsTexts) -> &str {
        let FieldsTexts { card_number, expiry, cvv } = texts;
        match self {
            Self::CardNumber(PanError::Empty) => &card_number.empty,
            Self::CardNumber(PanError::NotDigits) => &card_number.not_digits,
            Self::CardNumber(PanError::Length) => &card_number.length,
            Self::CardNumber(PanError::Luhn) => &card_number.checksum,
            Self::Expiry(ExpiryError::Empty) => &expiry.empty,
            Self::Expiry(ExpiryError::Format) => &expiry.format,
            Self::Expiry(ExpiryError::Past) => &expiry.expired,
            Self::Expiry(ExpiryError::TooFar) => &expiry.too_far,
            Self::Cvv(CvvError::Empty) => &cvv.empty,
            Self::Cvv(CvvError::NotDigits) => &cvv.not_digits,
            Self::Cvv(CvvError::Length) => &cvv.length,
        }
    }
}

/// The box above the form.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Alert {
    /// What happened, in a few words.
    pub title: String,
    /// Why; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The part of the message that is the provider's own words, in a language
    /// that nobody tells us; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What to do now, and how often it can still be done; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Alert {
    /// The texts for a problem; for fields, only the heading of their list.
    pub(super) fn of(problem: &Problem<'_>, locale: Locale) -> Self {
        let texts = &locale.texts().problem;
        match problem {
            Problem::Fields(_) => Self::new(&texts.fields_title, ""),
            Problem::Declined { provider_message, attempts_left } => {
                Self::declined(texts, *provider_message, *attempts_left)
            }
            Problem::TryAgain => Self::new(&texts.try_again_title, &texts.try_again_message),
            Problem::FormStale => Self::new(&texts.stale_title, &texts.stale_message),
        }
    }

    pub(super) fn new(title: &str, message: &str) -> Self {
        Self { title: title.to_owned(), message: message.to_owned(), reason: String::new(), note: String::new() }
    }

    fn declined(texts: &ProblemTexts, reason: Option<&str>, attempts_left: u32) -> Self {
        let reason = reason.map(str::trim).unwrap_or_default();
        let message = if reason.is_empty() { String::new() } else { fill(&texts.declined_reason, "reason", reason) };
        let attempts = match attempts_left {
            1 => texts.attempts_left_one.clone(),
            count => fill(&texts.attempts_left, "count", &count.to_string()),
        };
        Self {
            title: texts.declined_title.clone(),
            note: format!("{} {attempts}", texts.declined_message),
            message,
            reason: reason.to_owned(),
        }
    }

    /// The message, with the provider's words apart from ours.
    pub(super) fn message_parts(&self) -> Around<'_> {
        match self.message.rsplit_once(&self.reason) {
            Some((before, after)) if !self.reason.is_empty() => Around { before, value: &self.reason, after },
            _ => Around { before: &self.message, value: "", after: "" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declined(provider_message: Option<&str>, attempts_left: u32) -> Alert {
        let turkish = Locale::negotiate(Some("tr"), None, "tr");
        Alert::of(&Problem::Declined { provider_message, attempts_left }, turkish)
    }

    #[test]
    fn a_refusal_says_why_and_how_often_one_may_try() {
        let alert = declined(Some("Kart limiti yetersiz"), 4);
        assert_eq!(alert.message, "Ödeme kuruluşunun yanıtı: Kart limiti yetersiz");
        let parts = alert.message_parts();
        assert_eq!((parts.before, parts.value), ("Ödeme kuruluşunun yanıtı: ", "Kart limiti yetersiz"));
        assert!(alert.note.ends_with(" 4\u{a0}deneme hakkınız kaldı."), "{}", alert.note);
    }

    #[test]
    fn a_refusal_without_a_reason_invents_none() {
        assert_eq!(declined(None, 2).message, "");
        assert_eq!(declined(Some("  "), 2).message, "");
        assert_eq!(declined(None, 2).message_parts(), Around { before: "", value: "", after: "" });
        assert!(declined(None, 1).note.ends_with("Son deneme hakkınız."));
    }
}
