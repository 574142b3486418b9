//! How a command fails: what it says and which exit code it has.

use std::fmt;
use std::process::ExitCode;

/// A message for the operator, by whose fault it is.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
}

/// The published exit codes; 2 is also what clap exits with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Failed inside, or found what should not be.
    Internal = 1,
    Usage = 2,
    Config = 3,
    Unavailable = 4,
}

impl Failure {
    /// Something inside went wrong.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: Kind::Internal, message: message.into() }
    }

    /// What was compared is not what it should be.
    pub fn differs(message: impl Into<String>) -> Self {
        Self { kind: Kind::Internal, message: message.into() }
    }

    /// The command was given something that it cannot take.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into() }
    }

    /// The configuration is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self { kind: Kind::Config, message: message.into() }
    }

    /// Something that is needed is away.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unavailable, message: message.into() }
    }

    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<crate::startup::StartupError> for Failure {
    fn from(error: crate::startup::StartupError) -> Self {
        use crate::hardening::{KeyringError, key_file::KeyFileError};
        use crate::startup::StartupError as E;
        match error {
            E::Store(_) | E::Listen(_) | E::Keyring(KeyringError::File(KeyFileError::Read { .. })) => {
                Self::unavailable(error.to_string())
            }
            E::Resolver(_) => Self::internal(error.to_string()),
            _ => Self::config(error.to_string()),
        }
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        match error {
            crate::store::StoreError::Unavailable(_) => Self::unavailable(error.to_string()),
            crate::store::StoreError::Missing { .. } => Self::usage(error.to_string()),
            crate::store::StoreError::Corrupt { .. } => Self::internal(error.to_string()),
        }
    }
}
