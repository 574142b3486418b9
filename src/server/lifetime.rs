//! How long a connection may live.
//!
//! The timers of actix-http leave gaps: it times the first head of a connection
//! only, one byte stops its keep-alive timer, and nothing bounds an answer that
//! is not read, the rest of a chunked body that nobody wants, or a peer that
//! goes on sending after `Connection: close`. The read buffer of such a
//! connection can hold a card. So each connection has one deadline here, moved
//! by what its stream and its requests do, and ends when that has passed.

use super::Options;
use actix_http::{ConnectionType, HttpMessage as _, Request, ResponseHead};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{IoSlice, Result};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// One connection's bounds and where it stands.
pub(super) struct Lifetime {
    bounds: Bounds,
    phase: Cell<Phase>,
    /// When the phase began; for a request and its answer, when its head began.
    since: Cell<Instant>,
    /// Since when the peer has not taken what is written.
    blocked: Cell<Option<Instant>>,
    /// Whether an answer has said `Connection: close`.
    is_last: Cell<bool>,
}

#[derive(Clone, Copy)]
struct Bounds {
    idle: Duration,
    head: Duration,
    request: Duration,
    write: Duration,
    close: Duration,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Phase {
    /// Between requests.
    Idle,
    /// Something of a head is in; or the first one is awaited.
    Head,
    /// The application is at work, perhaps still reading the body.
    Request,
    /// The answer is being written.
    Answer,
    /// The last answer is out.
    Closing,
}

impl Lifetime {
    /// Of a connection that was accepted now.
    pub fn new(options: &Options) -> Rc<Self> {
        // actix-http's own timers come first where it has them: it says 408.
        let bounds = Bounds {
            idle: options.keep_alive + options.close_timeout,
            head: options.head_timeout + options.close_timeout,
            request: options.request_timeout,
            write: options.write_timeout,
            close: options.close_timeout,
        };
        Rc::new(Self {
            bounds,
            phase: Cell::new(Phase::Head),
            since: Cell::new(Instant::now()),
            blocked: Cell::new(None),
            is_last: Cell::new(false),
        })
    }

    /// Drives a connection to its end, or to its deadline. Dropping it closes it.
    pub async fn bound<E>(
        &self,
        connection: impl Future<Output = std::result::Result<(), E>>,
    ) -> std::result::Result<(), E> {
        let mut connection = pin!(connection);
        let mut alarm = pin!(sleep_until(self.deadline()));
        poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended);
            }
            // A deadline that moved on is looked at when the old one rings:
            // setting the alarm for each request would cost more.
            loop {
                let deadline = self.deadline();
                if deadline < alarm.deadline() {
                    alarm.as_mut().reset(deadline);
                }
                ready!(alarm.as_mut().poll(context));
                if deadline <= alarm.deadline() {
                    return Poll::Ready(Ok(()));
                }
                alarm.as_mut().reset(deadline);
            }
        })
        .await
    }

    fn deadline(&self) -> Instant {
        let bound = match self.phase.get() {
            Phase::Idle => self.bounds.idle,
            Phase::Head => self.bounds.head,
            Phase::Request | Phase::Answer => self.bounds.request,
            Phase::Closing => self.bounds.close,
        };
        let deadline = self.since.get() + bound;
        self.blocked.get().map_or(deadline, |since| deadline.min(since + self.bounds.write))
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    fn received(&self) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn requested(&self) {
        match self.phase.get() {
            Phase::Head => self.phase.set(Phase::Request),
            Phase::Closing => {}
            // It came along with the request before it.
            Phase::Idle | Phase::Request | Phase::Answer => self.enter(Phase::Request),
        }
    }

    fn answered(&self, is_last: bool) {
        self.is_last.set(self.is_last.get() || is_last);
        if self.phase.get() == Phase::Request {
            self.phase.set(Phase::Answer);
        }
    }

    /// A long answer is flushed in pieces: each piece counts from its own time.
    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        if outcome.is_ready() && matches!(self.phase.get(), Phase::Idle | Phase::Closing) {
            self.since.set(Instant::now());
        }
        self.watch(outcome, false)
    }

    fn flushed(&self) {
        if self.phase.get() == Phase::Answer {
            self.enter(if self.is_last.get() { Phase::Closing } else { Phase::Idle });
        }
    }

    /// Notes whether the peer takes what is written. Only what is out entirely
    /// ends a blockade: TLS buffers more while nothing moves.
    fn watch<T>(&self, outcome: Poll<T>, is_out: bool) -> Poll<T> {
        if outcome.is_pending() {
            self.blocked.set(self.blocked.get().or_else(|| Some(Instant::now())));
        } else if is_out {
            self.blocked.set(None);
        }
        outcome
    }
}

/// A request between its head and its answer.
pub(super) struct Exchange {
    lifetime: Option<Rc<Lifetime>>,
    is_last: bool,
}

impl Exchange {
    /// Begins with a request whose connection carries its [`Lifetime`].
    /// `is_last` where the connection must end with the answer.
    pub fn begin(request: &Request, is_last: bool) -> Self {
        let lifetime = request.conn_data::<Rc<Lifetime>>().cloned();
        if let Some(lifetime) = &lifetime {
            lifetime.requested();
        }
        // Of a chunked body nobody knows how much is still to come.
        let is_chunked = request.chunked().unwrap_or(true);
        let is_asked = request.head().connection_type() == ConnectionType::Close;
        Self { lifetime, is_last: is_last || is_chunked || is_asked }
    }

    /// Ends with an answer, which says so when it is the connection's last.
    pub fn end(self, answer: &mut ResponseHead) {
        if self.is_last {
            answer.set_connection_type(ConnectionType::Close);
        }
        if let Some(lifetime) = self.lifetime {
            lifetime.answered(answer.connection_type() == ConnectionType::Close);
        }
    }
}

/// A stream that tells its [`Lifetime`] what moves.
pub(super) struct Watched<T> {
    stream: T,
    lifetime: Rc<Lifetime>,
}

impl<T> Watched<T> {
    pub fn new(stream: T, lifetime: Rc<Lifetime>) -> Self {
        Self { stream, lifetime }
    }

    pub fn lifetime(&self) -> Rc<Lifetime> {
        Rc::clone(&self.lifetime)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.lifetime.received();
        }
        outcome
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.lifetime.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.lifetime.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        if outcome.is_ready() {
            self.lifetime.flushed();
        }
        self.lifetime.watch(outcome, true)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.lifetime.watch(outcome, true)
    }
}
