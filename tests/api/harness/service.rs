//! The service itself: on a thread of this process, or as `vezne serve`.

use super::scene::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vezne::config::{Config, Environment};
use vezne::hardening::MasterKeys;
use vezne::server;
use vezne::startup::{Application, Listeners};

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

    /// The process, where it is one.
    pub fn process(&mut self) -> &mut Process {
        let Self::Process(process) = self else { panic!("the service runs in this process") };
        process
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
        let telemetry = server::bind(config.telemetry.listen.as_slice()).unwrap().pop();
        let listeners = Listeners { window: vec![listener], telemetry };
        let thread = thread::spawn(move || {
            let master_keys = MasterKeys::load(&config.keys).unwrap();
            actix_rt::System::new().block_on(async {
                let application = Application::build(&config, master_keys, listeners).unwrap();
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
        let mut command = command(environment, directory, listener);
        let child = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let mut process = Self { child, log };
        process.wait_for("serving");
        process
    }

    /// Starts it in the expectation that it refuses to.
    pub fn refused(environment: &Environment, directory: &Path, listener: TcpListener) -> Output {
        let child = command(environment, directory, listener).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = Self { child: child.unwrap(), log: PathBuf::new() };
        let deadline = Instant::now() + PATIENCE;
        while process.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it serves");
            thread::sleep(Duration::from_millis(20));
        }
        let mut stderr = Vec::new();
        process.child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Output { status: process.child.wait().unwrap(), stdout: Vec::new(), stderr }
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

    /// Sends a signal, and goes on.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, however it comes.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it goes on: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM, and waits for the end, which must be a good one.
    fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }
}

fn command(environment: &Environment, directory: &Path, listener: TcpListener) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vezne"));
    command.args(["serve", "--listen-stdin"]).env_clear().envs(environment).current_dir(directory);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where its test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a folder and all files in it to a user.
pub(super) fn give(directory: &Path, user: u32) {
    fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    for path in files.chain([directory.to_owned()]) {
        chown(path, Some(user), Some(user)).unwrap();
    }
}
