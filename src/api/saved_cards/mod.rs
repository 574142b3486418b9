//! `/v1/saved-cards`: a customer's cards at the provider, for the merchant's back
//! office. The provider's keys stay here, and nothing of the cards does.
//!
//! Saving by card number is not here: a number comes in by the hosted page only.

pub(super) mod given;
mod refusal;

use self::given::{Deletion, ListQuery, NewCard};
use self::refusal::{Asked, problem};
use super::answer::Answer;
use super::body::json;
use super::caller::Caller;
use crate::error::{self, Problem};
use crate::hardening::{SealContext, SecretText};
use crate::id::RequestId;
use crate::provider::ProviderMessage;
use crate::provider::cardwall::{CardWallError, CardWallKeys, SavedCards, SavedCardsCall, read_cardwall_keys};
use crate::saved_card::{NewInsuranceCard, RelationalIds, SavedCard, Scope, UniqueCode};
use crate::store::SecretKind;
use crate::window::{Providers, Window};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, Query, ThinData};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// `GET /v1/saved-cards`: a customer's cards of one scope.
///
/// # Errors
/// A problem.
pub async fn list_saved_cards(
    request: HttpRequest,
    caller: Caller,
    query: Result<Query<ListQuery>, actix_web::Error>,
    window: Data<Window>,
    ThinData(providers): ThinData<Providers>,
) -> Result<HttpResponse, Problem> {
    let (ids, scope) = given::asked(query)?;
    let access = Access::new(&request, &caller, &window, &providers).await?;
    let cards = access.list(&ids, scope).await?;
    let data: Vec<Value> = cards.iter().map(|card| Value::Object(describe(card))).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// `POST /v1/saved-cards`: saves a card for insurance, without its number. Asks
/// the provider once.
///
/// # Errors
/// A problem.
pub async fn save_card(
    request: HttpRequest,
    caller: Caller,
    payload: Payload,
    window: Data<Window>,
    ThinData(providers): ThinData<Providers>,
) -> Result<Answer, Problem> {
    let wanted: NewCard = json(&request, payload).await?;
    let (ids, card) = wanted.check()?;
    let access = Access::new(&request, &caller, &window, &providers).await?;
    let code = access.save(&ids, &card).await?;
    // It names a holder, and its code goes stale.
    Ok(Answer::new(StatusCode::CREATED, &describe(&saved(&card, code)))?.shown_once())
}

/// `DELETE /v1/saved-cards`: deletes the card that has the code now. Lists first,
/// so that a code of another customer, or of an earlier listing, deletes nothing.
///
/// # Errors
/// A problem.
pub async fn delete_saved_card(
    request: HttpRequest,
    caller: Caller,
    payload: Payload,
    window: Data<Window>,
    ThinData(providers): ThinData<Providers>,
) -> Result<HttpResponse, Problem> {
    let wanted: Deletion = json(&request, payload).await?;
    let (ids, scope, code) = wanted.check()?;
    let access = Access::new(&request, &caller, &window, &providers).await?;
    let cards = access.list(&ids, scope).await?;
    let Some(card) = cards.into_iter().find(|card| card.code.as_ref() == Some(&code)) else {
        let detail = "the customer has no saved card with this uniqueCode: codes change over time, so list again";
        return Err(Problem::new(&error::NOT_FOUND).detail(detail));
    };
    access.delete(&ids, scope, &code).await?;
    Ok(HttpResponse::Ok().json(describe(&SavedCard { code: None, ..card })))
}

/// A caller's way to its provider, and what the log calls it.
struct Access<'a> {
    client: Rc<dyn SavedCards>,
    keys: CardWallKeys,
    caller: &'a Caller,
    request_id: String,
}

