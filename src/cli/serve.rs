//! `vezne serve`: runs the window.

use super::Failure;
use crate::config::{Config, HardeningMode};
#[cfg(feature = "sandbox")]
use crate::failpoint;
use crate::hardening::MasterKeys;
#[cfg(feature = "sandbox")]
use crate::hardening::leave_out::{self, Part};
use crate::hardening::process::{Plan, Report, harden};
#[cfg(feature = "sandbox")]
use crate::intake;
use crate::server::ShutdownSignals;
use crate::startup::{Application, Listeners, StartupError};
use crate::{server, telemetry};
use clap::ValueHint;
use std::path::PathBuf;

/// Run the window until it is told to stop (SIGTERM, SIGINT), then drain.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Bring the store's schema up to date first, as `vezne migrate` does
    #[arg(long)]
    migrate: bool,
    /// Accept on the listening socket that is standard input, not on server.listen
    #[arg(long)]
    listen_stdin: bool,
    /// Stop when this process, the parent, ends
    #[arg(long, hide = true, value_name = "PID")]
    with_parent: Option<u32>,
    /// Leave a part of the memory hygiene out, to show what it is there for
    #[cfg(feature = "sandbox")]
    #[arg(long, hide = true, value_name = "PART")]
    danger_leave_out: Vec<Part>,
    /// Panic when a card with the code 000 or 001 comes
    #[cfg(feature = "sandbox")]
    #[arg(long, hide = true)]
    danger_panic_on_card: bool,
}

/// The exit code of a process that a second signal has ended.
const STOPPED_AT_ONCE: i32 = 1;

/// Runs until a signal comes.
///
/// # Errors
/// [`Failure`] when it cannot start.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut config = Config::load(args.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    telemetry::init(&config.log);
    config.store.migrate |= args.migrate;
    #[cfg(feature = "sandbox")]
    endanger(args, &config)?;
    for warning in config.warnings() {
        tracing::warn!(warning, "configuration");
    }
    // What takes the privileges of a start as root; nothing of it starts a thread.
    let master_keys = MasterKeys::load(&config.keys).map_err(StartupError::from)?;
    let listeners = listeners(&config, args.listen_stdin)?;
    config.server.fix_workers();
    let hardening = protect(&config)?;
    if let Some(parent) = args.with_parent {
        // A change of user forgets it.
        server::end_with_parent(parent).map_err(|error| Failure::unavailable(error.to_string()))?;
    }
    actix_rt::System::new().block_on(async move {
        let shutdown = shutdown()?;
        let live = config.live;
        let application = Application::build(&config, master_keys, listeners)?;
        application.tell_hardening(&hardening);
        for address in application.addresses() {
            tracing::info!(address = %address, live, version = env!("CARGO_PKG_VERSION"), "serving");
        }
        if let Some(address) = application.telemetry_address() {
            tracing::info!(address = %address, "telemetry");
        }
        application.run_until(shutdown).await.map_err(|error| Failure::internal(error.to_string()))?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Resolves at the first signal; a second one ends the process at once.
fn shutdown() -> Result<impl Future<Output = ()> + 'static, Failure> {
    let mut signals = ShutdownSignals::catch().map_err(|error| Failure::internal(error.to_string()))?;
    Ok(async move {
        signals.next().await;
        actix_rt::spawn(async move {
            signals.next().await;
            tracing::warn!("stopped at once by a second signal");
            std::process::exit(STOPPED_AT_ONCE);
        });
    })
}

fn listeners(config: &Config, from_stdin: bool) -> Result<Listeners, Failure> {
    let window = if from_stdin {
        let listener = server::stdin_listener();
        listener.map(|one| vec![one]).map_err(|error| Failure::usage(format!("--listen-stdin: {error}")))?
    } else {
        server::bind(&config.server.listen).map_err(StartupError::from)?
    };
    let telemetry = server::bind(config.telemetry.listen.as_slice()).map_err(StartupError::from)?.pop();
    Ok(Listeners { window, telemetry })
}

/// Hardens this process for ever. Files, sockets and threads that are made from
/// here on are made behind it.
fn protect(config: &Config) -> Result<Report, Failure> {
    let report = harden(&Plan::new(config)).map_err(|error| Failure::unavailable(error.to_string()))?;
    report.log();
    match report.missing() {
        Some(missing) if config.hardening == HardeningMode::Require => {
            Err(Failure::unavailable(format!("hardening = \"require\", and this is missing:\n  {missing}")))
        }
        _ => Ok(report),
    }
}

/// For the residue tests: never where real cards are taken.
#[cfg(feature = "sandbox")]
fn endanger(args: &Args, config: &Config) -> Result<(), Failure> {
    let Args { danger_leave_out, danger_panic_on_card, .. } = args;
    let failpoint = failpoint::arm().map_err(Failure::usage)?;
    if config.live && (*danger_panic_on_card || !danger_leave_out.is_empty() || failpoint.is_some()) {
        return Err(Failure::usage(
            "--danger-leave-out, --danger-panic-on-card, VEZNE_FAILPOINT: not where `live = true`: real cards are taken there",
        ));
    }
    if let Some(name) = failpoint {
        tracing::warn!(setting = name, "this process ends at a failpoint");
    }
    for &part in danger_leave_out {
        leave_out::leave_out(part);
        tracing::warn!(setting = ?part, "a part of the memory hygiene is left out");
    }
    if *danger_panic_on_card {
        intake::panic_on_card();
        tracing::warn!("cards with the code 000 or 001 cause a panic");
    }
    Ok(())
}
