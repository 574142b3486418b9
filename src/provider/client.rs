//! The upstream client: HTTP/1.1 connections to one address, kept open between
//! calls, through which a card passes without leaving a copy behind.
//!
//! A card is sent at most once per call. Only when hyper hands the request back
//! because not a byte of it was written (a kept connection had been closed
//! meanwhile) does it go out on another connection.

mod idle;

use super::digits::holds_foreign_run;
use super::{ProviderError, ResponseFault, Unavailable};
use crate::config::UpstreamConfig;
use crate::egress::{ClientIdentity, Connector, Resolver, Roots, Sender, TlsError, client_config, request};
use crate::hardening::leave_out::{Part, is_in};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Method, Response};
use idle::IdleConnections;
use rustls::ClientConfig;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::yield_now;
use url::Url;
use zeroize::Zeroizing;

/// Longest answer read, unless a protocol has longer ones.
const MAX_ANSWER: usize = 16 * 1024;
/// The shortest card number: an answer with a run this long may echo the card,
/// and its connection's buffers with it.
const CARD_DIGITS: usize = 12;
/// Idle connections kept per worker.
const MAX_IDLE: usize = 16;
/// How long one may idle: under the keep-alive time of common servers.
const MAX_IDLE_TIME: Duration = Duration::from_secs(20);

/// The TLS side of one configured upstream: read the files once, at start-up,
/// and share the result among the workers' clients.
///
/// # Errors
/// [`TlsError`] when a configured file does not serve.
pub fn upstream_tls(config: &UpstreamConfig) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = config.ca_file.as_deref().map_or(Roots::Public, Roots::Only);
    let files = config.client_certificate.as_deref().zip(config.client_key.as_deref());
    client_config(roots, files.map(|(certificate, key)| ClientIdentity { certificate, key }))
}

/// A client of one upstream address. Belongs to the runtime it is used in: each
/// single-threaded worker has its own.
pub struct Upstream {
    connector: Connector,
    url: Url,
    idle: IdleConnections,
    longest_answer: usize,
}

/// A request on its way out.
pub struct Outgoing<'a> {
    /// What is asked.
    pub method: Method,
    /// Where; at the client's host and port.
    pub url: &'a Url,
    /// Headers besides `Host`, `Accept`, `User-Agent` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body, wiped when it has been sent.
    pub body: Zeroizing<Vec<u8>>,
}

/// A complete answer.
pub struct UpstreamAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole, wiped on drop: it holds a token and, from a careless
    /// upstream, a card.
    pub body: Zeroizing<Vec<u8>>,
}

impl Upstream {
    /// A client without connections yet.
    #[must_use]
    pub fn new(connector: Connector, url: Url) -> Self {
        Self { connector, url, idle: IdleConnections::new(MAX_IDLE, MAX_IDLE_TIME), longest_answer: MAX_ANSWER }
    }

    /// A client of a configured upstream. The address is the operator's, so no
    /// address guard stands before it.
    #[must_use]
    pub fn configured(config: &UpstreamConfig, tls: Arc<ClientConfig>, resolver: Resolver) -> Self {
        let connector = Connector { resolver, guard: None, tls, timeout: config.connect_timeout };
        Self::new(connector, config.url.clone())
    }

    /// Reads answers of up to so many bytes instead of 16 KiB.
    #[must_use]
    pub fn with_longest_answer(self, longest_answer: usize) -> Self {
        Self { longest_answer, ..self }
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
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        self.send(Outgoing { method: Method::POST, url: &self.url, headers, body }, known, has_left).await
    }

    /// The same with another method, path or headers, to the same host and port.
    ///
    /// # Errors
    /// As [`Upstream::post`].
    pub async fn send(
        &self,
        outgoing: Outgoing<'_>,
        known: &str,
        has_left: &Cell<bool>,
    ) -> Result<UpstreamAnswer, ProviderError> {
        let Outgoing { method, url, mut headers, body } = outgoing;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("vezne"));
        let mut request = request(method, url, headers, Bytes::from_owner(body)).map_err(Unavailable::Connect)?;
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
        let body = read_bounded(body, self.longest_answer).await?;
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

async fn read_bounded(mut body: Incoming, most: usize) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let mut read = Zeroizing::new(Vec::with_capacity(most));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unavailable::Dropped)?.into_data() else { continue };
        if data.len() > most - read.len() {
            return Err(ResponseFault::TooLarge.into());
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
