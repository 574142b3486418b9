//! The upstream client: HTTP/1.1 connections to one address, kept open between
//! calls, through which a card passes without leaving a copy behind.
//!
//! A card is sent at most once per call. Only when hyper hands the request back
//! because not a byte of it was written (a kept connection had been closed
//! meanwhile) does it go out on another connection.

mod idle;

use super::digits::holds_foreign_run;
use super::{ProviderError, ResponseFault, Unavailable};
use crate::egress::{Connector, Sender, post_request};
use crate::hardening::leave_out::{Part, is_in};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::response::Parts;
use idle::IdleConnections;
use std::cell::Cell;
use std::time::Duration;
use tokio::task::yield_now;
use url::Url;
use zeroize::Zeroizing;

/// Longest answer read; the protocol's are under 1 KiB.
const MAX_ANSWER: usize = 16 * 1024;
/// The shortest card number: an answer with a run this long may echo the card,
/// and its connection's buffers with it.
const CARD_DIGITS: usize = 12;
/// Idle connections kept per worker.
const MAX_IDLE: usize = 16;
/// How long one may idle: under the keep-alive time of common servers.
const MAX_IDLE_TIME: Duration = Duration::from_secs(20);

/// A client of one upstream address. Belongs to the runtime it is used in: each
/// single-threaded worker has its own.
pub struct Upstream {
    connector: Connector,
    url: Url,
    idle: IdleConnections,
}

/// A complete answer.
pub struct UpstreamAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, at most 16 KiB, wiped on drop: it holds a token and, from a
    /// careless upstream, a card.
    pub body: Zeroizing<Vec<u8>>,
}

impl Upstream {
    /// A client without connections yet.
    #[must_use]
    pub fn new(connector: Connector, url: Url) -> Self {
        Self { connector, url, idle: IdleConnections::new(MAX_IDLE, MAX_IDLE_TIME) }
    }

    /// Posts the body and reads the answer, whatever its status. `known` is what
    /// the answer may repeat although it has many digits; `has_left` is set before
    /// the body is handed to a connection. Sets no deadline: the caller drops the
    /// future, which closes the connection.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`], or [`ResponseFault::TooLarge`].
    pub async fn post(
        &self,
        content_type: HeaderValue,
        body: Zeroizing<Vec<u8>>,
        known: &str,
        has_left: &Cell<bool>,
    ) -> Result<UpstreamAnswer, ProviderError> {
        let body = Bytes::from_owner(body);
        let mut request = post_request(&self.url, headers(content_type), body).map_err(Unavailable::Connect)?;
        while let Some(mut sender) = self.idle.take() {
            // Lets the runtime look at its sockets: a close that has arrived by
            // now is seen before the request is written, which makes it resendable.
            yield_now().await;
            let before = has_left.replace(true);
            match sender.try_send_request(request).await {
                Ok(answer) => return self.finish(sender, answer, known).await,
                Err(mut failure) => {
                    request = failure.take_message().ok_or(Unavailable::Dropped)?;
                    has_left.set(before);
                }
            }
        }
        let mut sender = self.connector.connect(&self.url).await.map_err(Unavailable::Connect)?;
        has_left.set(true);
        let answer = sender.send_request(request).await.map_err(|_| Unavailable::Dropped)?;
        self.finish(sender, answer, known).await
    }

    /// Reads the body and keeps the connection if the answer may not hold a card.
    /// hyper itself closes one that ended badly, said `close` or speaks HTTP/1.0.
    async fn finish(
        &self,
        sender: Sender,
        answer: Response<Incoming>,
        known: &str,
    ) -> Result<UpstreamAnswer, ProviderError> {
        let (head, body) = answer.into_parts();
        let body = read_bounded(body).await?;
        if !echoes(&head, &body, known) || !is_in(Part::UpstreamRetirement) {
            self.idle.put(sender);
        }
        Ok(UpstreamAnswer { status: head.status.as_u16(), body })
    }
}

/// Whether an answer may hold the card, anywhere that hyper shows us.
fn echoes(head: &Parts, body: &[u8], known: &str) -> bool {
    let reason = head.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let headers = head.headers.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
    let mut texts = headers.chain(reason).chain([body]);
    texts.any(|text| holds_foreign_run(text, known.as_bytes(), CARD_DIGITS))
}

fn headers(content_type: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, content_type),
        (ACCEPT, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static("vezne")),
    ])
}

async fn read_bounded(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let mut read = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unavailable::Dropped)?.into_data() else { continue };
        if data.len() > MAX_ANSWER - read.len() {
            return Err(ResponseFault::TooLarge.into());
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
