//! Where a window keeps its sessions.

use crate::Outcome;
use std::path::Path;

/// Which of the two.
#[derive(Clone)]
pub enum Store {
    Sqlite,
}

impl Store {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
        }
    }

    /// Whether several processes can share it.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite => false,
        }
    }
}

/// One window's own.
pub enum Database {
    File,
}

impl Database {
    pub async fn create(store: Store, _folder: &Path) -> Outcome<Self> {
        match store {
            Store::Sqlite => Ok(Self::File),
        }
    }

    /// Whether it is a process of its own.
    pub fn is_server(&self) -> bool {
        match self {
            Self::File => false,
        }
    }

    /// `kill -9` to it, and its restart after a while.
    pub async fn crash(&self, _pause: std::time::Duration) -> Outcome<()> {
        match self {
            Self::File => Ok(()),
        }
    }

    /// The section `[store]`.
    pub fn section(&self) -> String {
        match self {
            Self::File => r#"path = "vezne.db""#.to_owned(),
        }
    }

    /// Makes its tables, where `serve` does not.
    pub fn prepare(&self, _binary: &Path, _config: &Path) -> Outcome<()> {
        match self {
            Self::File => Ok(()),
        }
    }
}
