//! Rows back into the types they were written from.

use super::NOW;
use crate::hardening::Sealed;
use crate::id::{MerchantId, SessionId};
use crate::merchant::{AllowList, AllowedOrigin, AllowedUrl, Logo, Merchant, Theme};
use crate::session::{Session, Status};
use crate::store::StoreError;
use crate::store::columns::{from_json, named};
pub(super) use crate::store::columns::{milliseconds, mode, name_of, timestamp};
use rusqlite::Row;
use serde::de::DeserializeOwned;

/// How many columns [`session_columns`] lists.
pub(super) const SESSION_COLUMNS: usize = 21;

/// The columns of a session as it stands now: one whose time or lease is over
/// reads as what it has become, before any sweep writes that down.
pub(super) fn session_columns() -> String {
    let over =
        format!("(s.ended_at IS NULL AND s.expires_at <= {NOW} AND (s.status = 'open' OR s.lease_until <= {NOW}))");
    format!(
        "s.id, s.merchant_id, s.mode, s.purpose, s.handoff,
         CASE WHEN {over} THEN CASE s.cancel_requested WHEN 1 THEN 'canceled' ELSE 'expired' END
              WHEN s.status = 'claimed' AND s.lease_until <= {NOW} THEN 'open'
              ELSE s.status END AS status_now,
         s.conversation_id, s.return_url, s.cancel_url, s.callback_url, s.locale, s.metadata,
         s.created_at, s.expires_at, COALESCE(s.ended_at, CASE WHEN {over} THEN s.expires_at END),
         s.attempts, s.cancel_requested, s.card_token, s.card, s.failure, s.embed_origin"
    )
}

/// A session from a row whose first columns are [`session_columns`].
pub(super) fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    let url = |index: usize| -> Result<Option<AllowedUrl>, StoreError> {
        let text: Option<String> = row.get(index)?;
        text.map(|text| AllowedUrl::from_store(&text).ok_or(StoreError::Corrupt { what: "URL" })).transpose()
    };
    let purpose: String = row.get(3)?;
    let handoff: String = row.get(4)?;
    Ok(Session {
        id: parsed(row, 0, "session id", SessionId::parse)?,
        merchant: parsed(row, 1, "merchant id", MerchantId::parse)?,
        mode: parsed(row, 2, "mode", mode)?,
        purpose: named(&purpose, "purpose")?,
        handoff: named(&handoff, "hand-off")?,
        status: parsed(row, 5, "status", Status::parse)?,
        conversation_id: row.get(6)?,
        return_url: url(7)?.ok_or(StoreError::Corrupt { what: "return URL" })?,
        cancel_url: url(8)?,
        callback_url: url(9)?,
        embed_origin: row.get::<_, Option<String>>(20)?.map(AllowedOrigin::from_store),
        locale: row.get(10)?,
        metadata: json(row, 11, "metadata")?.unwrap_or_default(),
        created_at: timestamp(row.get(12)?)?,
        expires_at: timestamp(row.get(13)?)?,
        ended_at: row.get::<_, Option<i64>>(14)?.map(timestamp).transpose()?,
        attempts: row.get(15)?,
        cancel_requested: row.get(16)?,
        card_token: row.get::<_, Option<Vec<u8>>>(17)?.map(Sealed::from_bytes),
        card: json(row, 18, "card")?,
        failure: json(row, 19, "failure")?,
    })
}

/// The columns of a merchant.
pub(super) const MERCHANT_COLUMNS: &str =
    "m.id, m.name, m.allow_list, m.token_in_redirect, m.disabled_at, m.created_at, m.theme, m.logo";

/// How many columns [`MERCHANT_COLUMNS`] lists.
pub(super) const MERCHANT_WIDTH: usize = 8;

/// A merchant from a row whose columns from `first` on are [`MERCHANT_COLUMNS`].
pub(super) fn merchant(row: &Row<'_>, first: usize) -> Result<Merchant, StoreError> {
    let entries: Vec<String> = json(row, first + 2, "allow-list")?.unwrap_or_default();
    Ok(Merchant {
        id: parsed(row, first, "merchant id", MerchantId::parse)?,
        name: row.get(first + 1)?,
        allow_list: AllowList::parse(&entries).map_err(|_| StoreError::Corrupt { what: "allow-list" })?,
        token_in_redirect: row.get(first + 3)?,
        disabled_at: row.get::<_, Option<i64>>(first + 4)?.map(timestamp).transpose()?,
        created_at: timestamp(row.get(first + 5)?)?,
        theme: theme(row, first + 6)?,
    })
}

/// A theme from its two columns, values and logo.
fn theme(row: &Row<'_>, first: usize) -> Result<Theme, StoreError> {
    let values: Theme = json(row, first, "theme")?.unwrap_or_default();
    let logo = |png| Logo::from_store(png).ok_or(StoreError::Corrupt { what: "logo" });
    Ok(values.with_logo(row.get::<_, Option<Vec<u8>>>(first + 1)?.map(logo).transpose()?))
}

/// A text column through the parser of its type.
pub(super) fn parsed<T>(
    row: &Row<'_>,
    index: usize,
    what: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = row.get(index)?;
    parse(&text).ok_or(StoreError::Corrupt { what })
}

fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize, what: &'static str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(index)?;
    text.map(|text| from_json(&text, what)).transpose()
}
