//! Where the master keys come from.

use super::reader::Reader;
use crate::hardening::environment;
use std::fmt;
use std::path::PathBuf;

/// `[keys]`: the master key that seals secrets at rest, and the one that is
/// being replaced.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// `master_key_file`: 32 bytes in base64. Without it they are in
    /// `VEZNE_MASTER_KEY` or in the systemd credential `master-key`.
    pub master: KeySource,
    /// `previous_master_key_file`: a second key, which opens and never seals.
    /// Without it `VEZNE_PREVIOUS_MASTER_KEY` or the credential
    /// `previous-master-key`. Default none.
    pub previous: Option<KeySource>,
}

/// Where one master key, or another secret, is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeySource {
    /// A file that the configuration names.
    File(PathBuf),
    /// An environment variable, taken out of the environment already.
    Variable(&'static str),
    /// A file that the service manager handed over: `LoadCredential=` of systemd.exec(5).
    Credential(PathBuf),
}

impl fmt::Display for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Credential(path) => path.display().fmt(formatter),
            Self::Variable(name) => formatter.write_str(name),
        }
    }
}

/// The three ways in which one secret may come.
pub(super) struct Ways {
    pub key: &'static str,
    pub variable: &'static str,
    pub credential: &'static str,
    pub wanted: &'static str,
    pub once: &'static str,
}

const MASTER: Ways = Ways {
    key: "keys.master_key_file",
    variable: environment::MASTER_KEY,
    credential: "master-key",
    wanted: r#"a readable file, such as "master.key"; or the key in VEZNE_MASTER_KEY or in the systemd credential master-key"#,
    once: "one master key: the file, VEZNE_MASTER_KEY or the systemd credential master-key",
};
const PREVIOUS: Ways = Ways {
    key: "keys.previous_master_key_file",
    variable: environment::PREVIOUS_MASTER_KEY,
    credential: "previous-master-key",
    wanted: r#"a readable file, such as "previous.key""#,
    once: "one previous master key: the file, VEZNE_PREVIOUS_MASTER_KEY or the systemd credential previous-master-key",
};

impl KeysConfig {
    /// Reads `[keys]`. Nothing when there is no master key, or more than one.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let master = KeySource::read(reader, &MASTER);
        if master.is_none() && !reader.given(MASTER.variable) {
            reader.require(MASTER.key, MASTER.wanted);
        }
        let previous = KeySource::read(reader, &PREVIOUS);
        Some(Self { master: master?, previous })
    }
}

impl KeySource {
    /// The one way that is used. Two are a mistake, not a matter of precedence:
    /// one of them is a key that somebody believes to be in force.
    pub(super) fn read(reader: &mut Reader<'_>, ways: &Ways) -> Option<Self> {
        let file = reader.file(ways.key, ways.wanted).map(Self::File);
        let variable = reader.given(ways.variable).then_some(Self::Variable(ways.variable));
        let credential = reader
            .credential(ways.credential)
            .filter(|path| !matches!(&file, Some(Self::File(named)) if named == path))
            .map(Self::Credential);
        let found = [
            reader.mentions(ways.key).then(|| "a file".to_owned()),
            variable.as_ref().map(|_| ways.variable.to_owned()),
            credential.as_ref().map(|_| format!("the credential {}", ways.credential)),
        ];
        let found: Vec<String> = found.into_iter().flatten().collect();
        if found.len() > 1 {
            reader.refuse(ways.key, &found.join(" and "), ways.once);
            return None;
        }
        file.or(variable).or(credential)
    }
}
