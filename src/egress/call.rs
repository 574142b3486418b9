//! One bounded POST on a connection of its own: how callbacks are delivered.

use super::{ConnectError, Connector, post_request};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

/// How long the first bytes of an answer's body are waited for.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// What to post, and where.
pub struct Delivery<'a> {
    /// An https URL.
    pub url: &'a Url,
    /// Headers besides `Host`, `Content-Length` and `Connection`.
    pub headers: HeaderMap,
    /// The body as signed.
    pub body: Bytes,
    /// Connecting, and the head of the answer.
    pub timeout: Duration,
    /// How much of the answer's body is read; the rest is cut off.
    pub max_answer_bytes: usize,
}

/// What came back. A redirect is an answer like any other: nothing follows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, seconds or date (RFC 9110 section 10.2.3), as a wait from now.
    pub retry_after: Option<Duration>,
    /// The first bytes of the body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// No connection; nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No complete answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended, or what came was not HTTP/1.1.
    #[error("the connection ended before an answer: {0}")]
    Dropped(#[from] hyper::Error),
}

/// Posts once and closes the connection. Never resends, never follows.
///
/// # Errors
/// [`CallError`]; after `Timeout` and `Dropped` the other side may have the body.
pub async fn post(connector: &Connector, delivery: Delivery<'_>) -> Result<Answer, CallError> {
    timeout(delivery.timeout, exchange(connector, delivery)).await.map_err(|_| CallError::Timeout)?
}

async fn exchange(connector: &Connector, delivery: Delivery<'_>) -> Result<Answer, CallError> {
    let Delivery { url, mut headers, body, max_answer_bytes, .. } = delivery;
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let request = post_request(url, headers, body)?;
    let mut sender = connector.connect(url).await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?, Timestamp::now()));
    let mut body = Vec::new();
    // The status is the answer. A body that does not end, or ends early, takes nothing from it.
    let _ = timeout(BODY_PATIENCE, first_bytes(answer.into_body(), max_answer_bytes, &mut body)).await;
    Ok(Answer { status, retry_after, body })
}

async fn first_bytes(mut body: impl Body<Data = Bytes> + Unpin, most: usize, first: &mut Vec<u8>) {
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let room = most - first.len();
        first.extend_from_slice(&data[..data.len().min(room)]);
        if first.len() == most {
            return;
        }
    }
}

/// Reads `Retry-After`; a date that has passed is no wait.
fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let cases = [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sat, 21 Nov 2026 10:01:30 GMT", Some(90)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (value, seconds) in cases {
            assert_eq!(wait(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }
}
