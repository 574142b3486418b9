//! The JSON body of a call: bounded, strict, with errors that quote no digits.

use crate::error::{self, Problem};
use crate::provider::mask_runs;
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

const MAX_BODY: usize = 16 * 1024;
const MAX_TIME: Duration = Duration::from_secs(10);

/// A message of the JSON reader quotes what it found; a card number that was
/// sent here by mistake must not come back in an answer or end in a log.
const CARD_LIKE: usize = 9;

/// Reads a JSON body.
///
/// # Errors
/// A problem that says what is wrong with the body.
pub async fn json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Problem> {
    check_type(request)?;
    let bytes = read(payload).await?;
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| error.to_string());
    let whole = read.and_then(|value| reader.end().map(|()| value).map_err(|error| error.to_string()));
    whole.map_err(|error| {
        let message = mask_runs(&error, CARD_LIKE);
        Problem::new(&error::MALFORMED_BODY).detail(message.chars().take(300).collect::<String>())
    })
}

/// Reads a body as it is.
///
/// # Errors
/// A problem when it is too long, too slow or cut off.
pub(super) async fn read(payload: Payload) -> Result<Bytes, Problem> {
    let slow = |_| Problem::new(&error::MALFORMED_BODY).detail("the body did not come within 10 seconds");
    Ok(timeout(MAX_TIME, collect(payload)).await.map_err(slow)??.freeze())
}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(&error::UNSUPPORTED_MEDIA_TYPE))
}

async fn collect(mut payload: Payload) -> Result<BytesMut, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(Problem::new(&error::PAYLOAD_TOO_LARGE));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreadable(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::new(&error::PAYLOAD_TOO_LARGE),
        _ => Problem::new(&error::MALFORMED_BODY).detail("the body is cut off"),
    }
}
