//! What all actors share: a place for files, threads for servers, patience.

use actix_server::{Server, ServerHandle};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The longest that anything is waited for: far more than it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A new directory, removed with the value.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("vezne-api-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A server on a thread of its own, told to stop with the value.
pub struct Running(ServerHandle);

impl Running {
    /// Builds the server inside a new actix system and runs it.
    pub fn start(build: impl FnOnce() -> io::Result<Server> + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            actix_rt::System::new().block_on(async {
                let server = build().unwrap();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self(receiver.recv_timeout(PATIENCE).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stop(false));
    }
}
