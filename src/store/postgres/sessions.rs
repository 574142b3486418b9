//! Sessions and their transitions. Each transition is one conditional UPDATE:
//! of two that race, the second waits for the first one's row and then finds
//! its condition wanting.

use super::connection::{Connection, Trouble};
use super::executor::Kind;
use super::outbox::record_ends;
use super::rows::{MERCHANT_COLUMNS, SESSION_COLUMNS, column, count, merchant, session, session_columns, status_now};
use super::{NOW, PostgresStore};
use crate::hardening::Fingerprint;
use crate::id::{MerchantId, SessionId};
use crate::merchant::{AllowedOrigin, AllowedUrl, Merchant, Mode};
use crate::session::{Claimed, Completion, NewSession, Release, Session, Status};
use crate::store::columns::{milliseconds, name_of, to_json};
use crate::store::{
    CancelOutcome, ClaimOutcome, CommitOutcome, SessionCursor, SessionPage, SessionQuery, SessionStore, StoreError,
};
use async_trait::async_trait;
use std::time::Duration;
use tokio_postgres::types::ToSql;

#[async_trait]
impl SessionStore for PostgresStore {
    async fn create_session(&self, session: NewSession) -> Result<Session, StoreError> {
        self.executor.run(Kind::Durable, async move |db| create(db, &session).await).await
    }

    async fn session(&self, merchant: MerchantId, mode: Mode, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.executor.run(Kind::Read, async move |db| of_merchant(db, &merchant, mode, &id).await).await
    }

    async fn sessions(&self, query: SessionQuery) -> Result<SessionPage, StoreError> {
        self.executor.run(Kind::Read, async move |db| page(db, &query).await).await
    }

    async fn session_by_secret(&self, secret: Fingerprint) -> Result<Option<(Session, Merchant)>, StoreError> {
        self.executor.run(Kind::Read, async move |db| by_secret(db, secret).await).await
    }

    async fn claim(&self, id: SessionId, lease: Duration) -> Result<ClaimOutcome, StoreError> {
        // A claim that a power cut of the server undoes leaves the session open,
        // as the end of its lease would. Whoever held it commits nothing then.
        self.executor.run(Kind::Relaxed, async move |db| claim(db, &id, lease).await).await
    }

    async fn complete(&self, claim: &Claimed, completion: &Completion) -> Result<CommitOutcome, StoreError> {
        let (held, completion) = (Held::by(claim), completion.clone());
        self.executor.run(Kind::Durable, async move |db| complete(db, &held, &completion).await).await
    }

    async fn release(&self, claim: &Claimed, how: &Release) -> Result<CommitOutcome, StoreError> {
        let (held, how) = (Held::by(claim), how.clone());
        self.executor.run(Kind::Durable, async move |db| release(db, &held, &how).await).await
    }

    async fn cancel(&self, id: SessionId) -> Result<CancelOutcome, StoreError> {
        self.executor.run(Kind::Durable, async move |db| cancel(db, &id).await).await
    }

    async fn expire_sessions(&self, limit: u32) -> Result<u32, StoreError> {
        self.executor.run(Kind::Durable, async move |db| expire(db, limit).await).await
    }
}

async fn create(db: &Connection, new: &NewSession) -> Result<Session, Trouble> {
    let url = |url: &Option<AllowedUrl>| url.as_ref().map(|url| url.url().to_string());
    let sql = format!(
        "INSERT INTO sessions AS s (id, merchant_id, mode, secret, purpose, handoff, status, conversation_id,
            return_url, cancel_url, callback_url, embed_origin, locale, metadata, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, $11, $12, $13, {NOW}, {NOW} + $14)
         ON CONFLICT (id) DO NOTHING RETURNING {}",
        session_columns()
    );
    let row = db
        .one(
            &sql,
            &[
                &new.id.as_str(),
                &new.merchant.as_str(),
                &new.mode.name(),
                &new.secret.as_bytes().as_slice(),
                &name_of(&new.purpose)?,
                &name_of(&new.handoff)?,
                &new.conversation_id,
                &new.return_url.url().as_str(),
                &url(&new.cancel_url),
                &url(&new.callback_url),
                &new.embed_origin.as_ref().map(AllowedOrigin::as_str),
                &new.locale,
                &to_json(&new.metadata)?,
                &milliseconds(new.life),
            ],
        )
        .await?;
    if let Some(row) = row {
        return Ok(session(&row)?);
    }
    let made_before = several(db, "s.id = $1", &[&new.id.as_str()]).await?.into_iter().next();
    Ok(made_before.ok_or(StoreError::Missing { what: "session" })?)
}

async fn of_merchant(
    db: &Connection,
    merchant: &MerchantId,
    mode: Mode,
    id: &SessionId,
) -> Result<Option<Session>, Trouble> {
    let condition = "s.id = $1 AND s.merchant_id = $2 AND s.mode = $3";
    let found = several(db, condition, &[&id.as_str(), &merchant.as_str(), &mode.name()]).await?;
    Ok(found.into_iter().next())
}

