//! Threads that own the connections. The writer commits the writes that wait
//! at the same moment together: one fsync for all of them.

use crate::store::StoreError;
use crate::store::measured::measured;
use crate::telemetry::metrics::StoreMeter;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
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
type Work = Box<dyn FnOnce(Result<&Connection, String>) -> (bool, Report) + Send>;

/// What a thread is asked to do.
struct Job {
    work: Work,
    durability: Durability,
}

/// What a commit survives.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Durability {
    /// The end of the process. A power cut can undo it, and it alone: commits
    /// before it stand.
    Process,
    /// A power cut (`synchronous=FULL`: one fsync).
    Power,
}

/// Tells the waiting caller, after the commit or its failure.
type Report = Box<dyn FnOnce(Option<String>)>;

/// The one connection that writes.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    meter: StoreMeter,
}

impl Writer {
    pub(super) fn start(connection: Connection, meter: StoreMeter) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        spawn("store-writer", move || {
            // How `connect` has opened it.
            let mut level = Durability::Power;
            while let Some(first) = queue.blocking_recv() {
                let mut group = vec![first];
                while group.len() < GROUP {
                    match queue.try_recv() {
                        Ok(job) => group.push(job),
                        Err(_) => break,
                    }
                }
                let failed = set_level(&connection, &mut level, &group);
                commit_together(&connection, failed, group);
            }
        })?;
        Ok(Self { jobs, meter })
    }

    /// Runs `work` in a transaction; the answer comes after the commit.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        measured(&self.meter, "write", submit(&self.jobs, Durability::Power, work)).await
    }

    /// The same without an fsync of its own: for what may be undone by a power
    /// cut without harm.
    pub(super) async fn run_relaxed<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        measured(&self.meter, "write", submit(&self.jobs, Durability::Process, work)).await
    }
}

/// Connections that only read.
pub(super) struct Readers {
    at_hand: Mutex<Vec<Connection>>,
    jobs: mpsc::Sender<Job>,
    meter: StoreMeter,
}

impl Readers {
    /// `at_hand` serve short reads, `behind` those that may take a while.
    pub(super) fn start(at_hand: Vec<Connection>, behind: Connection, meter: StoreMeter) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        spawn("store-reader", move || {
            while let Some(job) = queue.blocking_recv() {
                let (_, report) = (job.work)(Ok(&behind));
                report(None);
            }
        })?;
        Ok(Self { at_hand: Mutex::new(at_hand), jobs, meter })
    }

    /// Reads a row or a few by an index, on the calling thread: that takes less
    /// time than handing the work to another. `work` must not write.
    pub(super) async fn point<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(connection) = self.lock().pop() else { return self.run(work).await };
        let here = async {
            let result = work(&connection);
            self.lock().push(connection);
            result
        };
        measured(&self.meter, "read", here).await
    }

    /// Runs `work`, which must not write, on a thread of its own.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        measured(&self.meter, "read", submit(&self.jobs, Durability::Process, work)).await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn submit<T: Send + 'static>(
    jobs: &mpsc::Sender<Job>,
    durability: Durability,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, wait) = oneshot::channel();
    let work: Work = Box::new(move |connection| {
        let result = connection.map_err(StoreError::Unavailable).and_then(work);
        let keep = result.is_ok();
        let report: Report = Box::new(move |failed| {
            // Nobody waits when the caller was dropped; the work stands all the same.
            let _ = answer.send(match failed {
                Some(why) if result.is_ok() => Err(StoreError::Unavailable(why)),
                _ => result,
            });
        });
        (keep, report)
    });
    let job = Job { work, durability };
    let gone = || StoreError::Unavailable("the store has stopped".to_owned());
    let answered = async {
        jobs.send(job).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    };
    let slow = || StoreError::Unavailable(format!("the store did not answer in {} seconds", PATIENCE.as_secs()));
    timeout(PATIENCE, answered).await.map_err(|_| slow())?
}

/// One transaction for the group, a savepoint for each of several members: a
/// member that fails undoes itself alone; a commit that fails fails them all, as
/// does what has `failed` before.
fn commit_together(connection: &Connection, failed: Option<String>, group: Vec<Job>) {
    let mut failed = failed.or_else(|| execute(connection, "BEGIN IMMEDIATE"));
    let mut reports = Vec::with_capacity(group.len());
    let alone = group.len() == 1;
    let mut undo = false;
    for job in group {
        if !alone {
            failed = failed.or_else(|| execute(connection, "SAVEPOINT member"));
        }
        let connection_or_reason = failed.clone().map_or(Ok(connection), Err);
        // A panic must not end the only thread that writes; it undoes the group.
        let Ok((keep, report)) = catch_unwind(AssertUnwindSafe(|| (job.work)(connection_or_reason))) else {
            failed = failed.or_else(|| Some("a store operation panicked".to_owned()));
            continue;
        };
        reports.push(report);
        if alone {
            undo = !keep;
            continue;
        }
        if !keep {
            failed = failed.or_else(|| execute(connection, "ROLLBACK TO member"));
        }
        failed = failed.or_else(|| execute(connection, "RELEASE member"));
    }
    if failed.is_none() && !undo {
        failed = execute(connection, "COMMIT");
    }
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    for report in reports {
        report(failed.clone());
    }
}

/// Runs a statement, which stays prepared; says why when it failed.
fn execute(connection: &Connection, sql: &str) -> Option<String> {
    let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    done.err().map(|error| error.to_string())
}

/// Gives the connection the level that the most demanding member needs; says
/// why when it failed, for then the group must not be called durable.
fn set_level(connection: &Connection, level: &mut Durability, group: &[Job]) -> Option<String> {
    let wanted = group.iter().map(|job| job.durability).max().unwrap_or(Durability::Power);
    if wanted == *level {
        return None;
    }
    let name = if wanted == Durability::Power { "FULL" } else { "NORMAL" };
    match connection.pragma_update(None, "synchronous", name) {
        Ok(()) => *level = wanted,
        Err(error) => return Some(error.to_string()),
    }
    None
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(format!("cannot start the thread {name}: {error}")))
}
