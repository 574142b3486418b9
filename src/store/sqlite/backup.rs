//! A copy of the whole store while it is in use.

use super::{SqliteStore, create_private};
use crate::store::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

impl SqliteStore {
    /// Writes what `database` holds at this moment into the new file `copy`, for
    /// its owner alone, and examines it. Writers are not held up.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no database, `copy` is there
    /// already or cannot be written; nothing is left behind then.
    pub fn back_up(database: &Path, copy: &Path) -> Result<(), StoreError> {
        let unavailable = |why: &str| StoreError::Unavailable(format!("{}: {why}", copy.display()));
        let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", database.display())))?;
        if copy.exists() {
            return Err(unavailable("is there already"));
        }
        create_private(copy)?;
        let written = copy
            .to_str()
            .ok_or_else(|| unavailable("is no text"))
            // It takes an empty file, and keeps its mode.
            .and_then(|path| Ok(source.execute("VACUUM INTO ?", [path])?))
            .and_then(|_| examine(copy));
        if written.is_err() {
            let _ = std::fs::remove_file(copy);
        }
        written
    }
}

fn examine(copy: &Path) -> Result<(), StoreError> {
    let copy = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Unavailable(format!("the copy is damaged: {found}"))) }
}
