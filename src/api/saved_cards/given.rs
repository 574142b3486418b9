//! What merchants send about saved cards, checked.

use crate::card::Month;
use crate::error::{self, Problem};
use crate::saved_card::{InsuranceFields, Mistake, NewInsuranceCard, RelationalIds, Scope, UniqueCode};
use crate::session::InvalidField;
use actix_web::web::Query;
use jiff::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::Zeroizing;

/// The query of `GET /v1/saved-cards`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    relational_id1: Option<Zeroizing<String>>,
    relational_id2: Option<Zeroizing<String>>,
    relational_id3: Option<Zeroizing<String>>,
    scope: Option<String>,
}

/// The body of `POST /v1/saved-cards`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct NewCard {
    relational_id1: Option<Text>,
    relational_id2: Option<Text>,
    relational_id3: Option<Text>,
    nickname: Option<Text>,
    holder_name: Option<Text>,
    bin: Option<Text>,
    last_four: Option<Text>,
    identity: Option<Text>,
    expire_month: Option<u16>,
    expire_year: Option<u16>,
}

/// The body of `DELETE /v1/saved-cards`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Deletion {
    relational_id1: Option<Text>,
    relational_id2: Option<Text>,
    relational_id3: Option<Text>,
    scope: Option<Text>,
    unique_code: Option<Text>,
}

/// Whose cards a listing asks for.
///
/// # Errors
/// A problem that names the parameter.
pub fn asked(query: Result<Query<ListQuery>, actix_web::Error>) -> Result<(RelationalIds, Scope), Problem> {
    let invalid = |detail: String| Problem::new(&error::INVALID_QUERY).detail(detail);
    let Query(asked) = query.map_err(|_| {
        invalid("the parameters are relationalId1, relationalId2, relationalId3 and scope, each once".to_owned())
    })?;
    let given = [&asked.relational_id1, &asked.relational_id2, &asked.relational_id3];
    let ids = RelationalIds::parse(given.map(|id| id.as_ref().map(|text| text.as_str())));
    let ids = ids.map_err(|mistakes| {
        let told: Vec<String> = mistakes.iter().map(|one| format!("{} {}", one.field, one.message)).collect();
        invalid(told.join("; "))
    })?;
    let scope = asked.scope.as_deref().and_then(Scope::parse);
    Ok((ids, scope.ok_or_else(|| invalid(format!("scope {SCOPE}")))?))
}

const SCOPE: &str = "must be insurance or ecommerce";

impl NewCard {
    /// Every field in its type.
    ///
    /// # Errors
    /// A problem with a mistake for each field.
    pub fn check(&self) -> Result<(RelationalIds, NewInsuranceCard), Problem> {
        let ids = relational_ids([&self.relational_id1, &self.relational_id2, &self.relational_id3]);
        let fields = InsuranceFields {
            nickname: Text::of(self.nickname.as_ref()),
            holder_name: Text::of(self.holder_name.as_ref()),
            bin: Text::of(self.bin.as_ref()),
            last_four: Text::of(self.last_four.as_ref()),
            identity: Text::of(self.identity.as_ref()),
            expire_month: self.expire_month,
            expire_year: self.expire_year,
        };
        let card = NewInsuranceCard::parse(fields, Month::not_over_anywhere(Timestamp::now()));
        match (ids, card) {
            (Ok(ids), Ok(card)) => Ok((ids, card)),
            (ids, card) => Err(invalid([ids.err(), card.err()].into_iter().flatten().flatten())),
        }
    }
}

impl Deletion {
    /// Every field in its type.
    ///
    /// # Errors
    /// A problem with a mistake for each field.
    pub fn check(&self) -> Result<(RelationalIds, Scope, UniqueCode), Problem> {
        let ids = relational_ids([&self.relational_id1, &self.relational_id2, &self.relational_id3]);
        let scope = Text::of(self.scope.as_ref()).and_then(Scope::parse);
        let code = Text::of(self.unique_code.as_ref()).and_then(UniqueCode::parse);
        match (ids, scope, code) {
            (Ok(ids), Some(scope), Some(code)) => Ok((ids, scope, code)),
            (ids, scope, code) => {
                let mistake = |field, message| Mistake { field, message };
                let scope = scope.is_none().then_some(mistake("scope", SCOPE));
                let code = code.is_none().then_some(mistake("uniqueCode", "must be the code of a listing"));
                Err(invalid(ids.err().into_iter().flatten().chain(scope).chain(code)))
            }
        }
    }
}

fn relational_ids(given: [&Option<Text>; 3]) -> Result<RelationalIds, Vec<Mistake>> {
    RelationalIds::parse(given.map(|id| Text::of(id.as_ref())))
}

fn invalid(mistakes: impl Iterator<Item = Mistake>) -> Problem {
    let field = |Mistake { field, message }| InvalidField { field, message: message.to_owned() };
    Problem::invalid(mistakes.map(field).collect())
}

/// A string that no error repeats, and that is wiped on drop.
struct Text(Zeroizing<String>);

impl Text {
    fn of(given: Option<&Self>) -> Option<&str> {
        given.map(|text| text.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Refuses what is no string without quoting it, as the usual visitor would.
struct TextVisitor;

const NO_STRING: &str = "must be a string";

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Text, E> {
        Err(E::custom(NO_STRING))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Text, E> {
        Err(E::custom(NO_STRING))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Text, E> {
        Err(E::custom(NO_STRING))
    }
}
