//! The emulated CardWall: saved cards of both scopes, their rules and their
//! failures (docs/protocols/cardwall.md, "The sandbox").
//!
//! It keeps no card number: of one that is saved the first and last digits stay.

mod answer;
mod drill;
mod given;
mod shelf;
#[cfg(test)]
mod tests;

pub use drill::{DRILLS, Drill};
pub use shelf::RETURNING_CUSTOMER;

use super::journal;
use super::merchant::SandboxMerchant;
use super::service::Sandbox;
use crate::saved_card::Scope;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::web::{Bytes, Data, PayloadConfig, ServiceConfig, resource, route};
use actix_web::{HttpRequest, HttpResponse};
use answer::Refusal;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use given::{Given, Ids};
use jiff::Timestamp;
use serde_json::Value;
use shelf::{Owner, Shelf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Largest body taken.
const MAX_BODY: usize = 16 * 1024;

/// Every merchant's saved cards.
pub struct CardWall {
    merchants: Vec<KnownMerchant>,
    shelf: Mutex<Shelf>,
}

struct KnownMerchant {
    number: String,
    keys: [String; 2],
}

pub(super) fn routes(config: &mut ServiceConfig) {
    let address = |path| resource(path).app_data(PayloadConfig::new(MAX_BODY));
    config
        .service(address("/paywall/card/insurance").route(route().to(insurance)))
        .service(address("/paywall/card").route(route().to(ecommerce)));
}

async fn insurance(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(&sandbox, Scope::Insurance, &request, &body).await
}

async fn ecommerce(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(&sandbox, Scope::Ecommerce, &request, &body).await
}

/// A call, what came of it, and what its drill makes of that.
async fn answer(sandbox: &Sandbox, scope: Scope, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let Some(merchant) = sandbox.cardwall().merchant(request.headers()) else {
        note(sandbox, String::new(), "cardwall_keys_refused", None);
        return answer::unknown_keys();
    };
    let (outcome, ids) = sandbox.cardwall().perform(merchant, scope, request, body);
    let drill = ids.and_then(|ids| Drill::of(ids.first()));
    let outcome = match drill {
        Some(Drill::Refuse(code)) => Err(Refusal(code)),
        _ => outcome,
    };
    let name = drill.map_or_else(|| done(request.method(), outcome.is_ok()), Drill::name);
    note(
        sandbox,
        sandbox.cardwall().merchants[merchant].number.clone(),
        name,
        outcome.as_ref().err().map(|refusal| refusal.text()),
    );
    if drill == Some(Drill::Slow) {
        tokio::time::sleep(sandbox.stall()).await;
    }
    answer::to_call(outcome, drill)
}

fn done(method: &Method, is_done: bool) -> &'static str {
    match *method {
        _ if !is_done => "cardwall_refused",
        Method::GET => "cardwall_listed",
        Method::POST => "cardwall_saved",
        _ => "cardwall_deleted",
    }
}

fn note(sandbox: &Sandbox, merchant_number: String, outcome: &'static str, error_code: Option<&'static str>) {
    let call =
        journal::Call { at: Timestamp::now(), conversation_id: String::new(), merchant_number, outcome, error_code };
    sandbox.note(call);
}

impl CardWall {
    pub(super) fn new(merchants: &[SandboxMerchant], code_key: hmac::Key) -> Self {
        let known = |merchant: &SandboxMerchant| KnownMerchant {
            number: merchant.merchant_number.clone(),
            keys: merchant.cardwall_keys(),
        };
        Self { merchants: merchants.iter().map(known).collect(), shelf: Mutex::new(Shelf::new(code_key)) }
    }

    /// Gives every card another code: the ones that were listed are no longer valid.
    pub fn change_codes(&self) {
        self.shelf().change_codes();
    }

    /// How many cards there are, of all merchants.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shelf().count()
    }

    pub(super) fn welcome_back(&self) {
        for merchant in 0..self.merchants.len() {
            self.shelf().welcome_back(merchant);
        }
    }

    /// Who has both of these keys.
    fn merchant(&self, headers: &HeaderMap) -> Option<usize> {
        let sent = ["apikeyprivate", "apiclientprivate"].map(|name| headers.get(name).map(HeaderValue::as_bytes));
        let [Some(key), Some(client)] = sent else { return None };
        let has = |known: &KnownMerchant| {
            let [own_key, own_client] = &known.keys;
            let is_key = verify_slices_are_equal(key, own_key.as_bytes()).is_ok();
            is_key & verify_slices_are_equal(client, own_client.as_bytes()).is_ok()
        };
        self.merchants.iter().position(has)
    }

    /// Does what is asked; says whose cards it was about, where that can be read.
    fn perform(
        &self,
        merchant: usize,
        scope: Scope,
        request: &HttpRequest,
        body: &[u8],
    ) -> (Result<Value, Refusal>, Option<Ids>) {
        let given = match *request.method() {
            Method::GET => Given::from_headers(request.headers()),
            _ => Given::from_body(body),
        };
        let Ok(given) = given else { return (Err(Refusal::PARAMETERS), None) };
        let Ok(ids) = given.ids() else { return (Err(Refusal::PARAMETERS), None) };
        let drill = Drill::of(ids.first());
        let owner = Owner { merchant, scope, ids: ids.clone() };
        let mut cards = self.shelf();
        let outcome = match *request.method() {
            _ if matches!(drill, Some(Drill::Refuse(_) | Drill::ServerError)) => Err(Refusal::GENERAL),
            Method::DELETE if drill == Some(Drill::Stale) => Err(Refusal::UNIQUE_CODE),
            Method::GET => {
                if drill == Some(Drill::CodesChange) {
                    cards.change_codes();
                }
                cards.list(&owner, given.includes_details())
            }
            Method::POST => given.card(scope).map(|card| cards.save(owner, card, given.includes_details())),
            Method::DELETE => given.unique_code().and_then(|code| cards.delete(&owner, code)),
            _ => Err(Refusal::PARAMETERS),
        };
        (outcome, Some(ids))
    }

    /// Holds nothing that a panic could leave half-written.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
