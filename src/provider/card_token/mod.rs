//! The card-token service: a multipart form with a two-pass HMAC goes out, JSON
//! with a token comes back (docs/protocols/card-token.md).

pub mod answer;
pub mod form;
pub mod signature;

use super::{CardToken, CardTokenizer, ProviderError, TokenizeCall, Unavailable, Upstream};
use crate::config::CardTokenConfig;
use crate::egress::{ClientIdentity, Connector, Resolver, Roots, TlsError, client_config};
use answer::{Answer, Failure};
use async_trait::async_trait;
use form::Form;
use jiff::Timestamp;
use rustls::ClientConfig;
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The TLS side of one configured service: read the files once, at start-up,
/// and share the result among the workers' clients.
///
/// # Errors
/// [`TlsError`] when a configured file does not serve.
pub fn tls(config: &CardTokenConfig) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = config.ca_file.as_deref().map_or(Roots::Public, Roots::Only);
    let files = config.client_certificate.as_deref().zip(config.client_key.as_deref());
    client_config(roots, files.map(|(certificate, key)| ClientIdentity { certificate, key }))
}

/// A client of the service of one mode; one per worker.
pub struct CardTokenClient {
    upstream: Upstream,
    timeout: Duration,
    retry_codes: Vec<String>,
    merchant_codes: Vec<String>,
    unique_conversation_ids: bool,
    last_nonce: Cell<u64>,
}

impl CardTokenClient {
    /// A client without connections yet. The address is the operator's, so no
    /// address guard stands before it.
    #[must_use]
    pub fn new(config: &CardTokenConfig, tls: Arc<ClientConfig>, resolver: Resolver) -> Self {
        let connector = Connector { resolver, guard: None, tls, timeout: config.connect_timeout };
        Self {
            upstream: Upstream::new(connector, config.url.clone()),
            timeout: config.timeout,
            retry_codes: config.retry_codes.clone(),
            merchant_codes: config.merchant_codes.clone(),
            unique_conversation_ids: config.unique_conversation_ids,
            last_nonce: Cell::new(0),
        }
    }

    /// Asks once, and once more where the first signature was called stale.
    async fn ask_twice(&self, call: TokenizeCall<'_>) -> Result<CardToken, ProviderError> {
        let failure = match self.ask(call).await? {
            Answer::Token(token) => return Ok(token),
            Answer::Failure(failure) => failure,
        };
        if !self.is_stale(&failure) {
            return Err(failure.judged_by(&self.merchant_codes));
        }
        tracing::warn!(code = failure.code, "the provider called the signature stale; signing again");
        match self.ask(call).await? {
            Answer::Token(token) => Ok(token),
            Answer::Failure(again) if self.is_stale(&again) => Err(ProviderError::Configuration { code: again.code }),
            Answer::Failure(failure) => Err(failure.judged_by(&self.merchant_codes)),
        }
    }

    async fn ask(&self, call: TokenizeCall<'_>) -> Result<Answer, ProviderError> {
        let conversation_id = self.conversation_id(call);
        let nonce = self.nonce();
        let signature = signature::sign(call.credentials, &conversation_id, nonce);
        let form = Form { call, conversation_id: &conversation_id, nonce, signature: &signature };
        let (content_type, body) = form.encode();
        let answer = self.upstream.post(content_type, body, &conversation_id, call.has_left).await?;
        answer::read(answer.status, &answer.body, &signature, &conversation_id)
    }

    fn is_stale(&self, failure: &Failure) -> bool {
        self.retry_codes.contains(&failure.code)
    }

    fn conversation_id<'a>(&self, call: TokenizeCall<'a>) -> Cow<'a, str> {
        match call.attempt {
            attempt if attempt > 1 && self.unique_conversation_ids => {
                Cow::Owned(format!("{}-{attempt}", call.conversation_id))
            }
            _ => Cow::Borrowed(call.conversation_id),
        }
    }

    /// The wall clock in milliseconds, moved on where the last call had the same:
    /// a second signature must differ from the first.
    fn nonce(&self) -> u64 {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let nonce = now.max(self.last_nonce.get() + 1);
        self.last_nonce.set(nonce);
        nonce
    }
}

#[async_trait(?Send)]
impl CardTokenizer for CardTokenClient {
    async fn tokenize(&self, call: TokenizeCall<'_>) -> Result<CardToken, ProviderError> {
        timeout(self.timeout, self.ask_twice(call)).await.map_err(|_| Unavailable::Timeout)?
    }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
