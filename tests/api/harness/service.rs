//! The service: on a thread of this process, or a process of its own.

use super::scene::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;
use vezne::config::{Config, Environment};
use vezne::startup::Application;

/// The files that a process prints to.
pub const STDOUT: &str = "stdout.log";
pub const STDERR: &str = "stderr.log";

pub(super) enum Service {
    Thread { stop: oneshot::Sender<()>, thread: JoinHandle<()> },
    Process(Process),
}

impl Service {
    pub fn on_a_thread(config: Config, listener: TcpListener) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            actix_rt::System::new().block_on(async {
                let application = Application::build(&config, Some(vec![listener])).unwrap();
                sender.send(()).unwrap();
                // A dropped sender stops the service as well: its test is over.
                application.run_until(async { drop(stopped.await) }).await.unwrap();
            });
        });
        started.recv_timeout(PATIENCE).unwrap();
        Self::Thread { stop, thread }
    }

    /// `vezne serve` as an operator runs it, with nothing but these variables.
    pub fn in_a_process(environment: &Environment, listener: TcpListener, directory: &Path) -> Self {
        let file = |name| File::create(directory.join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_vezne"))
            .args(["serve", "--listen-stdin", "--with-parent", &std::process::id().to_string()])
            .env_clear()
            .envs(environment)
            .current_dir(directory)
            .stdin(OwnedFd::from(listener))
            .stdout(file(STDOUT))
            .stderr(file(STDERR))
            .spawn();
        Self::Process(Process(child.unwrap()))
    }

    pub fn stop(self) {
        match self {
            Self::Thread { stop, thread } => {
                drop(stop);
                thread.join().unwrap();
            }
            Self::Process(mut process) => {
                process.terminate();
                assert!(process.0.wait().unwrap().success(), "the service drains and ends well");
            }
        }
    }
}

/// Ends with the value.
pub(super) struct Process(Child);

impl Process {
    fn terminate(&self) {
        let id = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).unwrap();
        // One that has ended already is none to end.
        let _ = kill_process(id, Signal::TERM);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.terminate();
            let _ = self.0.wait();
        }
    }
}
