//! Threads that own the connections. The writer commits the writes that wait
//! at the same moment together: one fsync for all of them.

use crate::store::StoreError;
use rusqlite::Connection;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

/// Requests that may wait; further callers wait for a place.
const QUEUE: usize = 1024;

/// Writes that share one commit: bounds how long the first one waits.
const GROUP: usize = 64;

/// How long a caller waits before it gives up on a disk that hangs. The work
/// may still be done then; every operation is safe to find done.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs on a connection, or learns why it cannot; says whether to keep its
/// changes and how to report.
type Job = Box<dyn FnOnce(Result<&Connection, String>) -> (bool, Report) + Send>;

/// Tells the waiting caller, after the commit or its failure.
type Report = Box<dyn FnOnce(Option<String>)>;

/// The one connection that writes.
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        spawn("store-writer", move || {
            while let Some(first) = queue.blocking_recv() {
                let mut group = vec![first];
                while group.len() < GROUP {
                    match queue.try_recv() {
                        Ok(job) => group.push(job),
                        Err(_) => break,
                    }
                }
                commit_together(&connection, group);
            }
        })?;
        Ok(Self(jobs))
    }

    /// Runs `work` in a transaction; the answer comes after the commit.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        submit(&self.0, work).await
    }
}

/// Connections that only read.
pub(super) struct Readers(mpsc::Sender<Job>);

impl Readers {
    pub(super) fn start(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for connection in connections {
            let queue = Arc::clone(&queue);
            spawn("store-reader", move || {
                loop {
                    let Some(job) = queue.blocking_lock().blocking_recv() else { return };
                    let (_, report) = job(Ok(&connection));
                    report(None);
                }
            })?;
        }
        Ok(Self(jobs))
    }

    /// Runs `work`, which must not write.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        submit(&self.0, work).await
    }
}

async fn submit<T: Send + 'static>(
    jobs: &mpsc::Sender<Job>,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, wait) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        let result = connection.map_err(StoreError::Unavailable).and_then(work);
        let keep = result.is_ok();
        let report: Report = Box::new(move |failed| {
            // Nobody waits when the caller was dropped; the work stands all the same.
            let _ = answer.send(match failed {
                Some(why) => Err(StoreError::Unavailable(why)),
                None => result,
            });
        });
        (keep, report)
    });
    let gone = || StoreError::Unavailable("the store has stopped".to_owned());
    let answered = async {
        jobs.send(job).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    };
    let slow = || StoreError::Unavailable(format!("the store did not answer in {} seconds", PATIENCE.as_secs()));
    timeout(PATIENCE, answered).await.map_err(|_| slow())?
}

/// One transaction for the group, a savepoint for each of its members: a member
/// that fails undoes itself alone; a commit that fails fails them all.
fn commit_together(connection: &Connection, group: Vec<Job>) {
    let mut failed = execute(connection, "BEGIN IMMEDIATE");
    let mut reports = Vec::with_capacity(group.len());
    for job in group {
        failed = failed.or_else(|| execute(connection, "SAVEPOINT member"));
        let (keep, report) = job(failed.clone().map_or(Ok(connection), Err));
        reports.push(report);
        let end = if keep { "RELEASE member" } else { "ROLLBACK TO member; RELEASE member" };
        failed = failed.or_else(|| execute(connection, end));
    }
    failed = failed.or_else(|| execute(connection, "COMMIT"));
    if failed.is_some() && !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    for report in reports {
        report(failed.clone());
    }
}

/// Runs a statement; says why when it failed.
fn execute(connection: &Connection, sql: &str) -> Option<String> {
    connection.execute_batch(sql).err().map(|error| error.to_string())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(format!("cannot start the thread {name}: {error}")))
}
