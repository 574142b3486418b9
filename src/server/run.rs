//! From start to drain, for a process that is nothing but its server.

use actix_server::Server;
use std::future::Future;
use std::io::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Starts a server in an actix system of its own and serves until SIGINT or
/// SIGTERM, then lets requests in flight end.
///
/// # Errors
/// When the server does not start or stops on its own with an error.
pub fn run_until_signal(start: impl FnOnce() -> Result<Server>) -> Result<()> {
    actix_rt::System::new().block_on(async {
        let shutdown = shutdown_signal()?;
        let server = start()?;
        let handle = server.handle();
        let mut running = actix_rt::spawn(server);
        tokio::select! {
            ended = &mut running => return ended?,
            () = shutdown => {}
        }
        handle.stop(true).await;
        running.await?
    })
}

/// Resolves at the first SIGTERM or SIGINT. Signals are caught from the call
/// on, not from the first poll.
///
/// # Errors
/// When the system gives no signal handlers.
pub fn shutdown_signal() -> Result<impl Future<Output = ()> + 'static> {
    let mut signals = ShutdownSignals::catch()?;
    Ok(async move { signals.next().await })
}

/// SIGTERM and SIGINT, one after the other.
pub struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl ShutdownSignals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// When the system gives no signal handlers.
    pub fn catch() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
