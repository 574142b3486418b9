//! The form's fields, read from a multipart stream into memory that wipes
//! itself. Nothing is read into a file, and nothing beyond the bounds below.

use super::body::BoundedBody;
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use futures_util::StreamExt;
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// The whole body; a browser's form has about 700 bytes.
pub const MAX_BODY: usize = 8 * 1024;
/// RFC 2046 section 5.1.1.
const MAX_BOUNDARY: usize = 70;
const FIRST_BYTE: Duration = Duration::from_secs(5);
const WHOLE_BODY: Duration = Duration::from_secs(10);

/// The fields that the form may have, each once, with their longest values in
/// bytes: three for each character that the page lets through, as full-width
/// digits take; Arabic ones take two.
const FIELDS: [(&str, usize); 6] =
    [("formToken", 96), ("cardNumber", 120), ("expiry", 27), ("expiryMonth", 6), ("expiryYear", 12), ("cvv", 12)];

/// Why a body is not the card form. Not for cardholders: a browser that shows
/// our page sends nothing of the kind.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FormFault {
    /// Another content type.
    #[error("the body is not multipart/form-data")]
    NotMultipart,
    /// A content type without a usable boundary.
    #[error("the content type has no boundary, or one over 70 characters")]
    Boundary,
    /// Over 8 KiB.
    #[error("the body is over 8 KiB")]
    TooLarge,
    /// A field's value is longer than any card's.
    #[error("a field is too long")]
    FieldTooLong,
    /// More fields than the form has.
    #[error("there are more than six fields")]
    TooManyFields,
    /// A field twice.
    #[error("a field is there twice")]
    Duplicate,
    /// A field that the form does not have.
    #[error("there is a field that the form does not have")]
    UnknownField,
    /// A part with a file name, or of a type that is not text.
    #[error("a part is a file")]
    FilePart,
    /// NUL bytes, invalid UTF-8, another charset or a transfer encoding.
    #[error("a field is not plain UTF-8 text")]
    NotText,
    /// The body ends before its closing delimiter.
    #[error("the body is cut off")]
    Truncated,
    /// The parts cannot be told apart.
    #[error("the body is not well-formed multipart")]
    Malformed,
    /// The body came too slowly.
    #[error("the body did not come in time")]
    Timeout,
}

impl FormFault {
    /// A fixed word for the `Vezne-Reason` header and the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotMultipart => "not_multipart",
            Self::Boundary => "boundary",
            Self::TooLarge => "too_large",
            Self::FieldTooLong => "field_too_long",
            Self::TooManyFields => "too_many_fields",
            Self::Duplicate => "duplicate_field",
            Self::UnknownField => "unknown_field",
            Self::FilePart => "file_part",
            Self::NotText => "not_text",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
        }
    }
}

/// The fields as they were typed. Wiped on drop.
pub struct Form {
    values: [Option<Zeroizing<Vec<u8>>>; FIELDS.len()],
}

impl Form {
    /// A field's value; empty when it was not sent.
    #[must_use]
    pub fn value(&self, name: &str) -> &[u8] {
        let index = FIELDS.iter().position(|(field, _)| *field == name);
        index.and_then(|index| self.values[index].as_deref()).map_or(&[], Vec::as_slice)
    }

