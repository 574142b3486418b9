//! One bounded GET on a connection of its own: how a running page is looked at
//! from outside.

use super::{CallError, ConnectError, Connector};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, USER_AGENT};
use std::time::Duration;
use tokio::time::timeout;
use url::{Position, Url};

/// What came back, whole. A redirect is an answer like any other.
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Gets once and closes the connection.
///
/// # Errors
/// [`CallError`]; `Timeout` also when the body has more than `most` bytes or does not end.
pub async fn fetch(connector: &Connector, url: &Url, most: usize, patience: Duration) -> Result<Page, CallError> {
    timeout(patience, exchange(connector, url, most)).await.map_err(|_| CallError::Timeout)?
}

async fn exchange(connector: &Connector, url: &Url, most: usize) -> Result<Page, CallError> {
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(ACCEPT, "text/html")
        .header(USER_AGENT, concat!("vezne/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::new()))
        .map_err(|_| ConnectError::Url)?;
    let mut sender = connector.connect(url).await?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(|_| CallError::Timeout)?;
    Ok(Page { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes().to_vec() })
}
