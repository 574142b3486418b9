//! The shared store: PostgreSQL, for several processes on several machines.
//!
//! ```text
//! operation ──▶ executor: one thread ──▶ connection ──▶ server
//!                 takes an idle connection or opens one; runs again what lost
//!                 against another transaction; reads again what met a dead one
//! ```
//!
//! Plain SQL: no advisory locks, no LISTEN, no extensions.

mod audit;
mod connection;
mod events;
mod executor;
mod idempotency;
mod merchants;
mod migrate;
mod outbox;
mod retention;
mod rows;
mod sealed;
mod server;
mod sessions;

pub use server::{Access, Lookup};

use super::{Store, StoreError};
use crate::config::PostgresConfig;
use crate::telemetry::metrics::StoreMeter;
use async_trait::async_trait;
use executor::{Executor, Kind};
use server::Server;
use std::time::Duration;
use tokio::time::timeout;

/// The present moment in Unix milliseconds, by the database's clock: when the
/// server got the statement. Not `now()`, which stands still from a
/// transaction's first statement on; not `clock_timestamp()`, which moves while
/// a statement runs, so that one row could be read as two things, and which no
/// index can be searched for. A statement that had to wait for a lock judges by
/// the time before that; where this matters, the fencing number decides as well.
const NOW: &str = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

/// How long a health check waits.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// Connections to a PostgreSQL database.
pub struct PostgresStore {
    executor: Executor,
}

impl PostgresStore {
    /// Connects, and checks that the database is one that this version knows.
    /// With `migrate` it is brought up to date first; says which migrations that took.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be connected to, or has another schema.
    pub fn open(config: &PostgresConfig, access: Access, migrate: bool) -> Result<(Self, Vec<u32>), StoreError> {
        let executor = Executor::start(Server::new(config, access))?;
        let applied = if migrate {
            migrate::bring_up_to_date(&executor)?
        } else {
            executor.run_blocking(Kind::Read, migrate::check)?;
            Vec::new()
        };
        Ok((Self { executor }, applied))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<(), StoreError> {
        // A former primary may have become a standby.
        let writes = "SELECT current_setting('transaction_read_only') = 'off'";
        let asked = self.executor.run(Kind::Read, async move |db| {
            let row = db.one(writes, &[]).await?;
            Ok(row.is_some_and(|row| row.try_get(0).unwrap_or(false)))
        });
        match timeout(PING_PATIENCE, asked).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(StoreError::Unavailable("the database is read only".to_owned())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StoreError::Unavailable("the store does not answer in time".to_owned())),
        }
    }

    fn meter(&self) -> &StoreMeter {
        self.executor.meter()
    }
}
