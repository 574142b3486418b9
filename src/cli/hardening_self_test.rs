//! `vezne hardening-self-test`: hardens a process as `serve` does and tries to
//! get out of it, once for each way that there is.

use super::Failure;
use crate::config::{Config, KeySource};
use crate::hardening::process::attempts::{self, ATTEMPTS, Attempt, Surroundings};
use crate::hardening::process::{Outcome, Plan, harden};
use clap::ValueHint;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The exit code of an attempt's process that was refused; 0 is allowed.
const REFUSED: i32 = 10;

/// Try from inside what the hardening must refuse.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Harden nothing: what the attempts do by themselves
    #[arg(long)]
    unhardened: bool,
    /// Print what each measure achieves, and try nothing
    #[arg(long)]
    report: bool,
    /// One attempt, in this process
    #[arg(long, hide = true, requires = "stranger")]
    attempt: Option<String>,
    /// A listener that must not be reached
    #[arg(long, hide = true)]
    stranger: Option<SocketAddr>,
    /// Harden, say so, and wait for the end of standard input
    #[arg(long, hide = true)]
    hold: bool,
    /// Look at a process's memory as its neighbour
    #[arg(long, hide = true, value_name = "PID")]
    peek: Option<u32>,
}

/// One line for each attempt; fails when one was allowed.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    let plan = Plan::new(&config);
    let step = Step { args, plan: &plan };
    match args {
        Args { report: true, .. } => step.report(),
        Args { hold: true, .. } => step.hold(),
        Args { peek: Some(pid), .. } => step.peek(*pid),
        Args { attempt: Some(name), stranger: Some(stranger), .. } => step.attempt(name, *stranger),
        _ => all(args, &config, &plan),
    }
}

/// What one process of the self-test does.
struct Step<'a> {
    args: &'a Args,
    plan: &'a Plan,
}

impl Step<'_> {
    fn harden(&self) -> Result<(), Failure> {
        if self.args.unhardened {
            return Ok(());
        }
        harden(self.plan).map(drop).map_err(unavailable)
    }

    fn report(&self) -> Result<(), Failure> {
        for finding in harden(self.plan).map_err(unavailable)?.0 {
            println!("{finding}");
        }
        Ok(())
    }

    fn attempt(&self, name: &str, stranger: SocketAddr) -> Result<(), Failure> {
        let attempt = attempts::find(name).ok_or_else(|| Failure::usage("there is no such attempt"))?;
        let around = Surroundings::look(stranger).map_err(unavailable)?;
        self.harden()?;
        answer((attempt.run)(&around))
    }

    fn hold(&self) -> Result<(), Failure> {
        if self.args.unhardened {
            attempts::become_neighbour(self.plan, true).map_err(unavailable)?;
        }
        self.harden()?;
        println!("ready");
        io::stdin().read_to_end(&mut Vec::new()).map(drop).map_err(unavailable)
    }

    fn peek(&self, pid: u32) -> Result<(), Failure> {
        attempts::become_neighbour(self.plan, false).map_err(unavailable)?;
        answer(attempts::peek(pid))
    }
}

/// An attempt's process ends with what became of it.
fn answer(result: io::Result<()>) -> Result<(), Failure> {
    let Err(error) = result else { return Ok(()) };
    println!("{error}");
    std::process::exit(REFUSED)
}

/// Every attempt, each in a process of its own.
fn all(args: &Args, config: &Config, plan: &Plan) -> Result<(), Failure> {
    let listener = stranger(plan).map_err(unavailable)?;
    let parent = Parent { args, config, stranger: listener.local_addr().map_err(unavailable)?, folder: Folder::new()? };
    let mut allowed = 0;
    let ways = ATTEMPTS.iter().map(|attempt| (attempt.name, parent.attempt(attempt)));
    for (name, verdict) in ways.chain([("read-my-memory", parent.peek())]) {
        let verdict = verdict.map_err(unavailable)?;
        println!("{name:<20} {verdict}");
        allowed += u32::from(verdict == ALLOWED);
    }
    match allowed {
        0 => Ok(()),
        count => Err(Failure::internal(format!("{count} attempts were allowed"))),
    }
}

