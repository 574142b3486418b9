//! Who calls: the bearer of an API key.

use crate::error::{self, Problem};
use crate::hardening::request_head::CardInHead;
use crate::id::KeyId;
use crate::merchant::{ApiKey, Merchant, Mode};
use crate::window::Window;
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use std::future::Future;
use std::pin::Pin;

/// A merchant whose key was checked. The only way to one is this extractor, so
/// a handler that takes a `Caller` cannot be reached without a key. What stands
/// before a handler may leave the caller that it has checked with the request.
pub struct Caller {
    /// Whose key it is.
    pub merchant: Merchant,
    /// Which mode it opens.
    pub mode: Mode,
    /// Which key it was.
    pub key: KeyId,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            if let Some(checked) = request.extensions_mut().remove::<Self>() {
                return Ok(checked);
            }
            if request.extensions().get::<CardInHead>().is_some() {
                return Err(Problem::new(&error::CARD_NUMBER));
            }
            let window = request.app_data::<Data<Window>>().ok_or_else(|| Problem::new(&error::INTERNAL))?;
            let Some(fingerprint) = bearer(&request).and_then(ApiKey::fingerprint_of_presented) else {
                return Err(refuse(&request, window));
            };
            let Some(known) = window.store.authenticate(fingerprint).await? else {
                return Err(refuse(&request, window));
            };
            window.trail.key_used(&known.key);
            window.limits.merchant(known.merchant.id.as_str())?;
            if known.merchant.disabled_at.is_some() {
                return Err(Problem::new(&error::MERCHANT_DISABLED));
            }
            if window.leases.of(known.mode).is_none() {
                return Err(Problem::new(&error::MODE_UNAVAILABLE));
            }
            Ok(Self { merchant: known.merchant, mode: known.mode, key: known.key })
        })
    }
}

/// RFC 6750 section 2.1.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Wrong keys count against the address that they come from.
fn refuse(request: &HttpRequest, window: &Window) -> Problem {
    window.trail.key_refused();
    let limited = request.peer_addr().map(|peer| window.limits.client(peer.ip()));
    match limited {
        Some(Err(too_many)) => too_many.into(),
        _ => Problem::new(&error::UNAUTHORIZED),
    }
}
