//! The service itself: on a thread of this process, or as `vezne serve`.

use super::scene::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vezne::config::{Config, Environment};
use vezne::startup::Application;

/// How the service is started, again and again.
pub(super) enum Launch {
    Thread,
    Process { environment: Environment, directory: PathBuf },
}

impl Launch {
    /// A process has its configuration from its environment, and `config` is what that says.
    pub fn start(&self, config: &Config, listener: TcpListener) -> Service {
        match self {
            Self::Thread => Service::Thread(Threaded::start(config.clone(), listener)),
            Self::Process { environment, directory } => {
                Service::Process(Process::start(environment, directory, listener))
            }
        }
    }
}

pub(super) enum Service {
    Thread(Threaded),
    Process(Process),
}

impl Service {
    /// Ends it; returns what a process has printed.
    pub fn stop(self) -> String {
        match self {
            Self::Thread(thread) => thread.stop(),
            Self::Process(process) => process.stop(),
        }
    }
}

pub(super) struct Threaded {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Threaded {
    fn start(config: Config, listener: TcpListener) -> Self {
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
        Self { stop, thread }
    }

    fn stop(self) -> String {
        drop(self.stop);
        self.thread.join().unwrap();
        String::new()
    }
}

/// `vezne serve`, told everything by its environment. Standard output and
/// standard error are one file.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(environment: &Environment, directory: &Path, listener: TcpListener) -> Self {
        let log = directory.join("window.log");
        let output = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vezne"));
        command.args(["serve", "--listen-stdin"]).env_clear().envs(environment).current_dir(directory);
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        let child = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let mut process = Self { child, log };
        process.wait_for("serving");
        process
    }

    /// Waits until a line of the log holds this.
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?} before {text:?}: {}", self.log());
            assert!(Instant::now() < deadline, "no {text:?} in time: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Sends SIGTERM, and waits for the end, which must be a good one.
    fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where its test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
