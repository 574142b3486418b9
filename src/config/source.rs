//! The file's and the environment's values in one flat table, each with the
//! place where it was written.

use super::mistake::{Mistake, Origin};
use crate::hardening::environment;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What every variable's name begins with.
const PREFIX: &str = "VEZNE_";
/// Where systemd puts the credentials of a unit (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Longest unknown key that is repeated in a report.
const KEY_SHOWN: usize = 40;

/// Variables by name. Those of [`environment::SECRETS`] have been taken out of
/// the environment before: what stands here for them says only that they were set.
pub type Environment = BTreeMap<String, String>;

/// A value before anybody asked for its type.
#[derive(Clone)]
pub(super) enum Value {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Table,
    /// From a variable: takes the type that is asked for.
    Raw(String),
    /// A TOML type that no key has.
    Other(&'static str),
}

impl Value {
    /// What kind of value this is, without its content.
    pub(super) fn shape(&self) -> String {
        match self {
            Self::Flag(_) => "true or false".into(),
            Self::Number(_) => "a number".into(),
            Self::Text(text) | Self::Raw(text) => match text.chars().count() {
                0 => "empty text".into(),
                1 => "text of 1 character".into(),
                count => format!("text of {count} characters"),
            },
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Table => "a section".into(),
            Self::Other(name) => (*name).into(),
        }
    }

    /// The text, when this is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Raw(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, when this is one.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Raw(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The switch, when this is one.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Raw(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The items, when this is a list; a variable's are separated by commas.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items.clone()),
            Self::Raw(text) if text.trim().is_empty() => Some(Vec::new()),
            Self::Raw(text) => Some(text.split(',').map(|item| Self::Raw(item.trim().into())).collect()),
            _ => None,
        }
    }
}

/// A value and where it was written.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

impl Entry {
    /// The variable that the value came from, if one.
    pub(super) fn variable(&self) -> Option<&str> {
        match &self.origin {
            Origin::Variable(name) => Some(name),
            _ => None,
        }
    }
}

/// Every value by its full key (`server.listen`), sections included.
pub(super) struct Source {
    pub(super) entries: BTreeMap<String, Entry>,
    /// Which variables that hold a secret are set to something.
    pub(super) given: Vec<&'static str>,
    /// The folder of this unit's credentials.
    pub(super) credentials: Option<PathBuf>,
}

impl Source {
    /// Reads the file's text, then lets the variables override it.
    ///
    /// # Errors
    /// Every place where the text is not TOML.
    pub(super) fn read(text: &str, environment: &Environment) -> Result<Self, Vec<Mistake>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| not_toml(text, error)).collect());
        }
        let mut entries = BTreeMap::new();
        collect(text, "", table.get_ref(), &mut entries);
        for (name, value) in environment {
            if let Some(key) = key_of(name) {
                let entry = Entry { origin: Origin::Variable(name.clone()), value: Value::Raw(value.clone()) };
                entries.insert(key, entry);
            }
        }
        let is_set = |name: &&str| environment.get(*name).is_some_and(|value| !value.is_empty());
        let given = environment::SECRETS.into_iter().filter(is_set).collect();
        let credentials = environment.get(CREDENTIALS).map(PathBuf::from);
        Ok(Self { entries, given, credentials })
    }

    /// Whether anything is said about a section or a key in it.
    pub(super) fn mentions(&self, section: &str) -> bool {
        self.entries.keys().any(|key| key == section || is_inside(key, section))
    }
}

/// Whether a key lies in a section, at any depth.
pub(super) fn is_inside(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// The variable that overrides a key: `server.public_url` → `VEZNE_SERVER__PUBLIC_URL`.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// Whether the process's environment may say something to vezne by this name.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || name == CREDENTIALS
}

fn key_of(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX).filter(|rest| !rest.is_empty())?;
    if environment::SECRETS.contains(&name) {
        return None;
    }
    Some(rest.to_lowercase().replace("__", "."))
}

fn collect(text: &str, section: &str, table: &DeTable<'_>, entries: &mut BTreeMap<String, Entry>) {
    for (name, value) in table {
        let key = match section {
            "" => segment(name.get_ref()),
            _ => format!("{section}.{}", segment(name.get_ref())),
        };
        let origin = Origin::Line(line_of(text, name.span().start));
        entries.insert(key.clone(), Entry { origin, value: plain(value) });
        if let DeValue::Table(inner) = value.get_ref() {
            collect(text, &key, inner, entries);
        }
    }
}

/// A key's name as it may be shown: a quoted one stays quoted, so that
/// `"server.listen"` is not taken for `listen` of `[server]`.
fn segment(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    let shown: String = name.chars().take(KEY_SHOWN).collect();
    if is_bare { shown } else { format!("{shown:?}") }
}

fn plain(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Other("a number beyond 64 bits"),
        },
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Array(items) => Value::List(items.iter().map(plain).collect()),
        DeValue::Table(_) => Value::Table,
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date or time"),
    }
}

/// The parser's own `Display` repeats the line, which may hold a secret; its message does not.
fn not_toml(text: &str, error: &toml::de::Error) -> Mistake {
    Mistake {
        key: "TOML".into(),
        origin: error.span().map_or(Origin::File, |span| Origin::Line(line_of(text, span.start))),
        found: error.message().trim().replace('\n', "; "),
        wanted: "TOML 1.0: `key = value` lines under `[section]` headings, text in double quotes".into(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}
