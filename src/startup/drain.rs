//! The end of a serving process: what is in flight ends first, within bounds.

use crate::window::Window;
use actix_rt::task::JoinHandle;
use actix_server::ServerHandle;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long sessions whose cards have not left may take to be given back when a
/// drain is cut off.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// Ends the server: in good order where that takes no longer than `patience`.
pub(super) async fn drain(
    window: &Window,
    handle: &ServerHandle,
    running: JoinHandle<io::Result<()>>,
    patience: Duration,
) -> io::Result<()> {
    window.health.drain();
    tracing::info!(count = window.in_flight.count(), "draining");
    let in_order = async {
        handle.pause().await;
        // Cards whose browsers have gone hold no connection open, and their
        // answers are awaited all the same.
        window.in_flight.none().await;
        handle.stop(true).await;
    };
    if timeout(patience, in_order).await.is_ok() {
        return running.await?;
    }
    tracing::warn!(count = window.in_flight.count(), seconds = patience.as_secs(), "the drain is cut off");
    window.in_flight.give_up();
    let _ = timeout(RELEASE_PATIENCE, window.in_flight.none()).await;
    // Dropped, the server closes its sockets and forces its workers to end.
    running.abort();
    let _ = running.await;
    Ok(())
}
