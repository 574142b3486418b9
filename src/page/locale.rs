//! The languages there are, and which one a cardholder gets.

use super::texts::{Direction, Texts};
use crate::languages::{DEFAULT, FILES};
use std::sync::LazyLock;

/// Parsed at start-up by [`super::Pages::new`]; a test loads every file.
static TEXTS: LazyLock<Vec<Texts>> = LazyLock::new(|| FILES.iter().map(|(tag, file)| parse(tag, file)).collect());

#[allow(clippy::panic, reason = "at start-up, on our own embedded files; a test loads them all")]
fn parse(tag: &str, file: &str) -> Texts {
    serde_json::from_str(file).unwrap_or_else(|error| panic!("static/locales/{tag}.json: {error}"))
}

/// Preferences read from one `Accept-Language`; nobody speaks more.
const MAX_PREFERENCES: usize = 16;

/// One of the page's languages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Locale(usize);

impl Locale {
    /// Every language, in the order of the files.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..FILES.len()).map(Self)
    }

    /// The language of a session, else the browser's first known one (RFC 9110
    /// section 12.5.4), else `default`, else Turkish. Regions are ignored:
    /// `en-GB` is `en`.
    #[must_use]
    pub fn negotiate(session: Option<&str>, accept_language: Option<&str>, default: &str) -> Self {
        session
            .and_then(Self::find)
            .or_else(|| accept_language.and_then(Self::preferred))
            .or_else(|| Self::find(default))
            .or_else(|| Self::find(DEFAULT))
            .unwrap_or(Self(0))
    }

    /// Whether the page speaks a language, given by its tag: subtags of at most
    /// eight letters and digits (RFC 5646 section 2.1), not any text behind a `tr-`.
    #[must_use]
    pub fn is_known(tag: &str) -> bool {
        let is_subtag =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        tag.split(['-', '_']).all(is_subtag) && Self::find(tag).is_some()
    }

    /// The language tag (BCP 47), for `lang` and `Content-Language`.
    #[must_use]
    pub fn code(self) -> &'static str {
        FILES[self.0].0
    }

    /// The language's own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.texts().language
    }

    /// `ltr` or `rtl`, for `dir`.
    #[must_use]
    pub fn dir(self) -> &'static str {
        match self.texts().direction {
            Direction::Ltr => "ltr",
            Direction::Rtl => "rtl",
        }
    }

    /// Its place in tables that have a row per language.
    pub(super) fn index(self) -> usize {
        self.0
    }

    pub(super) fn texts(self) -> &'static Texts {
        &TEXTS[self.0]
    }

    fn find(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_']).next()?;
        FILES.iter().position(|(known, _)| known.eq_ignore_ascii_case(language)).map(Self)
    }

    fn preferred(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for preference in header.split(',').take(MAX_PREFERENCES) {
            let (tag, parameter) = preference.split_once(';').unwrap_or((preference, ""));
            let quality = match parameter.trim().strip_prefix("q=") {
                Some(written) => written.trim().parse().unwrap_or(0.0),
                None => 1.0,
            };
            let found = Self::find(tag).filter(|_| quality > best.map_or(0.0, |(highest, _)| highest));
            best = found.map(|locale| (quality, locale)).or(best);
        }
        best.map(|(_, locale)| locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    /// Every text of a file by its path of keys.
    fn flatten(file: &str) -> BTreeMap<String, String> {
        fn walk(path: &str, value: &Value, texts: &mut BTreeMap<String, String>) {
            match value {
                Value::Object(map) => map.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, texts)),
                Value::String(text) => drop(texts.insert(path.to_owned(), text.clone())),
                other => panic!("{path} is {other}"),
            }
        }
        let mut texts = BTreeMap::new();
        walk("", &serde_json::from_str(file).unwrap(), &mut texts);
        texts
    }

    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn every_file_loads() {
        for locale in Locale::all() {
            assert!(!locale.texts().language.is_empty());
        }
    }

    fn file(tag: &str) -> BTreeMap<String, String> {
        flatten(FILES.iter().find(|(known, _)| *known == tag).unwrap().1)
    }

    #[test]
    fn every_file_says_everything_and_fills_in_the_same_words() {
        let english = file("en");
        for (tag, text) in FILES {
            let texts = flatten(text);
            let differing: Vec<_> = texts.keys().filter(|key| !english.contains_key(*key)).collect();
            let missing: Vec<_> = english.keys().filter(|key| !texts.contains_key(*key)).collect();
            assert!(differing.is_empty() && missing.is_empty(), "{tag}: surplus {differing:?}, missing {missing:?}");
            for (key, text) in &texts {
                assert!(!text.trim().is_empty(), "{tag}{key}");
                assert_eq!(placeholders(text), placeholders(&english[key]), "{tag}{key}");
            }
        }
    }

    /// Texts that are the English ones on purpose: what the card itself says.
    const AS_IN_ENGLISH: &[(&str, &str)] = &[("ar", ".fields.expiry.placeholder")];

    #[test]
    fn nothing_was_left_untranslated() {
        let english = file("en");
        let mut same = Vec::new();
        for (tag, text) in FILES.iter().filter(|(tag, _)| *tag != "en") {
            let texts = flatten(text).into_iter().filter(|(key, _)| key != ".direction");
            same.extend(texts.filter(|(key, text)| english[key] == *text).map(|(key, _)| (*tag, key)));
        }
        let same: Vec<_> = same.iter().map(|(tag, key)| (*tag, key.as_str())).collect();
        assert_eq!(same, AS_IN_ENGLISH);
    }

    #[test]
    fn a_language_is_written_from_its_side() {
        for (tag, direction) in [("ar", "rtl"), ("en", "ltr"), ("tr", "ltr")] {
            assert_eq!(Locale::negotiate(Some(tag), None, DEFAULT).dir(), direction, "{tag}");
        }
    }

    #[test]
    fn session_then_browser_then_default() {
        let cases = [
            (Some("en"), Some("tr"), "tr", "en"),
            (Some("en-GB"), None, "tr", "en"),
            (Some("fr"), Some("en"), "tr", "en"),
            (None, Some("de, en;q=0.5, tr;q=0.4"), "tr", "en"),
            (None, Some("en;q=0.5,tr-TR;q=0.9"), "en", "tr"),
            (None, Some("EN-us"), "tr", "en"),
            (None, Some("ar-SA,ar;q=0.9,en;q=0.8"), "tr", "ar"),
            (Some("ar-EG"), Some("en"), "tr", "ar"),
            (None, Some("en;q=0"), "tr", "tr"),
            (None, Some("en;q=abc"), "tr", "tr"),
            (None, Some("de,*"), "en", "en"),
            (None, Some(""), "en", "en"),
            (None, None, "xx", "tr"),
        ];
        for (session, browser, default, code) in cases {
            let locale = Locale::negotiate(session, browser, default);
            assert_eq!(locale.code(), code, "{session:?} {browser:?} {default:?}");
        }
    }

    #[test]
    fn known_languages() {
        assert!(Locale::is_known("tr") && Locale::is_known("en") && Locale::is_known("tr-TR"));
        assert!(!Locale::is_known("") && !Locale::is_known("t") && !Locale::is_known("trk"));
        assert!(!Locale::is_known("tr-4355093000777068") && !Locale::is_known("tr-") && !Locale::is_known("tr-<b>"));
    }
}
