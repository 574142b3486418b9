//! `/v1/saved-cards` as described, before a provider of the tests' own.

use super::answers::check;
use super::schema::Document;
use super::{Answer, Api};
use crate::card::Month;
use crate::provider::cardwall::{CardWallCode, CardWallError, SavedCards, SavedCardsCall};
use crate::provider::{ResponseFault, Unavailable};
use crate::saved_card::{NewInsuranceCard, RelationalId, SavedCard, UniqueCode};
use crate::store::SecretKind;
use actix_web::test::TestRequest;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::rc::Rc;

const PATH: &str = "/v1/saved-cards";

/// Fails as the customer's name says.
struct Provider;

impl Provider {
    fn outcome(call: SavedCardsCall<'_>) -> Result<(), CardWallError> {
        match call.ids.all()[0].map(RelationalId::expose) {
            Some("down") => Err(Unavailable::Timeout.into()),
            Some("odd") => Err(ResponseFault::Shape.into()),
            _ => Ok(()),
        }
    }
}

#[async_trait(?Send)]
impl SavedCards for Provider {
    async fn list(&self, call: SavedCardsCall<'_>) -> Result<Vec<SavedCard>, CardWallError> {
        Self::outcome(call)?;
        let card = |code: &str, expiry: Option<Month>| SavedCard {
            scope: call.scope,
            code: UniqueCode::parse(code),
            nickname: Some("Maaş kartım".to_owned()),
            holder_name: None,
            bin: "460345".to_owned(),
            last_four: "0000".to_owned(),
            expiry,
            is_expired: expiry.is_none(),
            identity: Some("10*******46".to_owned()),
        };
        Ok(vec![card("code-1", Month::new(2040, 1)), card("code-2", None)])
    }

    async fn save(&self, call: SavedCardsCall<'_>, _: &NewInsuranceCard) -> Result<Option<UniqueCode>, CardWallError> {
        Self::outcome(call).map(|()| UniqueCode::parse("code-3"))
    }

    async fn delete(&self, _: SavedCardsCall<'_>, code: &UniqueCode) -> Result<(), CardWallError> {
        match code.expose() {
            "code-2" => Err(CardWallError::Refused(CardWallCode::UNIQUE_CODE)),
            _ => Ok(()),
        }
    }
}

async fn api() -> Api {
    let kinds = [SecretKind::Result, SecretKind::Webhook, SecretKind::CardWallTest];
    let mut api = Api::new("https://shop.example/", &kinds).await;
    api.providers.saved_cards.test = Some(Rc::new(Provider));
    api
}

fn list(customer: &str) -> TestRequest {
    TestRequest::get().uri(&format!("{PATH}?relationalId1={customer}&scope=insurance"))
}

fn save(customer: &str) -> TestRequest {
    TestRequest::post().uri(PATH).set_json(json!({
        "relationalId1": customer, "nickname": "n", "holderName": "h", "bin": "46034500", "lastFour": "0000",
        "identity": "10000000146", "expireMonth": 1, "expireYear": 2040,
    }))
}

fn delete(code: &str) -> TestRequest {
    let body = json!({ "relationalId1": "a", "scope": "ecommerce", "uniqueCode": code });
    TestRequest::delete().uri(PATH).set_json(body)
}

#[actix_web::test]
async fn what_is_answered_about_saved_cards_is_as_described() {
    let (api, document) = (api().await, Document::load());
    let listed = api.call(list("a")).await;
    check(&document, "get", PATH, &listed);
    let saved = api.call(save("a")).await;
    check(&document, "post", PATH, &saved);
    let deleted = api.call(delete("code-1")).await;
    check(&document, "delete", PATH, &deleted);
    assert_eq!([listed.status, saved.status, deleted.status], [200, 201, 200]);
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 2);
    assert_eq!((&saved.body["uniqueCode"], &deleted.body["uniqueCode"]), (&json!("code-3"), &Value::Null));
}

/// Every problem that the three calls have for themselves, and where it came.
pub async fn every_problem() -> Vec<(&'static str, &'static str, Answer)> {
    let api = api().await;
    let bare = Api::new("https://shop.example/", &[SecretKind::CardWallTest]).await;
    let empty = TestRequest::post().uri(PATH).set_json(json!({}));
    let nobodys = TestRequest::get().uri(PATH);
    vec![
        ("get", PATH, bare.call(list("a")).await),
        ("post", PATH, bare.call(save("a")).await),
        ("delete", PATH, bare.call(delete("code-1")).await),
        ("get", PATH, api.call(nobodys).await),
        ("post", PATH, api.call(empty).await),
        ("delete", PATH, api.call(delete("code-2")).await),
        ("delete", PATH, api.call(delete("code-9")).await),
        ("get", PATH, api.call(list("down")).await),
        ("get", PATH, api.call(list("odd")).await),
        ("post", PATH, api.call(save("down")).await),
        ("post", PATH, api.call(save("odd")).await),
    ]
}