impl<'a> Access<'a> {
    /// Opens the merchant's keys for this call.
    async fn new(
        request: &HttpRequest,
        caller: &'a Caller,
        window: &Window,
        providers: &Providers,
    ) -> Result<Self, Problem> {
        let not_set = || Problem::new(&error::SAVED_CARDS_NOT_SET);
        let client = providers.saved_cards.of(caller.mode).cloned().ok_or_else(not_set)?;
        let kind = SecretKind::cardwall(caller.mode);
        let records = window.store.secrets(caller.merchant.id.clone(), kind).await?;
        let record = records.first().ok_or_else(not_set)?;
        let context = SealContext { record: record.id.as_str(), field: kind.name() };
        let opened = window.sealer.open(context, &record.sealed).map_err(Problem::ours)?;
        let keys = read_cardwall_keys(&opened).map_err(Problem::ours)?;
        let request_id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        Ok(Self { client, keys, caller, request_id })
    }

    async fn list(&self, ids: &RelationalIds, scope: Scope) -> Result<Vec<SavedCard>, Problem> {
        self.settle(Asked::List, self.client.list(self.call(ids, scope)).await)
    }

    async fn save(&self, ids: &RelationalIds, card: &NewInsuranceCard) -> Result<Option<UniqueCode>, Problem> {
        self.settle(Asked::Save, self.client.save(self.call(ids, Scope::Insurance), card).await)
    }

    async fn delete(&self, ids: &RelationalIds, scope: Scope, code: &UniqueCode) -> Result<(), Problem> {
        self.settle(Asked::Delete, self.client.delete(self.call(ids, scope), code).await)
    }

    fn call<'b>(&'b self, ids: &'b RelationalIds, scope: Scope) -> SavedCardsCall<'b> {
        SavedCardsCall { keys: &self.keys, ids, scope }
    }

    /// Logs what came of a call, without a word of what it was about.
    fn settle<T>(&self, asked: Asked, outcome: Result<T, CardWallError>) -> Result<T, Problem> {
        let (request_id, merchant) = (self.request_id.as_str(), self.caller.merchant.id.as_str());
        let mode = self.caller.mode.name();
        outcome.inspect(|_| tracing::info!(request_id, merchant, mode, "{}", asked.done())).map_err(|error| {
            let outcome = error.name();
            match &error {
                CardWallError::Refused(code) => {
                    tracing::info!(request_id, merchant, mode, outcome, code = code.0, "CardWall refused");
                }
                CardWallError::Keys(status) => {
                    tracing::error!(
                        request_id,
                        merchant,
                        mode,
                        outcome,
                        status,
                        "CardWall refused the merchant's keys"
                    );
                }
                CardWallError::Provider(error) => {
                    tracing::warn!(request_id, merchant, mode, outcome, error = %error, "CardWall call failed");
                }
            }
            problem(asked, &error)
        })
    }
}

/// The card that was saved, as a listing would show it.
fn saved(card: &NewInsuranceCard, code: Option<UniqueCode>) -> SavedCard {
    let shown = |name: &SecretText| ProviderMessage::clean(name.expose()).map(|name| name.as_str().to_owned());
    SavedCard {
        scope: Scope::Insurance,
        code,
        nickname: shown(&card.nickname),
        holder_name: shown(&card.holder_name),
        bin: card.bin.clone(),
        last_four: card.last_four.clone(),
        expiry: Some(card.expiry),
        is_expired: false,
        identity: Some(card.identity.masked()),
    }
}

/// A saved card as merchants see it: masked.
fn describe(card: &SavedCard) -> Map<String, Value> {
    let fields = [
        ("uniqueCode", card.code.as_ref().map(|code| json!(code.expose()))),
        ("scope", Some(json!(card.scope))),
        ("nickname", card.nickname.as_ref().map(|name| json!(name))),
        ("holderName", card.holder_name.as_ref().map(|name| json!(name))),
        ("brand", Some(json!(card.brand()))),
        ("bin", Some(json!(card.bin))),
        ("lastFour", Some(json!(card.last_four))),
        ("expireMonth", card.expiry.map(|expiry| json!(expiry.month()))),
        ("expireYear", card.expiry.map(|expiry| json!(expiry.year()))),
        ("expired", Some(json!(card.is_expired))),
        ("identity", card.identity.as_ref().map(|masked| json!(masked))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
