//! Sessions and their transitions. Each transition is one conditional UPDATE:
//! of two that race, the database lets one through.

use super::outbox::record_end;
use super::rows::{MERCHANT_COLUMNS, SESSION_COLUMNS, merchant, milliseconds, name_of, session, session_columns};
use super::{NOW, SqliteStore};
use crate::hardening::Fingerprint;
use crate::id::{MerchantId, SessionId};
use crate::merchant::{AllowedOrigin, AllowedUrl, Merchant, Mode};
use crate::session::{Claimed, Completion, NewSession, Release, Session, Status};
use crate::store::{
    CancelOutcome, ClaimOutcome, CommitOutcome, SessionCursor, SessionPage, SessionQuery, SessionStore, StoreError,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use serde::Serialize;
use std::time::Duration;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn create_session(&self, session: NewSession) -> Result<Session, StoreError> {
        self.writer.run(move |db| create(db, &session)).await
    }

    async fn session(&self, merchant: MerchantId, mode: Mode, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.readers.point(move |db| of_merchant(db, &merchant, mode, &id)).await
    }

    async fn sessions(&self, query: SessionQuery) -> Result<SessionPage, StoreError> {
        self.readers.run(move |db| page(db, &query)).await
    }

    async fn session_by_secret(&self, secret: Fingerprint) -> Result<Option<(Session, Merchant)>, StoreError> {
        self.readers.point(move |db| by_secret(db, secret)).await
    }

    async fn claim(&self, id: SessionId, lease: Duration) -> Result<ClaimOutcome, StoreError> {
        // A claim that a power cut undoes leaves the session open, as the end of
        // its lease would; no process that held it has survived the cut.
        self.writer.run_relaxed(move |db| claim(db, &id, lease)).await
    }

    async fn complete(&self, claim: &Claimed, completion: &Completion) -> Result<CommitOutcome, StoreError> {
        let (held, completion) = (Held::by(claim), completion.clone());
        self.writer.run(move |db| complete(db, &held, &completion)).await
    }

    async fn release(&self, claim: &Claimed, how: &Release) -> Result<CommitOutcome, StoreError> {
        let (held, how) = (Held::by(claim), how.clone());
        self.writer.run(move |db| release(db, &held, &how)).await
    }

    async fn cancel(&self, id: SessionId) -> Result<CancelOutcome, StoreError> {
        self.writer.run(move |db| cancel(db, &id)).await
    }

    async fn expire_sessions(&self, limit: u32) -> Result<u32, StoreError> {
        self.writer.run(move |db| expire(db, limit)).await
    }
}

fn create(db: &Connection, new: &NewSession) -> Result<Session, StoreError> {
    let url = |url: &Option<AllowedUrl>| url.as_ref().map(|url| url.url().to_string());
    db.prepare_cached(&format!(
        "INSERT INTO sessions (id, merchant_id, mode, secret, purpose, handoff, status, conversation_id, return_url,
            cancel_url, callback_url, embed_origin, locale, metadata, created_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, {NOW}, {NOW} + ?) ON CONFLICT (id) DO NOTHING"
    ))?
    .execute(params![
        new.id.as_str(),
        new.merchant.as_str(),
        new.mode.name(),
        new.secret.as_bytes().as_slice(),
        name_of(&new.purpose)?,
        name_of(&new.handoff)?,
        new.conversation_id,
        new.return_url.url().as_str(),
        url(&new.cancel_url),
        url(&new.callback_url),
        new.embed_origin.as_ref().map(AllowedOrigin::as_str),
        new.locale,
        text(&new.metadata)?,
        milliseconds(new.life),
    ])?;
    by_id(db, &new.id)
}

fn of_merchant(
    db: &Connection,
    merchant: &MerchantId,
    mode: Mode,
    id: &SessionId,
) -> Result<Option<Session>, StoreError> {
    one(db, "s.id = ? AND s.merchant_id = ? AND s.mode = ?", &[&id.as_str(), &merchant.as_str(), &mode.name()])
}

fn by_secret(db: &Connection, secret: Fingerprint) -> Result<Option<(Session, Merchant)>, StoreError> {
    db.prepare_cached(&format!(
        "SELECT {}, {MERCHANT_COLUMNS} FROM sessions s JOIN merchants m ON m.id = s.merchant_id WHERE s.secret = ?",
        session_columns()
    ))?
    .query_row([secret.as_bytes().as_slice()], |row| {
        Ok(session(row).and_then(|session| Ok((session, merchant(row, SESSION_COLUMNS)?))))
    })
    .optional()?
    .transpose()
}

