//! The thread that owns the connections: a few of them, opened when they are
//! needed, kept while they live. Operations run there to their end, whatever
//! becomes of the task that asked.

use super::connection::{Connection, Trouble};
use super::server::Server;
use crate::store::StoreError;
use crate::store::measured::measured;
use crate::telemetry::metrics::StoreMeter;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

/// Operations that may wait; further callers wait for a place.
const QUEUE: usize = 1024;
/// Runs of a transaction that loses against others each time.
const RUNS: u32 = 5;
/// Pause before another run, times the number of runs so far.
const RUN_PAUSE: Duration = Duration::from_millis(10);
/// How much longer than the server the client waits for a statement's end.
const MARGIN: Duration = Duration::from_secs(1);

/// How an operation is run.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Kind {
    /// One statement, or several that need not see the same state; may be run
    /// again on another connection.
    Read,
    /// A transaction that survives a power cut of the server.
    Durable,
    /// A transaction that a power cut may undo, and it alone (`synchronous_commit = off`).
    Relaxed,
    /// A transaction of the schema: takes the time that it takes.
    Migration,
}

impl Kind {
    /// The name in metrics.
    fn name(self) -> &'static str {
        if self == Self::Read { "read" } else { "write" }
    }

    fn begin(self) -> Option<&'static str> {
        match self {
            Self::Read => None,
            Self::Durable => Some("BEGIN"),
            Self::Relaxed => Some("BEGIN; SET LOCAL synchronous_commit = off"),
            Self::Migration => Some("BEGIN; SET LOCAL statement_timeout = 0"),
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce(Rc<Connections>) -> Task + Send>;

/// Hands operations to the thread.
pub(super) struct Executor {
    jobs: mpsc::Sender<Job>,
    meter: StoreMeter,
}

impl Executor {
    /// Starts the thread; connects when the first operation comes.
    pub fn start(server: Server) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let failed = |error| StoreError::Unavailable(format!("cannot start the thread of the store: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let work = move || {
            let local = LocalSet::new();
            local.spawn_local(take_jobs(Rc::new(Connections::new(server)), queue));
            // Ends when every operation and connection has.
            runtime.block_on(local);
        };
        thread::Builder::new().name("store-postgres".to_owned()).spawn(work).map_err(failed)?;
        Ok(Self { jobs, meter: StoreMeter::default() })
    }

    /// What it has taken.
    pub fn meter(&self) -> &StoreMeter {
        &self.meter
    }

    /// Runs an operation and waits for it.
    pub async fn run<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl AsyncFn(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        // Nobody waits when the caller was dropped; the work stands all the same.
        let job = job(kind, work, |done| drop(answer.send(done)));
        let done = async {
            self.jobs.send(job).await.map_err(|_| stopped())?;
            answered.await.map_err(|_| stopped())?
        };
        measured(&self.meter, kind.name(), done).await
    }

    /// The same while the calling thread waits: for the start.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl AsyncFn(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = std::sync::mpsc::channel();
        let job = job(kind, work, move |done| drop(answer.send(done)));
        self.jobs.try_send(job).map_err(|_| stopped())?;
        answered.recv().map_err(|_| stopped())?
    }
}

fn job<T: Send + 'static>(
    kind: Kind,
    work: impl AsyncFn(&Connection) -> Result<T, Trouble> + Send + 'static,
    answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) -> Job {
    Box::new(move |connections| Box::pin(async move { answer(connections.run(kind, &work).await) }))
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store has stopped".to_owned())
}

async fn take_jobs(connections: Rc<Connections>, mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.recv().await {
        spawn_local(job(Rc::clone(&connections)));
    }
}

/// The connections that are open and not in use, and places for those that are.
struct Connections {
    server: Server,
    places: Semaphore,
    idle: RefCell<Vec<Connection>>,
}

impl Connections {
    fn new(server: Server) -> Self {
        let places = Semaphore::new(server.config().max_connections);
        Self { server, places, idle: RefCell::default() }
    }

    /// Runs an operation: again where it lost against another one, and once
    /// more on a new connection where the old one was dead before anything was written.
    async fn run<T>(
        &self,
        kind: Kind,
        work: &impl AsyncFn(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let statement_timeout = self.server.config().statement_timeout;
        let busy = |_| StoreError::Unavailable("every connection of store.max_connections is in use".to_owned());
        let _place = timeout(statement_timeout, self.places.acquire()).await.map_err(busy)?;
        let mut runs = 0;
        loop {
            runs += 1;
            let connection = self.connection().await?;
            let written = Cell::new(false);
            let attempt = transaction(&connection, kind, &written, work);
            let done = match kind {
                Kind::Migration => attempt.await,
                _ => timeout(statement_timeout + MARGIN, attempt).await.unwrap_or(Err(Trouble::Slow)),
            };
            match done {
                Err(trouble) if trouble.is_loss() || connection.has_ended() => {
                    // A server that has gone has taken the others as well.
                    self.idle.borrow_mut().clear();
                    if written.get() || runs > 1 {
                        return Err(trouble.into());
                    }
                }
                Err(trouble) if trouble.is_conflict() && runs < RUNS => {
                    self.keep(connection);
                    sleep(RUN_PAUSE * runs).await;
                }
                done => {
                    self.keep(connection);
                    return Ok(done?);
                }
            }
        }
    }

    async fn connection(&self) -> Result<Connection, StoreError> {
        let idle = {
            let mut idle = self.idle.borrow_mut();
            idle.retain(|connection| !connection.has_ended());
            idle.pop()
        };
        match idle {
            Some(connection) => Ok(connection),
            None => self.server.connect().await,
        }
    }

    fn keep(&self, connection: Connection) {
        self.idle.borrow_mut().push(connection);
    }
}

/// Runs an operation once; tells by `written` from when on something may be.
async fn transaction<T>(
    connection: &Connection,
    kind: Kind,
    written: &Cell<bool>,
    work: &impl AsyncFn(&Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let Some(begin) = kind.begin() else { return work(connection).await };
    connection.batch(begin).await?;
    written.set(true);
    match work(connection).await {
        Ok(done) => connection.batch("COMMIT").await.map(|()| done),
        Err(trouble) if trouble.is_loss() => Err(trouble),
        Err(trouble) => connection.batch("ROLLBACK").await.and(Err(trouble)),
    }
}
