//! CardWall: cards saved at the provider (docs/protocols/cardwall.md).
//!
//! Calls are made once. The only repetition is that of a request of which not a
//! byte was written, see [`Upstream`]: nothing is ever saved twice by us.

mod answer;
mod error;
mod keys;
mod request;

pub use error::{CardWallCode, CardWallError};
pub use keys::{CardWallKeys, CardWallKeysError, read_cardwall_keys, write_cardwall_keys};

use super::{Outgoing, Unavailable, Upstream};
use crate::config::UpstreamConfig;
use crate::egress::Resolver;
use crate::saved_card::{NewInsuranceCard, RelationalIds, SavedCard, Scope, UniqueCode};
use async_trait::async_trait;
use hyper::Method;
use rustls::ClientConfig;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

/// Longest answer read: a list of some hundred cards.
const LONGEST_ANSWER: usize = 128 * 1024;

/// A merchant's saved cards at its provider.
#[async_trait(?Send)]
pub trait SavedCards {
    /// A customer's cards, as the provider orders them; none for a customer that it does not know.
    ///
    /// # Errors
    /// [`CardWallError`].
    async fn list(&self, call: SavedCardsCall<'_>) -> Result<Vec<SavedCard>, CardWallError>;

    /// Saves a card for insurance. Gives its code, where the answer has one.
    ///
    /// # Errors
    /// [`CardWallError`]; see [`CardWallError::may_be_done`].
    async fn save(
        &self,
        call: SavedCardsCall<'_>,
        card: &NewInsuranceCard,
    ) -> Result<Option<UniqueCode>, CardWallError>;

    /// Deletes a card by the code that a listing has just given it.
    ///
    /// # Errors
    /// [`CardWallError`]; see [`CardWallError::may_be_done`].
    async fn delete(&self, call: SavedCardsCall<'_>, code: &UniqueCode) -> Result<(), CardWallError>;
}

/// Whose cards, with whose keys.
#[derive(Clone, Copy)]
pub struct SavedCardsCall<'a> {
    /// The merchant's keys at CardWall.
    pub keys: &'a CardWallKeys,
    /// The customer.
    pub ids: &'a RelationalIds,
    /// Which of its cards.
    pub scope: Scope,
}

/// A client of the service of one mode; one per worker.
pub struct CardWallClient {
    upstream: Upstream,
    insurance: Url,
    ecommerce: Url,
    timeout: Duration,
}

impl CardWallClient {
    /// A client without connections yet.
    #[must_use]
    pub fn new(config: &UpstreamConfig, tls: Arc<ClientConfig>, resolver: Resolver) -> Self {
        let upstream = Upstream::configured(config, tls, resolver).with_longest_answer(LONGEST_ANSWER);
        let insurance = below(&config.url, &["paywall", "card", "insurance"]);
        let ecommerce = below(&config.url, &["paywall", "card"]);
        Self { upstream, insurance, ecommerce, timeout: config.timeout }
    }

    /// One call within the configured time; the body of an answer that says it succeeded.
    async fn ask(
        &self,
        method: Method,
        call: SavedCardsCall<'_>,
        sent: request::Sent,
    ) -> Result<Zeroizing<Vec<u8>>, CardWallError> {
        let url = match call.scope {
            Scope::Insurance => &self.insurance,
            Scope::Ecommerce => &self.ecommerce,
        };
        let known = request::known(call.ids);
        let outgoing = Outgoing { method, url, headers: sent.headers, body: sent.body };
        // Whether it was sent is not asked: an unknown end is told as one.
        let has_left = Cell::new(false);
        let answered = timeout(self.timeout, self.upstream.send(outgoing, &known, &has_left)).await;
        let answered = answered.map_err(|_| CardWallError::Provider(Unavailable::Timeout.into()))??;
        answer::read(answered.status, &answered.body)?;
        Ok(answered.body)
    }
}

#[async_trait(?Send)]
impl SavedCards for CardWallClient {
    async fn list(&self, call: SavedCardsCall<'_>) -> Result<Vec<SavedCard>, CardWallError> {
        match self.ask(Method::GET, call, request::list(call)).await {
            Ok(body) => answer::cards(&body, call.scope),
            Err(CardWallError::Refused(CardWallCode::NO_SAVED_CARD)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn save(
        &self,
        call: SavedCardsCall<'_>,
        card: &NewInsuranceCard,
    ) -> Result<Option<UniqueCode>, CardWallError> {
        let body = self.ask(Method::POST, call, request::save(call, card)).await?;
        Ok(answer::code(&body))
    }

    async fn delete(&self, call: SavedCardsCall<'_>, code: &UniqueCode) -> Result<(), CardWallError> {
        self.ask(Method::DELETE, call, request::delete(call, code)).await.map(drop)
    }
}

/// An address below a base, whether or not that ends in a slash.
fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
