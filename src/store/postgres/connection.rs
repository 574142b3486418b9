//! One connection: statements that stay prepared, and what can go wrong on it.

use crate::store::StoreError;
use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

/// A statement's values, in the order of its `$1`, `$2`, ….
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Statements kept prepared: a little more than there are. One text for each
/// set of filters, and nothing else varies.
const PREPARED_STATEMENTS: usize = 96;

/// A connection that is up and set.
pub(super) struct Connection {
    client: Client,
    prepared: RefCell<HashMap<String, Statement>>,
}

impl Connection {
    pub fn new(client: Client) -> Self {
        Self { client, prepared: RefCell::default() }
    }

    /// Whether it has ended, by either side.
    pub fn has_ended(&self) -> bool {
        self.client.is_closed()
    }

    /// Every row.
    pub async fn all(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Trouble> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, values).await?)
    }

    /// The row, if there is one.
    pub async fn one(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Trouble> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Says how many rows were written.
    pub async fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, Trouble> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, values).await?)
    }

    /// Runs statements without values, one after the other.
    pub async fn batch(&self, sql: &str) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(sql).await?)
    }

    async fn statement(&self, sql: &str) -> Result<Statement, Trouble> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        let mut prepared = self.prepared.borrow_mut();
        if prepared.len() >= PREPARED_STATEMENTS {
            prepared.clear();
        }
        prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Why an operation did not get through.
pub(super) enum Trouble {
    /// The server or the connection.
    Server(Error),
    /// The store's own refusal, or what was found in a row.
    Store(StoreError),
    /// No answer in time.
    Slow,
}

impl Trouble {
    /// The transaction lost against another one, and nothing of it is left: it
    /// may be run again.
    pub fn is_conflict(&self) -> bool {
        let code = self.code();
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].iter().any(|known| code == Some(known))
    }

    /// The connection is of no use any more, and nobody knows how far the server
    /// got: nothing of this is sure for a transaction that was to be committed.
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Server(error) => error.is_closed() || self.code().is_some_and(is_shutdown),
            Self::Slow => true,
            Self::Store(_) => false,
        }
    }

    /// The server's five characters for it (PostgreSQL, appendix A).
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Server(error) => error.code(),
            Self::Store(_) | Self::Slow => None,
        }
    }
}

/// The server is stopping, starting, or ended this connection.
fn is_shutdown(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Store(error) => error,
            Trouble::Server(error) => Self::Unavailable(told(&error)),
            Trouble::Slow => Self::Unavailable("the database did not answer in time".to_owned()),
        }
    }
}

/// The message and its code. Never the detail beside it, which quotes rows.
pub(super) fn told(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
