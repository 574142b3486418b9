//! The database behind the service: a file, or one of its own in the cluster
//! that all tests share.

use super::postgres::{self, Postgres};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The variable with which every service has a PostgreSQL database: `postgres`.
const STORE: &str = "VEZNE_TEST_STORE";

pub enum Database {
    Sqlite(PathBuf),
    Postgres { cluster: Arc<Postgres>, name: String, by_address: bool },
}

impl Database {
    /// An empty one, of the kind that this run is about.
    pub fn new(directory: &Path) -> Self {
        match std::env::var(STORE).as_deref() {
            Ok("postgres") => Self::in_cluster(postgres::shared()),
            _ => Self::Sqlite(directory.join("vezne.db")),
        }
    }

    pub fn in_cluster(cluster: Arc<Postgres>) -> Self {
        let name = cluster.create_database();
        Self::Postgres { cluster, name, by_address: false }
    }

    /// Reached over TCP, not through the UNIX socket.
    pub fn by_address(mut self) -> Self {
        if let Self::Postgres { by_address, .. } = &mut self {
            *by_address = true;
        }
        self
    }

    /// The setting that names it.
    pub fn setting(&self) -> (&'static str, String) {
        match self {
            Self::Sqlite(path) => ("store.path", path.to_str().unwrap().to_owned()),
            Self::Postgres { cluster, name, by_address: false } => ("store.url", cluster.socket_url(name)),
            Self::Postgres { cluster, name, by_address: true } => ("store.url", cluster.url("127.0.0.1", name)),
        }
    }

    /// All that a server has of it, and the server's log; a file's are files.
    pub fn dump(&self) -> Vec<(Vec<u8>, String)> {
        match self {
            Self::Sqlite(_) => Vec::new(),
            Self::Postgres { cluster, name, .. } => {
                let tables = cluster.run(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
                let rows: Vec<String> =
                    tables.lines().map(|table| cluster.run(name, &format!("SELECT * FROM {table}"))).collect();
                vec![
                    (rows.concat().into_bytes(), name.clone()),
                    (cluster.log().into_bytes(), "the server's log".into()),
                ]
            }
        }
    }

    /// What an operator reads in it: a row's columns, then the next row's. `:now`
    /// stands for the present moment in Unix milliseconds.
    pub fn read(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        match self {
            Self::Sqlite(path) => read_file(path, &sql.replace(":now", "(unixepoch('subsec') * 1000)")),
            Self::Postgres { cluster, name, .. } => {
                let cell = |text: &str| (text != "∅").then(|| text.to_owned());
                let now = "(extract(epoch FROM clock_timestamp()) * 1000)";
                let found = cluster.run_with(name, &sql.replace(":now", now), "∅");
                found.lines().map(|line| line.split('|').map(cell).collect()).collect()
            }
        }
    }

    /// Runs statements behind the service's back.
    pub fn batch(&self, statements: &str) {
        match self {
            Self::Sqlite(path) => Connection::open(path).unwrap().execute_batch(statements).unwrap(),
            Self::Postgres { cluster, name, .. } => drop(cluster.run(name, statements)),
        }
    }

    /// Changes it behind the service's back; says how many rows.
    pub fn alter(&self, statement: &str) -> usize {
        match self {
            Self::Sqlite(path) => Connection::open(path).unwrap().execute(statement, []).unwrap(),
            Self::Postgres { cluster, name, .. } => {
                // psql tells a statement's rows beside its own words.
                let answer = cluster.run(name, &format!("{statement} RETURNING 1"));
                answer.lines().filter(|line| *line == "1").count()
            }
        }
    }
}

fn read_file(path: &Path, sql: &str) -> Vec<Vec<Option<String>>> {
    let database = Connection::open(path).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let width = statement.column_count();
    let text = |value| match value {
        Value::Null => None,
        Value::Text(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    };
    let rows = statement.query_map([], |row| (0..width).map(|index| Ok(text(row.get(index)?))).collect());
    rows.unwrap().map(Result::unwrap).collect()
}
