//! Connections between calls: few, not for long, the last used first.

use crate::egress::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A stack of open connections. Dropping a [`Sender`] closes its connection, so
/// dropping the stack closes all.
pub struct IdleConnections {
    most: usize,
    longest: Duration,
    // One thread uses it; the lock is there so that the sweeper can be spawned
    // on any runtime, and is never contended.
    stack: Arc<Mutex<Stack>>,
}

#[derive(Default)]
struct Stack {
    /// Oldest first.
    idle: Vec<(Instant, Sender)>,
    swept: bool,
}

impl IdleConnections {
    /// Keeps at most `most` connections, each for at most `longest` unused.
    pub fn new(most: usize, longest: Duration) -> Self {
        Self { most, longest, stack: Arc::default() }
    }

    /// The connection used last, if one is open and free.
    pub fn take(&self) -> Option<Sender> {
        let mut stack = lock(&self.stack);
        stack.drop_older_than(self.longest);
        while let Some((_, sender)) = stack.idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection for the next call; above the limit the oldest goes.
    /// One that is not free is closed: its peer answered without having read
    /// the whole request, so a part of the card may still wait to be written.
    pub fn put(&self, sender: Sender) {
        if !sender.is_ready() {
            return;
        }
        let mut stack = lock(&self.stack);
        if stack.idle.len() >= self.most {
            stack.idle.remove(0);
        }
        stack.idle.push((Instant::now(), sender));
        if !std::mem::replace(&mut stack.swept, true) {
            drop(tokio::spawn(sweep(Arc::downgrade(&self.stack), self.longest)));
        }
    }
}

impl Stack {
    fn drop_older_than(&mut self, longest: Duration) {
        self.idle.retain(|(since, sender)| since.elapsed() < longest && !sender.is_closed());
    }
}

/// Closes connections that nobody came back for; ends with the last of them.
async fn sweep(stack: Weak<Mutex<Stack>>, longest: Duration) {
    loop {
        sleep(longest).await;
        let Some(stack) = stack.upgrade() else { return };
        let mut stack = lock(&stack);
        stack.drop_older_than(longest);
        if stack.idle.is_empty() {
            stack.swept = false;
            return;
        }
    }
}

fn lock(stack: &Mutex<Stack>) -> MutexGuard<'_, Stack> {
    stack.lock().unwrap_or_else(PoisonError::into_inner)
}