    /// Whether a field was sent at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        FIELDS.iter().zip(&self.values).any(|((field, _), value)| *field == name && value.is_some())
    }

    /// Reads the form from a request's body, all of it.
    ///
    /// # Errors
    /// [`FormFault`], by the first thing that is wrong.
    pub async fn read(request: &HttpRequest, body: &BoundedBody) -> Result<Self, FormFault> {
        let boundary = boundary(request.headers())?;
        check_declared_length(request.headers())?;
        body.expect_closing(&boundary);
        let start = Instant::now();
        let mut parts = Multipart::new(request.headers(), body.clone());
        let first = timeout_at(start + FIRST_BYTE, parts.next());
        let mut next = match first.await {
            Ok(part) => part,
            Err(_) if body.bytes_read() == 0 => return Err(FormFault::Timeout),
            Err(_) => within(start, parts.next()).await?,
        };
        let mut form = Self { values: Default::default() };
        while let Some(part) = next {
            within(start, form.take(part.map_err(|error| fault(&error))?)).await??;
            next = within(start, parts.next()).await?;
        }
        // The reader stops at the last delimiter it needs, and keeps to itself what
        // came with it; what follows must be nothing.
        while let Some(chunk) = within(start, body.clone().next()).await? {
            chunk.map_err(|error| fault(&error.into()))?;
        }
        match body.bytes_behind_closing() {
            Some(0) => Ok(form),
            Some(_) => Err(FormFault::Malformed),
            None => Err(FormFault::Truncated),
        }
    }

    async fn take(&mut self, mut part: Field) -> Result<(), FormFault> {
        if self.values.iter().flatten().count() == FIELDS.len() {
            return Err(FormFault::TooManyFields);
        }
        check_part(&part)?;
        let name = part.name().ok_or(FormFault::Malformed)?;
        let index = FIELDS.iter().position(|(field, _)| *field == name).ok_or(FormFault::UnknownField)?;
        if self.values[index].is_some() {
            return Err(FormFault::Duplicate);
        }
        let longest = FIELDS[index].1;
        let mut value = Zeroizing::new(Vec::with_capacity(longest));
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(|error| fault(&error))?;
            if value.len() + chunk.len() > longest {
                return Err(FormFault::FieldTooLong);
            }
            value.extend_from_slice(&chunk);
        }
        if value.contains(&0) || std::str::from_utf8(&value).is_err() {
            return Err(FormFault::NotText);
        }
        self.values[index] = Some(value);
        Ok(())
    }
}

/// The boundary of a multipart/form-data content type.
fn boundary(headers: &HeaderMap) -> Result<String, FormFault> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or(FormFault::NotMultipart)?;
    let kind = text.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") || headers.get_all(CONTENT_TYPE).count() > 1 {
        return Err(FormFault::NotMultipart);
    }
    let boundary = text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    });
    let fits = |boundary: &&str| (1..=MAX_BOUNDARY).contains(&boundary.len());
    boundary.filter(fits).map(str::to_owned).ok_or(FormFault::Boundary)
}

/// A declared length over the bound needs no reading; one that is missing
/// (chunked) is counted while reading.
fn check_declared_length(headers: &HeaderMap) -> Result<(), FormFault> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match declared {
        Some(length) if length > MAX_BODY => Err(FormFault::TooLarge),
        Some(0) => Err(FormFault::Truncated),
        None if !headers.contains_key(TRANSFER_ENCODING) => Err(FormFault::Truncated),
        _ => Ok(()),
    }
}

/// A part must be a plain text field (RFC 7578 section 4).
fn check_part(part: &Field) -> Result<(), FormFault> {
    let disposition = part.content_disposition().ok_or(FormFault::Malformed)?;
    if disposition.get_filename().is_some() || disposition.get_filename_ext().is_some() {
        return Err(FormFault::FilePart);
    }
    if part.headers().contains_key("content-transfer-encoding") {
        return Err(FormFault::NotText);
    }
    let Some(kind) = part.content_type() else { return Ok(()) };
    if kind.type_() != "text" || kind.subtype() != "plain" {
        return Err(FormFault::FilePart);
    }
    match kind.get_param("charset") {
        Some(charset) if !charset.as_str().eq_ignore_ascii_case("utf-8") => Err(FormFault::NotText),
        _ => Ok(()),
    }
}

async fn within<F: Future>(start: Instant, work: F) -> Result<F::Output, FormFault> {
    timeout_at(start + WHOLE_BODY, work).await.map_err(|_| FormFault::Timeout)
}

fn fault(error: &MultipartError) -> FormFault {
    match error {
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible => FormFault::NotMultipart,
        MultipartError::Payload(PayloadError::Overflow) => FormFault::TooLarge,
        MultipartError::Incomplete | MultipartError::Payload(_) => FormFault::Truncated,
        _ => FormFault::Malformed,
    }
}
