//! How inputs are read: lines of text where a person should be able to write a
//! seed, and bodies that arrive in pieces.

use actix_http::error::PayloadError;
use actix_web::dev::Payload;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// The first `N` lines of an input, without their line breaks, and all that
/// follows. Lines that are not there are empty.
pub fn lines<const N: usize>(data: &[u8]) -> ([&[u8]; N], &[u8]) {
    let mut rest = data;
    let lines = [(); N].map(|()| {
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        line
    });
    (lines, rest)
}

/// Bytes as text, if they are.
pub fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A body that counts what was taken of it.
pub struct Body {
    /// What a handler is given.
    pub payload: Payload,
    /// How many bytes have been taken.
    pub taken: Rc<Cell<usize>>,
    /// The longest piece that it can come in.
    pub longest: usize,
}

/// A body cut after as many bytes as each of the first 16 `cuts` says, over and
/// over; a zero is a moment in which nothing has come yet. Without cuts it comes whole.
pub fn body(bytes: &[u8], cuts: &[u8]) -> Body {
    let cuts: Vec<usize> = cuts.iter().copied().take(16).map(usize::from).collect();
    let longest = cuts.iter().copied().max().filter(|&longest| longest > 0);
    let mut cuts = longest.map(|_| cuts.into_iter().cycle());
    let mut rest = Bytes::copy_from_slice(bytes);
    let taken = Rc::new(Cell::new(0));
    let count = Rc::clone(&taken);
    let pieces = stream::poll_fn(move |context| {
        if rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = rest.split_to(cuts.as_mut().and_then(Iterator::next).unwrap_or(rest.len()).min(rest.len()));
        if piece.is_empty() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        count.set(count.get() + piece.len());
        Poll::Ready(Some(Ok(piece)))
    });
    Body { payload: payload(pieces), taken, longest: longest.unwrap_or(bytes.len()) }
}

fn payload(pieces: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Payload {
    Payload::Stream { payload: Box::pin(pieces) as Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> }
}

/// Runs a future on this thread's runtime.
pub fn run<F: Future>(work: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
