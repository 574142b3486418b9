//! Claims the session, sends the card, commits the outcome. Runs to its end
//! even when the cardholder's connection is gone: what the provider answered is
//! not thrown away.

use crate::card::Card;
use crate::failpoint::{self, Point};
use crate::handoff::CARD_TOKEN_FIELD;
use crate::hardening::SealContext;
use crate::hardening::registers::cleared;
use crate::hardening::stack;
use crate::id::RequestId;
use crate::provider::{
    CardToken, CardTokenizer, Credentials, Gate, Pass, ProviderError, ProviderMessage, TokenizeCall, read_credentials,
};
use crate::session::{Claimed, Completion, Release, Session};
use crate::store::{ClaimOutcome, CommitOutcome, SecretKind, StoreError};
use crate::window::{Providers, Window};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep};

/// How long an outcome is offered to a store that does not take it: the margin
/// that the claim's lease has for it.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);
/// Pause between the offers.
const COMMIT_PAUSE: Duration = Duration::from_millis(200);

/// What became of a submitted card.
pub(super) enum Forwarded {
    /// The session has ended: with a token, by this refusal, or before.
    Ended(Box<Session>),
    /// Somebody else's submit is under way, or ours came too late.
    Busy,
    /// The provider refused; the session is open for another card.
    Declined(Box<Session>, Option<ProviderMessage>),
    /// The provider could not be asked, or is not believed; the session is open again.
    TryAgain(Box<Session>),
}

/// Why a card could not be forwarded: ours or the operator's.
#[derive(Debug, Error)]
pub(super) enum ForwardError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("mode {0} is not served by this process")]
    ModeNotServed(&'static str),
    #[error("the merchant has no provider credentials")]
    NoCredentials,
    #[error("the provider credentials do not open: {0}")]
    Sealed(String),
    #[error("the task that forwarded the card ended early")]
    Interrupted,
}

/// Forwards one card of one session.
pub(super) async fn forward(
    window: Arc<Window>,
    providers: Providers,
    session: Session,
    card: Card,
    request: RequestId,
) -> Result<Forwarded, ForwardError> {
    let in_flight = (window.in_flight.one_more(), window.metrics.cards_present.one_more());
    let work = actix_rt::spawn(cleared(async move {
        let _in_flight = in_flight;
        // The browser's connection, whose end does the same, may be gone by then.
        let _scrubbed = stack::ScrubOnDrop;
        #[cfg(feature = "sandbox")]
        super::panics::in_task(&card);
        claim_and_send(&window, &providers, &session, card, &request).await
    }));
    work.await.map_err(|_| ForwardError::Interrupted)?
}

async fn claim_and_send(
    window: &Window,
    providers: &Providers,
    session: &Session,
    card: Card,
    request: &RequestId,
) -> Result<Forwarded, ForwardError> {
    let not_served = ForwardError::ModeNotServed(session.mode.name());
    let (Some(provider), Some(lease)) = (providers.of(session.mode), window.leases.of(session.mode)) else {
        return Err(not_served);
    };
    let credentials = credentials(window, session).await?;
    let (claim, pass) = match claim(window, session, lease).await? {
        Ok(granted) => granted,
        Err(forwarded) => return Ok(forwarded),
    };
    failpoint::reach(Point::AfterClaim);
    let has_left = Cell::new(false);
    let start = Instant::now();
    let answer = tokio::select! {
        answer = send(&provider, &credentials, &claim, &card, &has_left) => answer,
        () = window.in_flight.given_up() => {
            drop(card);
            return give_up(window, claim, has_left.get()).await;
        }
    };
    failpoint::reach(Point::AfterProvider);
    window.metrics.provider_seconds.took([session.mode.name()], start.elapsed());
    let summary = card.summary();
    drop(card);
    settle(window, &claim, request, pass, answer.as_ref().err());
    let forwarded = match answer {
        Ok(token) => complete(window, claim, &token, summary).await,
        Err(error) => release(window, claim, error).await,
    };
    failpoint::reach(Point::AfterCommit);
    forwarded
}

/// The claim and the breaker's pass, or what becomes of the card without them.
async fn claim(
    window: &Window,
    session: &Session,
    lease: Duration,
) -> Result<Result<(Claimed, Option<Pass>), Forwarded>, ForwardError> {
    // The breaker comes first: a card that is not sent costs its session nothing.
    let pass = match window.gates.of(session.mode).map(Gate::pass) {
        Some(None) => return Ok(Err(Forwarded::TryAgain(Box::new(session.clone())))),
        Some(pass) => pass,
        None => None,
    };
    Ok(match window.store.claim(session.id.clone(), lease).await? {
        ClaimOutcome::Claimed(claim) => Ok((*claim, pass)),
        ClaimOutcome::Busy => Err(Forwarded::Busy),
        ClaimOutcome::Ended(session) => Err(Forwarded::Ended(session)),
    })
}

/// Tells the log, the metrics and the breaker what the provider answered.
fn settle(window: &Window, claim: &Claimed, request: &RequestId, pass: Option<Pass>, error: Option<&ProviderError>) {
    let outcome = error.map_or("token", ProviderError::name);
    window.metrics.provider_calls.one([claim.session().mode.name(), outcome]);
    if let Some(pass) = pass {
        pass.settle(error);
    }
    log(claim, request, error);
}

