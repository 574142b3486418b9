//! Where a window keeps its sessions: a file, or a database of a PostgreSQL
//! cluster that this run has started.

use crate::Outcome;
use crate::operator::text;
use crate::postgres::Postgres;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// A cluster that several windows may share.
#[derive(Clone)]
pub struct Cluster(Arc<Postgres>);

impl Cluster {
    /// A new one, running.
    pub async fn start() -> Outcome<Self> {
        Ok(Self(Arc::new(spawn_blocking(Postgres::start).await?)))
    }

    /// Does something that takes its time, beside everything else.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Postgres) -> T + Send + 'static) -> Outcome<T> {
        let cluster = Arc::clone(&self.0);
        Ok(spawn_blocking(move || work(&cluster)).await?)
    }
}

/// Which of the two.
#[derive(Clone)]
pub enum Store {
    Sqlite,
    /// SQLite on a disk of its own.
    Disk(PathBuf),
    Postgres(Cluster),
}

impl Store {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite | Self::Disk(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Whether several processes can share it.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// An empty database.
    pub async fn database(&self) -> Outcome<Database> {
        Ok(match self {
            Self::Sqlite => Database { section: r#"path = "vezne.db""#.to_owned(), cluster: None },
            Self::Disk(disk) => Database { section: format!("path = {}", json!(disk.join("vezne.db"))), cluster: None },
            Self::Postgres(cluster) => {
                let url = cluster.run(|cluster| cluster.socket_url(&cluster.create_database())).await?;
                Database {
                    section: format!("url = \"{url}\"\nstatement_timeout_ms = 2000"),
                    cluster: Some(cluster.clone()),
                }
            }
        })
    }
}

/// One window's own.
pub struct Database {
    /// The section `[store]`.
    pub section: String,
    /// Where it is one of a cluster's.
    pub cluster: Option<Cluster>,
}

impl Database {
    /// `kill -9` to the server, and its restart after a while.
    pub async fn crash(&self, pause: Duration) -> Outcome<()> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let crash = move |cluster: &Postgres| {
            cluster.kill();
            sleep(pause);
            cluster.start_again();
        };
        cluster.run(crash).await
    }
}

/// Makes the tables of a configured database.
pub fn migrate(binary: &Path, config: &Path) -> Outcome<()> {
    let done = Command::new(binary).args(["migrate", "--config", text(config)?]).stdout(Stdio::null()).status()?;
    if done.success() { Ok(()) } else { Err(format!("vezne migrate: {done}").into()) }
}