fn page(db: &Connection, query: &SessionQuery) -> Result<SessionPage, StoreError> {
    let (created_at, id) = match &query.after {
        Some(cursor) => (cursor.created_at, cursor.id.as_str()),
        None => (i64::MAX, ""),
    };
    // One text for each set of filters, so that each is served by its index.
    // A session whose time is over leaves its state's list at once, and is in
    // the list of its new state after the next sweep. Whatever the filters, the
    // text names every parameter.
    let by_status = query.status.map_or("", |_| "AND s.status = ?5 AND s.status = status_now");
    let by_conversation = query.conversation_id.as_ref().map_or("", |_| "AND s.conversation_id = ?6");
    let sql = format!(
        "SELECT {} FROM sessions s
         WHERE s.merchant_id = ?1 AND s.mode = ?2 AND (s.created_at, s.id) < (?3, ?4) {by_status} {by_conversation}
            AND ?5 IS ?5 AND ?6 IS ?6
         ORDER BY s.created_at DESC, s.id DESC LIMIT ?7",
        session_columns()
    );
    let status = query.status.map(Status::name);
    let (owner, kind) = (query.merchant.as_str(), query.mode.name());
    let values = params![owner, kind, created_at, id, status, query.conversation_id, query.limit + 1];
    let mut sessions: Vec<Session> =
        db.prepare_cached(&sql)?.query_and_then(values, session)?.collect::<Result<_, _>>()?;
    let more = sessions.len() > query.limit as usize;
    sessions.truncate(query.limit as usize);
    let next = sessions
        .last()
        .filter(|_| more)
        .map(|last| SessionCursor { created_at: last.created_at.as_millisecond(), id: last.id.clone() });
    Ok(SessionPage { sessions, next })
}

fn claim(db: &Connection, id: &SessionId, lease: Duration) -> Result<ClaimOutcome, StoreError> {
    let fence: Option<u32> = db
        .prepare_cached(&format!(
            "UPDATE sessions SET status = 'claimed', fence = fence + 1, lease_until = {NOW} + ?2
             WHERE id = ?1 AND ended_at IS NULL AND expires_at > {NOW} AND (status = 'open' OR lease_until <= {NOW})
             RETURNING fence"
        ))?
        .query_row(params![id.as_str(), milliseconds(lease)], |row| row.get(0))
        .optional()?;
    let session = by_id(db, id)?;
    Ok(match fence {
        Some(fence) => ClaimOutcome::Claimed(Box::new(Claimed::granted(session, fence))),
        None if session.status.has_ended() => ClaimOutcome::Ended(Box::new(session)),
        None => ClaimOutcome::Busy,
    })
}

/// What a commit needs to know of the claim that it ends.
pub(super) struct Held {
    id: SessionId,
    fence: u32,
    attempts: u32,
}

impl Held {
    pub fn by(claim: &Claimed) -> Self {
        Self { id: claim.id().clone(), fence: claim.fence(), attempts: claim.session().attempts }
    }
}

/// The claim is still the last one given out.
const HELD: &str = "id = ?1 AND status = 'claimed' AND fence = ?2";

fn complete(db: &Connection, held: &Held, completion: &Completion) -> Result<CommitOutcome, StoreError> {
    let changed = db
        .prepare_cached(&format!(
            "UPDATE sessions SET status = 'completed', ended_at = {NOW}, lease_until = NULL, card_token = ?3, card = ?4
             WHERE {HELD} AND lease_until > {NOW}"
        ))?
        .execute(params![held.id.as_str(), held.fence, completion.card_token.as_bytes(), text(&completion.card)?])?;
    let repeated = "id = ?1 AND fence = ?2 AND status = 'completed' AND card_token = ?3";
    if changed == 0 && is_there(db, repeated, &[&held.id.as_str(), &held.fence, &completion.card_token.as_bytes()])? {
        return Ok(CommitOutcome::Committed(Box::new(by_id(db, &held.id)?)));
    }
    committed(db, held, changed)
}