/// The process ends before the provider has answered. A card that has not left
/// leaves its session open. One that has is with the provider: only the end of
/// the lease makes sure that no second one is sent beside it.
async fn give_up(window: &Window, claim: Claimed, has_left: bool) -> Result<Forwarded, ForwardError> {
    let session = claim.id().as_str();
    if has_left {
        tracing::warn!(session, "stopped while the provider has a card: the session waits for the end of its lease");
        return Ok(Forwarded::Busy);
    }
    tracing::info!(session, "stopped before the card left: the session is open again");
    Ok(match window.store.release(&claim, &Release::Unharmed).await? {
        CommitOutcome::Committed(session) => Forwarded::TryAgain(session),
        CommitOutcome::Late => Forwarded::Busy,
    })
}

async fn send(
    provider: &Rc<dyn CardTokenizer>,
    credentials: &Credentials,
    claim: &Claimed,
    card: &Card,
    has_left: &Cell<bool>,
) -> Result<CardToken, ProviderError> {
    let conversation_id = &claim.session().conversation_id;
    provider.tokenize(TokenizeCall { card, credentials, conversation_id, attempt: claim.fence(), has_left }).await
}

async fn complete(
    window: &Window,
    claim: Claimed,
    token: &CardToken,
    card: crate::card::CardSummary,
) -> Result<Forwarded, ForwardError> {
    let context = SealContext { record: claim.id().as_str(), field: CARD_TOKEN_FIELD };
    let card_token =
        window.sealer.seal(context, token.expose()).map_err(|error| ForwardError::Sealed(error.to_string()))?;
    let completion = Completion { card_token, card };
    Ok(match insist(|| window.store.complete(&claim, &completion)).await? {
        CommitOutcome::Committed(session) => ended(window, session),
        CommitOutcome::Late => late(window, claim.id()),
    })
}

async fn release(window: &Window, claim: Claimed, error: ProviderError) -> Result<Forwarded, ForwardError> {
    let (release, message) = match error {
        ProviderError::Refused { code, message } => (Release::Refused { provider_code: code }, Some(message)),
        _ => (Release::Unharmed, None),
    };
    let session = match insist(|| window.store.release(&claim, &release)).await? {
        CommitOutcome::Committed(session) => session,
        CommitOutcome::Late => return Ok(late(window, claim.id())),
    };
    if session.status.has_ended() {
        return Ok(ended(window, session));
    }
    Ok(match message {
        Some(message) => Forwarded::Declined(session, message),
        None => Forwarded::TryAgain(session),
    })
}

/// Commits again while the store is busy or away: what the provider answered
/// is worth waiting for, and the fencing number makes a repetition harmless.
async fn insist<F>(commit: impl Fn() -> F) -> Result<CommitOutcome, StoreError>
where
    F: Future<Output = Result<CommitOutcome, StoreError>>,
{
    let end = Instant::now() + COMMIT_PATIENCE;
    loop {
        match commit().await {
            Err(StoreError::Unavailable(error)) if Instant::now() < end => {
                tracing::warn!(error, "an outcome is not committed yet; trying again");
                sleep(COMMIT_PAUSE).await;
            }
            settled => return settled,
        }
    }
}

fn ended(window: &Window, session: Box<Session>) -> Forwarded {
    window.metrics.sessions_ended.one([session.status.name()]);
    window.callback_wake.notify_one();
    Forwarded::Ended(session)
}

/// Our lease ran out before the commit. Whoever claims next gets the session;
/// a token that we were given is dropped, and the store has counted it.
fn late(window: &Window, id: &crate::id::SessionId) -> Forwarded {
    window.metrics.late_outcomes.inc();
    tracing::error!(session = id.as_str(), "an outcome came after its lease and was dropped");
    Forwarded::Busy
}

/// The merchant's keys at the provider, opened for this call.
async fn credentials(window: &Window, session: &Session) -> Result<Credentials, ForwardError> {
    let kind = SecretKind::provider(session.mode);
    let records = window.store.secrets(session.merchant.clone(), kind).await?;
    let record = records.first().ok_or(ForwardError::NoCredentials)?;
    let context = SealContext { record: record.id.as_str(), field: kind.name() };
    let opened =
        window.sealer.open(context, &record.sealed).map_err(|error| ForwardError::Sealed(error.to_string()))?;
    read_credentials(&opened).map_err(|error| ForwardError::Sealed(error.to_string()))
}

fn log(claim: &Claimed, request: &RequestId, error: Option<&ProviderError>) {
    let (session, request_id, fence) = (claim.id().as_str(), request.as_str(), claim.fence());
    match error {
        None => tracing::info!(session, request_id, fence, outcome = "token", "provider answered"),
        Some(error @ ProviderError::Refused { code, .. }) => {
            tracing::info!(session, request_id, fence, outcome = error.name(), code, "provider refused the card");
        }
        Some(error @ ProviderError::Configuration { code }) => {
            tracing::error!(session, request_id, fence, outcome = error.name(), code, "provider refused the merchant");
        }
        Some(error) => {
            tracing::warn!(session, request_id, fence, outcome = error.name(), error = %error, "provider call failed");
        }
    }
}
