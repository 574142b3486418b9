//! One call, once: the same call with the same key within 24 hours is not made
//! again, and answered as the first time.
//!
//! A key is taken for a call with a lease, in a transaction of its own, before the
//! call is run; the answer is stored after it. A process that dies between them
//! leaves the key interrupted: who asks again runs the call again, under the same
//! [`Names`], so that what the first run has made is found and not made twice.

mod kept;
mod key;
mod names;

pub use key::IdempotencyKey;
pub use names::Names;

use super::answer::Answer;
use super::caller::Caller;
use super::problems;
use crate::error::{IDEMPOTENCY_IN_FLIGHT, IDEMPOTENCY_MISMATCH, IDEMPOTENCY_NOT_KEPT, Problem};
use crate::hardening::{Mac, MasterKeyError, MasterKeys, SealContext, Sealed, SecretText};
use crate::store::{KnownUse, NewUse, SharedStore, UseBegun, UseEnd, UseId, UseState};
use crate::window::Window;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest};
use data_encoding::HEXLOWER;
use kept::Kept;
use std::time::Duration;

/// How long a key is kept.
const LIFE: Duration = Duration::from_hours(24);
/// Longer than a call's operations on the store can take, and short for a caller
/// who waits for the call of a process that has died.
const LEASE: Duration = Duration::from_secs(30);
/// What a caller waits for a call in flight, which takes milliseconds.
const RETRY_AFTER_SECONDS: u64 = 1;
/// Keys that one sweep forgets.
const BATCH: u32 = 500;

const NAMES_FIELD: &str = "idempotency_names";
const ANSWER_FIELD: &str = "idempotency_answer";

/// What a call may do about its key.
pub enum Begun {
    /// Run.
    Mine(Once),
    /// Nothing more: this was the answer.
    Answered(Kept),
}

/// A call that is run under a key.
pub struct Once {
    window: Data<Window>,
    id: UseId,
    fence: u32,
    names: Names,
}

/// Keys for the hashes of calls.
///
/// # Errors
/// [`MasterKeyError`].
pub fn call_mac(keys: &MasterKeys) -> Result<Mac, MasterKeyError> {
    keys.mac(b"idempotent calls")
}

/// Forgets keys whose 24 hours are over, a batch of them.
pub async fn forget_old_keys(store: &SharedStore) {
    if let Err(error) = store.prune_uses(BATCH).await {
        tracing::error!(error = %error, "old idempotency keys stay");
    }
}

/// Takes a key for a call, or tells how the call under it was answered.
///
/// # Errors
/// A problem: another call has this key, or the same one is not over.
pub async fn begin(
    window: &Data<Window>,
    caller: &Caller,
    key: IdempotencyKey,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Begun, Problem> {
    let id = UseId { merchant: caller.merchant.id.clone(), mode: caller.mode, key: key.0 };
    let message = [request.method().as_str().as_bytes(), b" ", request.path().as_bytes(), b"\n", body].concat();
    let (names, text) = Names::generate();
    let new = NewUse {
        mac: window.calls.sign(&message).as_ref().to_vec(),
        mac_key: window.calls.current().to_string(),
        names: seal(window, &id, NAMES_FIELD, &text)?,
        lease: LEASE,
        life: LIFE,
        id: id.clone(),
    };
    match window.store.begin_use(new).await? {
        UseBegun::First => Ok(Begun::Mine(Once { window: window.clone(), id, fence: 1, names })),
        UseBegun::Known(known) => again(window, id, *known, &message).await,
    }
}

/// The key was used before.
async fn again(window: &Data<Window>, id: UseId, known: KnownUse, message: &[u8]) -> Result<Begun, Problem> {
    let lost = |detail: &str| Problem::new(&IDEMPOTENCY_NOT_KEPT).detail(detail);
    if !window.calls.knows(&known.mac_key) {
        return Err(lost("the service's master key was replaced since"));
    }
    if !window.calls.verifies(message, &known.mac) {
        return Err(Problem::new(&IDEMPOTENCY_MISMATCH));
    }
    match known.state {
        UseState::Running => Err(in_flight()),
        UseState::Answered(None) => Err(lost("the answer is one that is not kept")),
        UseState::Answered(Some(answer)) => {
            let kept = open(window, &id, ANSWER_FIELD, &answer).and_then(|text| Kept::read(&text));
            kept.map(Begun::Answered).ok_or_else(|| lost("the service's master key was replaced since"))
        }
        UseState::Interrupted => {
            let names = open(window, &id, NAMES_FIELD, &known.names).and_then(|text| Names::read(&text));
            let names = names.ok_or_else(|| lost("the service's master key was replaced since"))?;
            let fence = window.store.resume_use(id.clone(), known.fence, LEASE).await?.ok_or_else(in_flight)?;
            Ok(Begun::Mine(Once { window: window.clone(), id, fence, names }))
        }
    }
}

fn in_flight() -> Problem {
    Problem::new(&IDEMPOTENCY_IN_FLIGHT).retry_after(RETRY_AFTER_SECONDS)
}

impl Once {
    /// The names for what the call makes.
    pub fn names(&self) -> Names {
        self.names.clone()
    }

    /// Keeps the answer for who asks again, or sets the key free.
    ///
    /// What cannot be written stays in flight until the end of its lease: then the
    /// call may be run again.
    pub async fn end(self, request: &HttpRequest, answered: &Result<Answer, Error>) {
        let end = self.how(request, answered);
        if let Err(error) = self.window.store.end_use(self.id, self.fence, end).await {
            tracing::error!(error = %error, "an idempotency key stays in flight");
        }
    }

    fn how(&self, request: &HttpRequest, answered: &Result<Answer, Error>) -> UseEnd {
        let kept = match answered {
            Ok(answer) => Kept::of_answer(answer),
            Err(error) => match error.as_error::<Problem>().filter(|problem| problem.is_final()) {
                Some(problem) => Some(Kept::of_problem(problem, problems::body(problem, request))),
                None if error.as_response_error().status_code().is_server_error() => return UseEnd::Unclear,
                None => return UseEnd::Undone,
            },
        };
        let text = kept.and_then(|kept| kept.to_text());
        match text.map(|text| seal(&self.window, &self.id, ANSWER_FIELD, &text)) {
            Some(Ok(sealed)) => UseEnd::Answered(Some(sealed)),
            Some(Err(_)) | None => UseEnd::Answered(None),
        }
    }
}

fn seal(window: &Window, id: &UseId, field: &str, text: &SecretText) -> Result<Sealed, Problem> {
    window.sealer.seal(SealContext { record: &record(id), field }, text.expose()).map_err(Problem::ours)
}

fn open(window: &Window, id: &UseId, field: &str, sealed: &Sealed) -> Option<SecretText> {
    window.sealer.open(SealContext { record: &record(id), field }, sealed).ok()
}

/// What a row of a key is called where it is sealed to.
fn record(id: &UseId) -> String {
    format!("{} {} {}", id.merchant, id.mode.name(), HEXLOWER.encode(id.key.as_bytes()))
}
