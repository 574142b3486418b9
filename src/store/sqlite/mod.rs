//! The embedded store: SQLite in WAL mode, one writer, a few readers.

mod audit;
mod backup;
mod events;
mod executor;
mod idempotency;
mod merchants;
#[cfg(test)]
mod migrations;
mod outbox;
mod retention;
mod rows;
mod sealed;
mod sessions;

use super::{Store, StoreError};
use crate::telemetry::metrics::StoreMeter;
use async_trait::async_trait;
use executor::{Readers, Writer};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// The present moment in Unix milliseconds, by the database's clock.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// Migrations by number: applied in order, never changed once released.
const MIGRATIONS: &[(u32, &str)] = &[
    (1, include_str!("../migrations/sqlite/0001_initial.sql")),
    (2, include_str!("../migrations/sqlite/0002_embed_origin.sql")),
    (3, include_str!("../migrations/sqlite/0003_theme.sql")),
    (4, include_str!("../migrations/sqlite/0004_events.sql")),
    (5, include_str!("../migrations/sqlite/0005_idempotency.sql")),
    (6, include_str!("../migrations/sqlite/0006_audit.sql")),
];

/// Connections for short reads: as many as happen at the same time on a few cores.
const READERS: usize = 4;

/// How long to wait for another process (the command line) that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Names the file as vezne's, to `file` and the like: the letters `vezn`. A
/// health check writes it again and again, as something that is always the same.
const APPLICATION_ID: i32 = 0x7665_7a6e;

/// How long a health check waits.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// Statements kept prepared per connection: a little more than there are.
const PREPARED_STATEMENTS: usize = 96;

/// A SQLite file. `synchronous=FULL`: what was answered survives a power cut.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    meter: StoreMeter,
}

impl SqliteStore {
    /// Opens the file, makes it when absent, and brings it up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_and_migrate(path).map(|(store, _)| store)
    }

    /// The same; says which migrations that took.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_and_migrate(path: &Path) -> Result<(Self, Vec<u32>), StoreError> {
        create_private(path)?;
        let mut connection = connect(path)?;
        // SQLite opens what it may not write all the same, and stays so when that is over.
        if connection.is_readonly(MAIN_DB)? {
            return Err(StoreError::Unavailable(format!("{}: the file or its disk is read-only", path.display())));
        }
        let applied = migrate(&mut connection)?;
        let at_hand = (0..READERS).map(|_| connect(path)).collect::<Result<Vec<_>, _>>()?;
        let meter = StoreMeter::default();
        let writer = Writer::start(connection, meter.clone())?;
        let readers = Readers::start(at_hand, connect(path)?, meter.clone())?;
        Ok((Self { writer, readers, meter }, applied))
    }
}

/// Makes the file readable by its owner alone, who is the folder's where root
/// makes it: the window goes on as that user. SQLite gives its WAL the same mode
/// and owner.
fn create_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(StoreError::Unavailable(format!("{}: {error}", path.display())))
        }
        Err(_) => Ok(()),
        Ok(file) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if let Ok(owner) = folder.metadata() {
                // Only root may; for anybody else the file is the maker's.
                let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
            }
            Ok(())
        }
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // Plans that do not depend on the values bound. Without it, a build with
    // STAT4 parses a cached statement again whenever a value changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // temp_store=memory and secure_delete: nothing is written beside the
    // database, and what is deleted in it is overwritten.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST; PRAGMA trusted_schema = OFF;",
    )?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<Vec<u32>, StoreError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let applied: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let newest = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if applied > newest {
        return Err(StoreError::Unavailable(format!(
            "the database has schema {applied}, this version knows {newest}: run the newer version"
        )));
    }
    let missing = MIGRATIONS.iter().filter(|(number, _)| *number > applied);
    for (number, sql) in missing.clone() {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.commit()?;
    Ok(missing.map(|(number, _)| *number).collect())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let read = self.readers.run(|db| Ok(db.query_row("SELECT 1", [], |_| Ok(()))?));
        // An empty transaction would pass on a full disk, and so would a read-only one.
        let write = self.writer.run_relaxed(|db| Ok(db.pragma_update(None, "application_id", APPLICATION_ID)?));
        let both = async { read.await.and(write.await) };
        let slow = |_| StoreError::Unavailable("the store does not answer in time".to_owned());
        timeout(PING_PATIENCE, both).await.map_err(slow)?
    }

    fn meter(&self) -> &StoreMeter {
        &self.meter
    }
}