const ALLOWED: &str = "ALLOWED";

/// A listener at a port that the configuration does not name.
fn stranger(plan: &Plan) -> io::Result<TcpListener> {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        if !plan.ports.contains(&listener.local_addr()?.port()) {
            return Ok(listener);
        }
    }
}

/// The process that starts the others and looks at how they end.
struct Parent<'a> {
    args: &'a Args,
    config: &'a Config,
    stranger: SocketAddr,
    folder: Folder,
}

impl Parent<'_> {
    fn command(&self, arguments: &[&str]) -> io::Result<Command> {
        let mut command = again(self.config, self.args.config.as_deref())?;
        command.args(arguments);
        // Relative paths in variables start at the working folder, which then stays.
        if self.args.config.is_some() {
            command.current_dir(&self.folder.0);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn with_hardening(&self, arguments: &[&str]) -> io::Result<Command> {
        let mut command = self.command(arguments)?;
        if self.args.unhardened {
            command.arg("--unhardened");
        }
        Ok(command)
    }

    fn attempt(&self, attempt: &Attempt) -> io::Result<String> {
        let stranger = self.stranger.to_string();
        let arguments = ["--attempt", attempt.name, "--stranger", &stranger];
        verdict(&self.with_hardening(&arguments)?.output()?)
    }

    /// From outside: a process of the same user looks at a hardened one.
    fn peek(&self) -> io::Result<String> {
        let mut held = Held(self.with_hardening(&["--hold"])?.stdin(Stdio::piped()).spawn()?);
        let mut line = String::new();
        BufReader::new(held.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        if line != "ready\n" {
            return Err(io::Error::other("the process to look at did not start"));
        }
        verdict(&self.command(&["--peek", &held.0.id().to_string()])?.output()?)
    }
}

/// A process that waits, ended with the value.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn verdict(output: &Output) -> io::Result<String> {
    let status = output.status;
    match (status.code(), status.signal()) {
        _ if status.core_dumped() => Ok(ALLOWED.to_owned()),
        (Some(0), _) => Ok(ALLOWED.to_owned()),
        (Some(REFUSED), _) => Ok(format!("refused: {}", String::from_utf8_lossy(&output.stdout).trim_end())),
        (_, Some(libc::SIGSYS)) => Ok("killed".to_owned()),
        (_, Some(libc::SIGABRT)) => Ok("refused: no core".to_owned()),
        _ => Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))),
    }
}

/// A folder that everybody may write to: a core would be found there.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("vezne-self-test-{}", uuid::Uuid::now_v7()));
        let make = || {
            std::fs::create_dir(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o1777))
        };
        make().map_err(unavailable)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// This command again, on the same configuration.
fn again(config: &Config, file: Option<&Path>) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("hardening-self-test");
    if let Some(file) = file {
        command.arg("--config").arg(std::path::absolute(file)?);
    }
    // The key itself was taken out of the environment, and is not needed here.
    for source in [Some(&config.keys.master), config.keys.previous.as_ref()].into_iter().flatten() {
        if let KeySource::Variable(name) = source {
            command.env(name, "not this one");
        }
    }
    Ok(command)
}

/// The lines that `--report` prints, with how far each measure got: for `doctor`.
pub(super) fn achieved(config: &Config, file: Option<&Path>) -> io::Result<Vec<(Outcome, String)>> {
    let output = again(config, file)?.arg("--report").stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    let outcome = |line: &str| {
        let word = line.split(": ").nth(1).unwrap_or_default();
        let all = [Outcome::Achieved, Outcome::Partial, Outcome::Missing];
        all.into_iter().find(|outcome| outcome.name() == word).map(|outcome| (outcome, line.to_owned()))
    };
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(outcome).collect())
}

fn unavailable(error: impl std::fmt::Display) -> Failure {
    Failure::unavailable(error.to_string())
}