async fn by_secret(db: &Connection, secret: Fingerprint) -> Result<Option<(Session, Merchant)>, Trouble> {
    let sql = format!(
        "SELECT {}, {MERCHANT_COLUMNS} FROM sessions s JOIN merchants m ON m.id = s.merchant_id WHERE s.secret = $1",
        session_columns()
    );
    let Some(row) = db.one(&sql, &[&secret.as_bytes().as_slice()]).await? else { return Ok(None) };
    Ok(Some((session(&row)?, merchant(&row, SESSION_COLUMNS)?)))
}

async fn page(db: &Connection, query: &SessionQuery) -> Result<SessionPage, Trouble> {
    let (created_at, id) = match &query.after {
        Some(cursor) => (cursor.created_at, cursor.id.as_str()),
        None => (i64::MAX, ""),
    };
    let (owner, kind, limit) = (query.merchant.as_str(), query.mode.name(), i64::from(query.limit) + 1);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&owner, &kind, &created_at, &id, &limit];
    // One text for each set of filters, so that each is served by its index.
    // A session whose time is over leaves its state's list at once, and is in
    // the list of its new state after the next sweep.
    let mut filters = Vec::new();
    let status = query.status.map(Status::name);
    if let Some(status) = &status {
        values.push(status);
        filters.push(format!(" AND s.status = ${} AND s.status = {}", values.len(), status_now()));
    }
    if let Some(conversation_id) = &query.conversation_id {
        values.push(conversation_id);
        filters.push(format!(" AND s.conversation_id = ${}", values.len()));
    }
    let condition = format!(
        "s.merchant_id = $1 AND s.mode = $2 AND (s.created_at, s.id) < ($3, $4){}
         ORDER BY s.created_at DESC, s.id DESC LIMIT $5",
        filters.concat()
    );
    let mut sessions = several(db, &condition, &values).await?;
    let more = sessions.len() > query.limit as usize;
    sessions.truncate(query.limit as usize);
    let next = sessions
        .last()
        .filter(|_| more)
        .map(|last| SessionCursor { created_at: last.created_at.as_millisecond(), id: last.id.clone() });
    Ok(SessionPage { sessions, next })
}