fn release(db: &Connection, held: &Held, release: &Release) -> Result<CommitOutcome, StoreError> {
    let refused = u32::from(matches!(release, Release::Refused { .. }));
    let attempts = held.attempts + refused;
    let failure = release.failure(attempts, held.fence).map(|failure| text(&failure)).transpose()?;
    let changed = db
        .prepare_cached(&format!(
            "UPDATE sessions SET attempts = ?3, failure = ?4, lease_until = NULL,
                status = CASE WHEN ?4 IS NOT NULL THEN 'failed' WHEN expires_at > {NOW} THEN 'open'
                              WHEN cancel_requested = 1 THEN 'canceled' ELSE 'expired' END,
                ended_at = CASE WHEN ?4 IS NOT NULL THEN {NOW} WHEN expires_at > {NOW} THEN NULL ELSE expires_at END
             WHERE {HELD} AND lease_until > {NOW}"
        ))?
        .execute(params![held.id.as_str(), held.fence, attempts, failure])?;
    // Only a release leaves the number of a claim at a session that is not claimed.
    let repeated = "id = ?1 AND fence = ?2 AND status IN ('open', 'failed') AND attempts = ?3";
    if changed == 0 && is_there(db, repeated, &[&held.id.as_str(), &held.fence, &attempts])? {
        return Ok(CommitOutcome::Committed(Box::new(by_id(db, &held.id)?)));
    }
    committed(db, held, changed)
}

/// Whether a commit was made before, and only its answer was lost.
fn is_there(db: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<bool, StoreError> {
    Ok(db.prepare_cached(&format!("SELECT 1 FROM sessions WHERE {condition}"))?.exists(values)?)
}

fn committed(db: &Connection, held: &Held, changed: usize) -> Result<CommitOutcome, StoreError> {
    if changed == 0 {
        db.execute("UPDATE sessions SET late_outcomes = late_outcomes + 1 WHERE id = ?", [held.id.as_str()])?;
        return Ok(CommitOutcome::Late);
    }
    let session = by_id(db, &held.id)?;
    if session.status.has_ended() {
        record_end(db, &session)?;
    }
    Ok(CommitOutcome::Committed(Box::new(session)))
}

fn cancel(db: &Connection, id: &SessionId) -> Result<CancelOutcome, StoreError> {
    let canceled = db.execute(
        &format!(
            "UPDATE sessions SET status = 'canceled', ended_at = {NOW}, lease_until = NULL
             WHERE id = ? AND ended_at IS NULL AND expires_at > {NOW} AND (status = 'open' OR lease_until <= {NOW})"
        ),
        [id.as_str()],
    )?;
    if canceled == 1 {
        let session = by_id(db, id)?;
        record_end(db, &session)?;
        return Ok(CancelOutcome::Ended(Box::new(session)));
    }
    // A claim is running: let the session's time be over at once, so that the
    // claim's end, however it comes, finds it canceled unless there is a token.
    let requested = db.execute(
        &format!(
            "UPDATE sessions SET cancel_requested = 1, expires_at = MIN(expires_at, {NOW})
             WHERE id = ? AND status = 'claimed' AND lease_until > {NOW}"
        ),
        [id.as_str()],
    )?;
    let session = Box::new(by_id(db, id)?);
    Ok(if requested == 1 { CancelOutcome::Requested(session) } else { CancelOutcome::Ended(session) })
}

fn expire(db: &Connection, limit: u32) -> Result<u32, StoreError> {
    let ended: Vec<String> = db
        .prepare_cached(&format!(
            "UPDATE sessions SET status = CASE cancel_requested WHEN 1 THEN 'canceled' ELSE 'expired' END,
                ended_at = expires_at, lease_until = NULL
             WHERE id IN (SELECT id FROM sessions WHERE ended_at IS NULL AND expires_at <= {NOW}
                AND (status = 'open' OR lease_until <= {NOW}) LIMIT ?)
             RETURNING id"
        ))?
        .query_and_then([limit], |row| row.get(0))?
        .collect::<Result<_, rusqlite::Error>>()?;
    for id in &ended {
        let id = SessionId::parse(id).ok_or(StoreError::Corrupt { what: "session id" })?;
        record_end(db, &by_id(db, &id)?)?;
    }
    Ok(u32::try_from(ended.len()).unwrap_or(limit))
}

/// A session that is known to be there.
pub(super) fn by_id(db: &Connection, id: &SessionId) -> Result<Session, StoreError> {
    one(db, "s.id = ?", &[&id.as_str()])?.ok_or(StoreError::Missing { what: "session" })
}

fn one(db: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<Option<Session>, StoreError> {
    db.prepare_cached(&format!("SELECT {} FROM sessions s WHERE {condition}", session_columns()))?
        .query_row(values, |row| Ok(session(row)))
        .optional()?
        .transpose()
}

fn text<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { what: "value" })
}
