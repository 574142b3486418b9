//! The request's body, counted as it streams in: bounded in bytes and time
//! before memory is spent on it.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What is read and thrown away after a refusal, so that the sender gets to
/// read the answer instead of a reset connection.
const MAX_DRAIN_BYTES: usize = 2 * 1024 * 1024;
const MAX_DRAIN_TIME: Duration = Duration::from_secs(1);

/// How much of what was read is remembered: a closing delimiter can come in two
/// pieces (at most 70 characters, RFC 2046 section 5.1.1, and four dashes).
const TAIL_BYTES: usize = 74;

/// A body that stops with [`PayloadError::Overflow`] after `limit` bytes. Clones
/// read the same stream.
#[derive(Clone)]
pub struct BoundedBody(Rc<RefCell<Inner>>);

struct Inner {
    payload: Payload,
    limit: usize,
    read: usize,
    tail: Zeroizing<Vec<u8>>,
    closing: Vec<u8>,
    behind: Option<usize>,
}

impl BoundedBody {
    /// Reads no more than `limit` bytes of a payload, and the chunk that crosses it.
    #[must_use]
    pub fn new(payload: Payload, limit: usize) -> Self {
        let tail = Zeroizing::new(Vec::with_capacity(TAIL_BYTES));
        Self(Rc::new(RefCell::new(Inner { payload, limit, read: 0, tail, closing: Vec::new(), behind: None })))
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> usize {
        self.0.borrow().read
    }

    /// Looks out for the closing delimiter of a multipart body. To be told
    /// before anything is read.
    pub fn expect_closing(&self, boundary: &str) {
        self.0.borrow_mut().closing = format!("--{boundary}--").into_bytes();
    }

    /// How many bytes came behind the first closing delimiter, a line break
    /// aside; `None` when none has come.
    #[must_use]
    pub fn bytes_behind_closing(&self) -> Option<usize> {
        let inner = self.0.borrow();
        inner.behind.map(|behind| if behind == 2 && inner.tail.ends_with(b"\r\n") { 0 } else { behind })
    }

    /// Throws the rest away, within bounds.
    pub async fn drain(&self) {
        let discard = async {
            let mut discarded = 0;
            while let Some(Ok(chunk)) = std::future::poll_fn(|context| self.poll_payload(context)).await {
                discarded += chunk.len();
                if discarded > MAX_DRAIN_BYTES {
                    return;
                }
            }
        };
        // Whoever sends more, or more slowly, sees the connection close.
        let _ = timeout(MAX_DRAIN_TIME, discard).await;
    }

    fn poll_payload(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        self.0.borrow_mut().payload.poll_next_unpin(context)
    }
}

impl Stream for BoundedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut inner = self.0.borrow_mut();
        let chunk = std::task::ready!(inner.payload.poll_next_unpin(context));
        Poll::Ready(chunk.map(|chunk| chunk.and_then(|bytes| inner.count(bytes))))
    }
}

impl Inner {
    fn count(&mut self, bytes: Bytes) -> Result<Bytes, PayloadError> {
        self.read = self.read.saturating_add(bytes.len());
        if self.read > self.limit {
            return Err(PayloadError::Overflow);
        }
        self.look_for_closing(&bytes);
        let new = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let kept = self.tail.len().min(TAIL_BYTES - new.len());
        let from = self.tail.len() - kept;
        self.tail.copy_within(from.., 0);
        self.tail.truncate(kept);
        self.tail.extend_from_slice(new);
        Ok(bytes)
    }

    fn look_for_closing(&mut self, bytes: &[u8]) {
        if let Some(behind) = &mut self.behind {
            *behind += bytes.len();
        } else if !self.closing.is_empty() {
            let begun = &self.tail[self.tail.len().saturating_sub(self.closing.len() - 1)..];
            let mut seam = Zeroizing::new(Vec::with_capacity(begun.len() + bytes.len()));
            seam.extend_from_slice(begun);
            seam.extend_from_slice(bytes);
            let place = seam.windows(self.closing.len()).position(|window| window == self.closing);
            self.behind = place.map(|place| seam.len() - place - self.closing.len());
        }
    }
}