async fn claim(db: &Connection, id: &SessionId, lease: Duration) -> Result<ClaimOutcome, Trouble> {
    let sql = format!(
        "UPDATE sessions AS s SET status = 'claimed', fence = fence + 1, lease_until = {NOW} + $2
         WHERE id = $1 AND ended_at IS NULL AND expires_at > {NOW} AND (status = 'open' OR lease_until <= {NOW})
         RETURNING {}, s.fence",
        session_columns()
    );
    if let Some(row) = db.one(&sql, &[&id.as_str(), &milliseconds(lease)]).await? {
        let claimed = Claimed::granted(session(&row)?, count(&row, SESSION_COLUMNS)?);
        return Ok(ClaimOutcome::Claimed(Box::new(claimed)));
    }
    let session = by_id(db, id).await?;
    Ok(if session.status.has_ended() { ClaimOutcome::Ended(Box::new(session)) } else { ClaimOutcome::Busy })
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
const HELD: &str = "id = $1 AND status = 'claimed' AND fence = $2";

async fn complete(db: &Connection, held: &Held, completion: &Completion) -> Result<CommitOutcome, Trouble> {
    let sql = format!(
        "UPDATE sessions SET status = 'completed', ended_at = {NOW}, lease_until = NULL, card_token = $3, card = $4
         WHERE {HELD} AND lease_until > {NOW}"
    );
    let (fence, token) = (i64::from(held.fence), completion.card_token.as_bytes());
    let changed = db.execute(&sql, &[&held.id.as_str(), &fence, &token, &to_json(&completion.card)?]).await?;
    let repeated = "id = $1 AND fence = $2 AND status = 'completed' AND card_token = $3";
    if changed == 0 && is_there(db, repeated, &[&held.id.as_str(), &fence, &token]).await? {
        return Ok(CommitOutcome::Committed(Box::new(by_id(db, &held.id).await?)));
    }
    committed(db, held, changed).await
}

async fn release(db: &Connection, held: &Held, release: &Release) -> Result<CommitOutcome, Trouble> {
    let refused = u32::from(matches!(release, Release::Refused { .. }));
    let attempts = held.attempts + refused;
    let failure = release.failure(attempts, held.fence).map(|failure| to_json(&failure)).transpose()?;
    let sql = format!(
        "UPDATE sessions SET attempts = $3, failure = $4::text, lease_until = NULL,
            status = CASE WHEN $4::text IS NOT NULL THEN 'failed' WHEN expires_at > {NOW} THEN 'open'
                          WHEN cancel_requested THEN 'canceled' ELSE 'expired' END,
            ended_at = CASE WHEN $4::text IS NOT NULL THEN {NOW} WHEN expires_at > {NOW} THEN NULL ELSE expires_at END
         WHERE {HELD} AND lease_until > {NOW}"
    );
    let (fence, attempts) = (i64::from(held.fence), i64::from(attempts));
    let changed = db.execute(&sql, &[&held.id.as_str(), &fence, &attempts, &failure]).await?;
    // Only a release leaves the number of a claim at a session that is not claimed.
    let repeated = "id = $1 AND fence = $2 AND status IN ('open', 'failed') AND attempts = $3";
    if changed == 0 && is_there(db, repeated, &[&held.id.as_str(), &fence, &attempts]).await? {
        return Ok(CommitOutcome::Committed(Box::new(by_id(db, &held.id).await?)));
    }
    committed(db, held, changed).await
}

/// Whether a commit was made before, and only its answer was lost.
async fn is_there(db: &Connection, condition: &str, values: &[&(dyn ToSql + Sync)]) -> Result<bool, Trouble> {
    Ok(db.one(&format!("SELECT 1 FROM sessions WHERE {condition}"), values).await?.is_some())
}

async fn committed(db: &Connection, held: &Held, changed: u64) -> Result<CommitOutcome, Trouble> {
    if changed == 0 {
        let sql = "UPDATE sessions SET late_outcomes = late_outcomes + 1 WHERE id = $1";
        db.execute(sql, &[&held.id.as_str()]).await?;
        return Ok(CommitOutcome::Late);
    }
    let session = by_id(db, &held.id).await?;
    if session.status.has_ended() {
        record_ends(db, std::slice::from_ref(&session)).await?;
    }
    Ok(CommitOutcome::Committed(Box::new(session)))
}

async fn cancel(db: &Connection, id: &SessionId) -> Result<CancelOutcome, Trouble> {
    let end = format!(
        "UPDATE sessions SET status = 'canceled', ended_at = {NOW}, lease_until = NULL
         WHERE id = $1 AND ended_at IS NULL AND expires_at > {NOW} AND (status = 'open' OR lease_until <= {NOW})"
    );
    if db.execute(&end, &[&id.as_str()]).await? == 1 {
        let session = by_id(db, id).await?;
        record_ends(db, std::slice::from_ref(&session)).await?;
        return Ok(CancelOutcome::Ended(Box::new(session)));
    }
    // A claim is running: let the session's time be over at once, so that the
    // claim's end, however it comes, finds it canceled unless there is a token.
    let request = format!(
        "UPDATE sessions SET cancel_requested = TRUE, expires_at = LEAST(expires_at, {NOW})
         WHERE id = $1 AND status = 'claimed' AND lease_until > {NOW}"
    );
    let requested = db.execute(&request, &[&id.as_str()]).await?;
    let session = Box::new(by_id(db, id).await?);
    Ok(if requested == 1 { CancelOutcome::Requested(session) } else { CancelOutcome::Ended(session) })
}

async fn expire(db: &Connection, limit: u32) -> Result<u32, Trouble> {
    // What another node is sweeping, or a commit is ending, is left to it.
    let sql = format!(
        "UPDATE sessions SET status = CASE WHEN cancel_requested THEN 'canceled' ELSE 'expired' END,
            ended_at = expires_at, lease_until = NULL
         WHERE id = ANY (ARRAY(SELECT id FROM sessions WHERE ended_at IS NULL AND expires_at <= {NOW}
            AND (status = 'open' OR lease_until <= {NOW}) LIMIT $1 FOR UPDATE SKIP LOCKED))
         RETURNING id"
    );
    let rows = db.all(&sql, &[&i64::from(limit)]).await?;
    let ids: Vec<&str> = rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
    if !ids.is_empty() {
        record_ends(db, &by_ids(db, &ids).await?).await?;
    }
    Ok(u32::try_from(ids.len()).unwrap_or(limit))
}

/// A session that is known to be there.
async fn by_id(db: &Connection, id: &SessionId) -> Result<Session, Trouble> {
    let found = several(db, "s.id = $1", &[&id.as_str()]).await?.into_iter().next();
    Ok(found.ok_or(StoreError::Missing { what: "session" })?)
}

/// Those of these sessions that are there, in any order.
pub(super) async fn by_ids(db: &Connection, ids: &[&str]) -> Result<Vec<Session>, Trouble> {
    several(db, "s.id = ANY ($1)", &[&ids]).await
}

async fn several(db: &Connection, condition: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Session>, Trouble> {
    let sql = format!("SELECT {} FROM sessions s WHERE {condition}", session_columns());
    let rows = db.all(&sql, values).await?;
    Ok(rows.iter().map(session).collect::<Result<_, _>>()?)
}
