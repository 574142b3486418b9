//! Asks the source for each key by its type and notes every mistake instead of
//! stopping at the first. A refused value reads like an absent one, so that
//! the rest can still be judged.

use super::mistake::{Mistake, Origin};
use super::nearest::nearest;
use super::source::{Source, Value, is_inside, variable_of};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// One pass over a configuration.
pub(super) struct Reader<'a> {
    source: Source,
    base: &'a Path,
    asked: BTreeSet<String>,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    /// Starts a pass. Relative paths are resolved against `base`.
    pub(super) fn new(source: Source, base: &'a Path) -> Self {
        Self { source, base, asked: BTreeSet::new(), mistakes: Vec::new() }
    }

    /// A switch; off when absent.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.value(key, "true or false", |value| value.flag().ok_or_else(|| value.shape())).unwrap_or(false)
    }

    /// A switch that weakens security: refused when real cards are at stake.
    pub(super) fn danger(&mut self, key: &str, live: bool) -> bool {
        let is_on = self.flag(key);
        if is_on && live {
            self.refuse(key, "a danger_ switch that is on while live = true", "false, or live = false");
        }
        is_on
    }

    /// A whole number within bounds.
    pub(super) fn number<T>(&mut self, key: &str, default: T, bounds: RangeInclusive<T>, unit: &str) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let (least, most) = (*bounds.start(), *bounds.end());
        let wanted = format!("a whole number of {unit} from {least} to {most}, such as {default}");
        self.value(key, &wanted, |value| {
            let number = value.number().ok_or_else(|| value.shape())?;
            match T::try_from(number) {
                Ok(number) if bounds.contains(&number) => Ok(number),
                Ok(number) if number < least => Err("a number that is too small".into()),
                Err(_) if number < 0 => Err("a negative number".into()),
                _ => Err("a number that is too large".into()),
            }
        })
        .unwrap_or(default)
    }

    /// A time in milliseconds within bounds.
    pub(super) fn milliseconds(&mut self, key: &str, default: u64, bounds: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(key, default, bounds, "milliseconds"))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
        let wanted = format!("one of {}", words.join(", "));
        self.value(key, &wanted, |value| {
            let text = value.text().ok_or_else(|| value.shape())?;
            choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| value.shape())
        })
        .unwrap_or(default)
    }

    /// The name of a user as useradd(8) takes it, or a number in quotes; root's is refused.
    pub(super) fn name(&mut self, key: &str, wanted: &str) -> Option<String> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-.$".contains(letter);
        self.value(key, wanted, |value| {
            let text = value.text().ok_or_else(|| value.shape())?;
            match text {
                "root" => Err("root".into()),
                _ if text.parse() == Ok(0) => Err("root's number".into()),
                _ if (1..=32).contains(&text.len()) && !text.starts_with('-') && text.chars().all(fits) => {
                    Ok(text.to_owned())
                }
                _ => Err(value.shape()),
            }
        })
    }

    /// A list of bounded length whose items all parse.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        lengths: RangeInclusive<usize>,
        wanted: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.value(key, wanted, |value| {
            let items = value.items().ok_or_else(|| value.shape())?;
            if !lengths.contains(&items.len()) {
                return Err(format!("a list of {}", items.len()));
            }
            let parse_item = |(place, item)| parse(item).ok_or_else(|| format!("{} as item {place}", item.shape()));
            (1_usize..).zip(&items).map(parse_item).collect()
        })
    }

    /// An `address:port` that `accept` takes, or what it finds instead.
    pub(super) fn address(
        &mut self,
        key: &str,
        wanted: &str,
        accept: impl Fn(SocketAddr) -> Result<(), String>,
    ) -> Option<SocketAddr> {
        self.value(key, wanted, |value| {
            let address = value.text().and_then(|text| text.parse().ok()).ok_or_else(|| value.shape())?;
            accept(address).map(|()| address)
        })
    }

    /// Text that `parse` reads, or says what it found.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.value(key, wanted, |value| parse(value.text().ok_or_else(|| value.shape())?))
    }

    /// A URL without user, password and fragment that `accept` takes.
    pub(super) fn url(&mut self, key: &str, wanted: &str, accept: impl Fn(&Url) -> bool) -> Option<Url> {
        self.value(key, wanted, |value| {
            let text = value.text().ok_or_else(|| value.shape())?;
            let url = Url::parse(text).map_err(|_| value.shape())?;
            check_url(&url, text, &accept).map(|()| url)
        })
    }

    /// The text of such a URL, in which `placeholder` may stand for a word.
    pub(super) fn url_with(
        &mut self,
        key: &str,
        wanted: &str,
        placeholder: &str,
        accept: impl Fn(&Url) -> bool,
    ) -> Option<String> {
        self.value(key, wanted, |value| {
            let text = value.text().ok_or_else(|| value.shape())?;
            let filled = text.replace(placeholder, "word");
            let url = Url::parse(&filled).map_err(|_| value.shape())?;
            check_url(&url, text, &|url| accept(url) && !filled.contains(['{', '}'])).map(|()| text.to_owned())
        })
    }

    /// A path that `check` takes; relative ones start at the file's folder.
    pub(super) fn path(
        &mut self,
        key: &str,
        wanted: &str,
        check: impl Fn(&Path) -> Result<(), String>,
    ) -> Option<PathBuf> {
        let base = self.base;
        self.value(key, wanted, |value| {
            let text = value.text().filter(|text| !text.is_empty()).ok_or_else(|| value.shape())?;
            let path = base.join(text);
            match check(&path) {
                Ok(()) => Ok(path),
                Err(found) if Path::new(text).is_relative() => Err(format!("{found} (seen from {})", base.display())),
                Err(found) => Err(found),
            }
        })
    }

    /// A file that this process can read.
    pub(super) fn file(&mut self, key: &str, wanted: &str) -> Option<PathBuf> {
        self.path(key, wanted, readable)
    }

    /// Where a relative path of the configuration leads.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// Whether a key or anything in a section is set.
    pub(super) fn mentions(&self, key: &str) -> bool {
        self.source.mentions(key)
    }

    /// Whether a variable that holds a secret is set.
    pub(super) fn given(&self, variable: &str) -> bool {
        self.source.given.contains(&variable)
    }

    /// The file of a credential that the service manager handed over, if it did.
    pub(super) fn credential(&self, name: &str) -> Option<PathBuf> {
        self.source.credentials.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file())
    }

    /// Notes a key that must be set and is not. A value that was refused has its mistake already.
    pub(super) fn require(&mut self, key: &str, wanted: &str) {
        if !self.mentions(key) {
            self.refuse(key, "nothing", wanted);
        }
    }

    /// Notes a mistake that only shows beside other keys.
    pub(super) fn refuse(&mut self, key: &str, found: &str, wanted: &str) {
        let origin = self.source.entries.get(key).map_or(Origin::Absent, |entry| entry.origin.clone());
        self.mistakes.push(Mistake { key: key.into(), origin, found: found.into(), wanted: wanted.into() });
    }

    /// Every key that was asked for.
    #[cfg(test)]
    pub(super) fn asked(&self) -> &BTreeSet<String> {
        &self.asked
    }

    /// Ends the pass: what nobody asked for is a mistake too.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        let unasked: Vec<String> =
            self.source.entries.keys().filter(|key| !self.asked.contains(*key)).cloned().collect();
        for key in unasked {
            self.judge_unasked(&key);
        }
        self.mistakes
    }

    fn value<T>(&mut self, key: &str, wanted: &str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        self.asked.insert(key.to_owned());
        let found = match parse(&self.source.entries.get(key)?.value) {
            Ok(parsed) => return Some(parsed),
            Err(found) => found,
        };
        self.refuse(key, &found, wanted);
        None
    }

    fn judge_unasked(&mut self, key: &str) {
        let Some(entry) = self.source.entries.get(key) else { return };
        let (shape, is_table) = (entry.value.shape(), matches!(entry.value, Value::Table));
        if self.is_section(key) {
            if !is_table {
                self.refuse(key, &shape, &format!("a section: [{key}] with its keys below"));
            }
            return;
        }
        if key.match_indices('.').any(|(end, _)| self.is_wrong_section(&key[..end])) {
            return; // the section that it lies in is the mistake
        }
        let meant = match entry.variable() {
            Some(name) if !name.contains("__") => match self.written_with_one_underscore(key) {
                Some(meant) => Some(meant),
                None => return, // somebody else's, such as the VEZNE_PORT that Kubernetes sets for a service
            },
            _ => self.suggestion(key),
        };
        let wanted = match (meant, entry.variable()) {
            (Some(meant), Some(_)) => format!("{}, perhaps", variable_of(&meant)),
            (Some(meant), None) => format!("{meant}, perhaps"),
            (None, _) => "nothing here: there is no such key (docs/configuration.md lists them)".into(),
        };
        self.refuse(key, &format!("an unknown key with {shape}"), &wanted);
    }

    fn is_section(&self, key: &str) -> bool {
        self.asked.iter().any(|asked| is_inside(asked, key))
    }

    fn is_wrong_section(&self, key: &str) -> bool {
        self.source.entries.contains_key(key) && !self.is_section(key)
    }

    fn suggestion(&self, key: &str) -> Option<String> {
        let sections = self.asked.iter().flat_map(|asked| asked.match_indices('.').map(|(end, _)| &asked[..end]));
        let known: BTreeSet<&str> = self.asked.iter().map(String::as_str).chain(sections).collect();
        nearest(key, known.iter().copied()).map(str::to_owned)
    }

    fn written_with_one_underscore(&self, key: &str) -> Option<String> {
        self.asked.iter().find(|asked| asked.replace('.', "_") == key).cloned()
    }
}

/// What every URL of the configuration keeps to, and `accept` besides.
fn check_url(url: &Url, text: &str, accept: &impl Fn(&Url) -> bool) -> Result<(), String> {
    let has_user = !url.username().is_empty() || url.password().is_some();
    match () {
        () if has_user => Err("a URL with a user name or password".into()),
        () if url.fragment().is_some() => Err("a URL with a fragment".into()),
        () if accept(url) => Ok(()),
        () => Err(format!("a URL of {} characters that does not fit", text.chars().count())),
    }
}

/// Looks before it opens: opening a pipe would wait for its other end.
fn readable(path: &Path) -> Result<(), String> {
    let reason = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "a path to nothing".into(),
        kind => format!("a path that cannot be read: {kind}"),
    };
    match std::fs::metadata(path).map_err(reason)? {
        kind if kind.is_dir() => Err("a folder".into()),
        kind if !kind.is_file() => Err("something other than a file".into()),
        _ => File::open(path).map(drop).map_err(reason),
    }
}
