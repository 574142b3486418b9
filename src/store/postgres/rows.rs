//! Rows back into the types they were written from.

use super::NOW;
use crate::hardening::Sealed;
use crate::id::{MerchantId, SessionId};
use crate::merchant::{AllowList, AllowedOrigin, AllowedUrl, Logo, Merchant, Theme};
use crate::session::{Session, Status};
use crate::store::StoreError;
use crate::store::columns::{from_json, mode, named, timestamp};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// How many columns [`session_columns`] lists.
pub(super) const SESSION_COLUMNS: usize = 21;

/// A session's state as it stands now: one whose time or lease is over reads as
/// what it has become, before any sweep writes that down.
pub(super) fn status_now() -> String {
    let over = over();
    format!(
        "CASE WHEN {over} THEN CASE WHEN s.cancel_requested THEN 'canceled' ELSE 'expired' END
              WHEN s.status = 'claimed' AND s.lease_until <= {NOW} THEN 'open'
              ELSE s.status END"
    )
}

fn over() -> String {
    format!("(s.ended_at IS NULL AND s.expires_at <= {NOW} AND (s.status = 'open' OR s.lease_until <= {NOW}))")
}

/// The columns of a session `s` as it stands now.
pub(super) fn session_columns() -> String {
    format!(
        "s.id, s.merchant_id, s.mode, s.purpose, s.handoff, {}, s.conversation_id, s.return_url, s.cancel_url,
         s.callback_url, s.locale, s.metadata, s.created_at, s.expires_at,
         COALESCE(s.ended_at, CASE WHEN {} THEN s.expires_at END),
         s.attempts, s.cancel_requested, s.card_token, s.card, s.failure, s.embed_origin",
        status_now(),
        over()
    )
}

/// A session from a row whose first columns are [`session_columns`].
pub(super) fn session(row: &Row) -> Result<Session, StoreError> {
    let url = |index: usize| -> Result<Option<AllowedUrl>, StoreError> {
        let text: Option<&str> = column(row, index)?;
        text.map(|text| AllowedUrl::from_store(text).ok_or(StoreError::Corrupt { what: "URL" })).transpose()
    };
    Ok(Session {
        id: parsed(row, 0, "session id", SessionId::parse)?,
        merchant: parsed(row, 1, "merchant id", MerchantId::parse)?,
        mode: parsed(row, 2, "mode", mode)?,
        purpose: named(column(row, 3)?, "purpose")?,
        handoff: named(column(row, 4)?, "hand-off")?,
        status: parsed(row, 5, "status", Status::parse)?,
        conversation_id: column(row, 6)?,
        return_url: url(7)?.ok_or(StoreError::Corrupt { what: "return URL" })?,
        cancel_url: url(8)?,
        callback_url: url(9)?,
        locale: column(row, 10)?,
        metadata: json(row, 11, "metadata")?.unwrap_or_default(),
        created_at: moment(row, 12)?,
        expires_at: moment(row, 13)?,
        ended_at: moment_if_any(row, 14)?,
        attempts: count(row, 15)?,
        cancel_requested: column(row, 16)?,
        card_token: column::<Option<Vec<u8>>>(row, 17)?.map(Sealed::from_bytes),
        card: json(row, 18, "card")?,
        failure: json(row, 19, "failure")?,
        embed_origin: column::<Option<String>>(row, 20)?.map(AllowedOrigin::from_store),
    })
}

/// The columns of a merchant `m`.
pub(super) const MERCHANT_COLUMNS: &str =
    "m.id, m.name, m.allow_list, m.token_in_redirect, m.disabled_at, m.created_at, m.theme, m.logo";

/// How many columns [`MERCHANT_COLUMNS`] lists.
pub(super) const MERCHANT_WIDTH: usize = 8;

/// A merchant from a row whose columns from `first` on are [`MERCHANT_COLUMNS`].
pub(super) fn merchant(row: &Row, first: usize) -> Result<Merchant, StoreError> {
    let entries: Vec<String> = json(row, first + 2, "allow-list")?.unwrap_or_default();
    let values: Theme = json(row, first + 6, "theme")?.unwrap_or_default();
    let logo = |png| Logo::from_store(png).ok_or(StoreError::Corrupt { what: "logo" });
    Ok(Merchant {
        id: parsed(row, first, "merchant id", MerchantId::parse)?,
        name: column(row, first + 1)?,
        allow_list: AllowList::parse(&entries).map_err(|_| StoreError::Corrupt { what: "allow-list" })?,
        token_in_redirect: column(row, first + 3)?,
        disabled_at: moment_if_any(row, first + 4)?,
        created_at: moment(row, first + 5)?,
        theme: values.with_logo(column::<Option<Vec<u8>>>(row, first + 7)?.map(logo).transpose()?),
    })
}

/// A column as it stands.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| StoreError::Corrupt { what: "column" })
}

/// A text column through the parser of its type.
pub(super) fn parsed<T>(
    row: &Row,
    index: usize,
    what: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    parse(column(row, index)?).ok_or(StoreError::Corrupt { what })
}

/// A column of Unix milliseconds.
pub(super) fn moment(row: &Row, index: usize) -> Result<Timestamp, StoreError> {
    timestamp(column(row, index)?)
}

/// The same where there need be none.
pub(super) fn moment_if_any(row: &Row, index: usize) -> Result<Option<Timestamp>, StoreError> {
    column::<Option<i64>>(row, index)?.map(timestamp).transpose()
}

/// A column that counts.
pub(super) fn count(row: &Row, index: usize) -> Result<u32, StoreError> {
    u32::try_from(column::<i64>(row, index)?).map_err(|_| StoreError::Corrupt { what: "count" })
}

fn json<T: DeserializeOwned>(row: &Row, index: usize, what: &'static str) -> Result<Option<T>, StoreError> {
    column::<Option<&str>>(row, index)?.map(|text| from_json(text, what)).transpose()
}
