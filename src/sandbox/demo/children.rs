//! The demo's processes: started, watched, stopped together.

use super::DemoError;
use super::directory::Directory;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::future::Future;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// How often processes are looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How long a process may drain before it is killed.
const DRAIN: Duration = Duration::from_secs(35);
/// How much of a log is shown when its process died.
const TAIL_LINES: usize = 15;

/// One process and its log.
pub(super) struct Child {
    name: &'static str,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts this program again with a subcommand. The socket becomes its
    /// standard input, output and errors go to a log in the data directory. It
    /// is in a process group of its own, so that Ctrl-C reaches the parent
    /// alone, and it ends when the parent does.
    pub fn start(
        command: &'static str,
        socket: TcpListener,
        directory: &Directory,
        arguments: &[OsString],
    ) -> Result<Self, DemoError> {
        let name = match command {
            "serve" => "window",
            "demo-shop" => "shop",
            other => other,
        };
        let log = directory.file(&format!("{name}.log"));
        let output = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&log)?;
        let process = Command::new(std::env::current_exe()?)
            .arg(command)
            .args(["--listen-stdin", "--with-parent"])
            .arg(std::process::id().to_string())
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        Ok(Self { name, process, log })
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        // A process that is gone already is what the signal is for.
        pid.map(|pid| kill_process(pid, signal));
    }

    fn death(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Children(Vec<Child>);

impl Children {
    pub fn add(&mut self, child: Child) {
        self.0.push(child);
    }

    /// Lets `work` run as long as every process does.
    pub async fn watch_while(&mut self, work: impl Future<Output = Result<(), DemoError>>) -> Result<(), DemoError> {
        tokio::select! {
            done = work => done,
            death = self.first_death() => Err(DemoError::Unavailable(death)),
        }
    }

    async fn first_death(&mut self) -> String {
        loop {
            for child in &mut self.0 {
                if let Some(status) = child.death() {
                    return format!("the {} stopped ({status}):\n{}", child.name, tail(&child.log));
                }
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Asks all to drain, the window first, and kills what does not end in time.
    pub async fn stop(&mut self) {
        for child in self.0.iter().rev() {
            child.send(Signal::TERM);
        }
        let all_gone = async {
            while !self.0.iter_mut().all(|child| child.death().is_some()) {
                tokio::time::sleep(GLANCE).await;
            }
        };
        if tokio::time::timeout(DRAIN, all_gone).await.is_err() {
            for child in &mut self.0 {
                child.process.kill().and_then(|()| child.process.wait()).ok();
            }
        }
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
