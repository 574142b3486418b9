//! One `vezne serve`, which can be killed and started again at any moment.

use crate::Outcome;
use crate::operator::text;
use rustix::process::{Pid, Signal, kill_process};
use std::cell::RefCell;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use vezne::server::bind;

/// For a process to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// The variable that makes a process end at a failpoint.
const FAILPOINT: &str = "VEZNE_FAILPOINT";

/// A place in a window, and the process in it while there is one.
pub struct Process {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    /// Kept across processes, so that nobody else gets the port meanwhile.
    listener: TcpListener,
    child: RefCell<Option<Child>>,
}

impl Process {
    /// Nothing runs yet.
    pub fn new(binary: &Path, folder: &Path, number: usize) -> Outcome<Self> {
        let listener = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])?.remove(0);
        Ok(Self {
            binary: binary.to_owned(),
            config: folder.join("vezne.toml"),
            log: folder.join(format!("log.{number}")),
            listener,
            child: RefCell::default(),
        })
    }

    /// What its processes have said, one after the other.
    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn address(&self) -> Outcome<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Starts it; it takes connections from now on and ends with this process.
    /// With a failpoint it ends there.
    pub fn start(&self, failpoint: Option<&str>) -> Outcome<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--listen-stdin", "--config", text(&self.config)?]);
        command.args(["--with-parent", &std::process::id().to_string()]);
        command.envs(failpoint.map(|point| (FAILPOINT, point)));
        command.stdin(OwnedFd::from(self.listener.try_clone()?)).stdout(log.try_clone()?).stderr(log);
        *self.child.borrow_mut() = Some(command.spawn()?);
        Ok(())
    }

    /// `kill -9`, if it runs; returns when it is gone.
    pub fn kill(&self) -> Outcome<()> {
        if let Some(mut child) = self.child.borrow_mut().take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Takes the processor away from it; returns when no thread of it runs. A
    /// thread stops when it is next to run: on a busy machine, later than the signal.
    pub async fn freeze(&self) -> Outcome<()> {
        self.signal(Signal::STOP)?;
        let deadline = Instant::now() + PATIENCE;
        while !self.is_frozen()? {
            if Instant::now() > deadline {
                return Err("a process does not stop".into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn is_frozen(&self) -> Outcome<bool> {
        let pid = self.child.borrow().as_ref().map(Child::id).ok_or("there is no process")?;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = fs::read_to_string(thread?.path().join("stat"))?;
            if !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives it back.
    pub fn thaw(&self) -> Outcome<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Outcome<()> {
        let child = self.child.borrow();
        let pid = child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        Ok(kill_process(pid.ok_or("there is no process")?, signal)?)
    }

    /// How it has ended by itself, if it has.
    pub fn ended(&self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.borrow_mut().as_mut().map_or(Ok(None), Child::try_wait)?)
    }

    /// Whether it is there and has not ended.
    pub fn is_alive(&self) -> bool {
        self.child.borrow().is_some() && matches!(self.ended(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
