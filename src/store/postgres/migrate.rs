//! The schema: which migrations were applied, and applying the others.

use super::NOW;
use super::connection::{Connection, Trouble};
use super::executor::{Executor, Kind};
use crate::store::StoreError;
use tokio_postgres::error::SqlState;

/// Migrations by number: applied in order, never changed once released.
const MIGRATIONS: &[(u32, &str)] = &[
    (1, include_str!("../migrations/postgres/0001_initial.sql")),
    (2, include_str!("../migrations/postgres/0002_embed_origin.sql")),
    (3, include_str!("../migrations/postgres/0003_theme.sql")),
    (4, include_str!("../migrations/postgres/0004_events.sql")),
    (5, include_str!("../migrations/postgres/0005_idempotency.sql")),
    (6, include_str!("../migrations/postgres/0006_audit.sql")),
];

/// Where the numbers of what was applied are kept.
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Applies what is missing, in one transaction; says which numbers those were.
/// Of several processes that do this at the same time, one does it and the
/// others wait for it.
pub(super) fn bring_up_to_date(executor: &Executor) -> Result<Vec<u32>, StoreError> {
    // Outside of the transaction: of two that create it, the loser's would be undone.
    executor.run_blocking(Kind::Migration, async |db| match db.batch(TABLE).await {
        Err(trouble) if is_there(&trouble) => Ok(()),
        done => done,
    })?;
    executor.run_blocking(Kind::Migration, apply_missing)
}

/// `IF NOT EXISTS` looks before somebody else's table is there.
fn is_there(trouble: &Trouble) -> bool {
    let known = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
    trouble.code().is_some_and(|code| known.contains(code))
}

async fn apply_missing(db: &Connection) -> Result<Vec<u32>, Trouble> {
    db.batch("LOCK TABLE schema_migrations IN EXCLUSIVE MODE").await?;
    let applied = newest_applied(db).await?;
    refuse_newer(applied)?;
    let mut done = Vec::new();
    for &(number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > applied) {
        db.batch(sql).await?;
        let record = format!("INSERT INTO schema_migrations (number, applied_at) VALUES ($1, {NOW})");
        db.execute(&record, &[&i64::from(number)]).await?;
        done.push(number);
    }
    Ok(done)
}

/// Refuses a schema that is not this version's.
pub(super) async fn check(db: &Connection) -> Result<(), Trouble> {
    let row = db.one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).await?;
    let is_there = row.is_some_and(|row| row.try_get(0).unwrap_or(false));
    let applied = if is_there { newest_applied(db).await? } else { 0 };
    refuse_newer(applied)?;
    match (applied, newest_known()) {
        (applied, newest) if applied == newest => Ok(()),
        (0, _) => Err(refused("the database has no tables of vezne yet: run `vezne migrate` first".to_owned())),
        (applied, newest) => Err(refused(format!(
            "the database has schema {applied}, this version needs {newest}: run `vezne migrate` first"
        ))),
    }
}

fn refuse_newer(applied: u32) -> Result<(), Trouble> {
    match newest_known() {
        newest if applied > newest => Err(refused(format!(
            "the database has schema {applied}, this version knows {newest}: run the newer version"
        ))),
        _ => Ok(()),
    }
}

async fn newest_applied(db: &Connection) -> Result<u32, Trouble> {
    let row = db.one("SELECT COALESCE(MAX(number), 0) FROM schema_migrations", &[]).await?;
    let number: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    u32::try_from(number).map_err(|_| StoreError::Corrupt { what: "schema number" }.into())
}

fn newest_known() -> u32 {
    MIGRATIONS.last().map_or(0, |(number, _)| *number)
}

fn refused(why: String) -> Trouble {
    StoreError::Unavailable(why).into()
}
