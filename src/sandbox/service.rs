//! The emulated card-token service: one call in, one answer out.

use super::answer::{self, Call};
use super::cardwall::CardWall;
use super::check::{self, Refusal};
use super::form::{Field, Form, FormError};
use super::journal::{self, Journal};
use super::magic::{self, Behaviour};
use super::merchant::{KnownMerchant, SandboxKeys};
use super::recent::RecentSet;
use actix_multipart::Multipart;
use actix_web::{HttpResponse, web};
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use jiff::Timestamp;
use std::io::{Result, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where merchants' calls go.
pub const TOKEN_PATH: &str = "/card/token";
/// Signatures and conversations remembered.
const REMEMBERED: usize = 65_536;

/// One emulated service and all it remembers. Share it with [`web::Data`].
pub struct Sandbox {
    merchants: Vec<KnownMerchant>,
    token_key: hmac::Key,
    stall: Duration,
    log_json: bool,
    journal: Mutex<Journal>,
    signatures: Mutex<RecentSet<String>>,
    stale: Mutex<RecentSet<String>>,
    cardwall: CardWall,
}

impl Sandbox {
    /// A service that answers these merchants.
    ///
    /// # Errors
    /// When a key is not base64.
    pub fn new(keys: &SandboxKeys) -> Result<Self> {
        Ok(Self {
            merchants: keys.merchants().iter().map(KnownMerchant::new).collect::<Result<_>>()?,
            token_key: keys.token_key()?,
            stall: Duration::from_secs(30),
            log_json: false,
            journal: Mutex::default(),
            signatures: Mutex::new(RecentSet::new(REMEMBERED)),
            stale: Mutex::new(RecentSet::new(REMEMBERED)),
            cardwall: CardWall::new(keys.merchants(), keys.token_key()?),
        })
    }

    /// Has two saved cards, one of them expired, for each merchant's customer
    /// [`RETURNING_CUSTOMER`](super::cardwall::RETURNING_CUSTOMER).
    #[must_use]
    pub fn with_returning_customer(self) -> Self {
        self.cardwall.welcome_back();
        self
    }

    /// The saved cards.
    pub fn cardwall(&self) -> &CardWall {
        &self.cardwall
    }

    /// How long what stalls takes.
    pub(super) fn stall(&self) -> Duration {
        self.stall
    }

    /// Makes the stalling card wait this long instead of 30 seconds.
    #[must_use]
    pub fn with_stall(self, stall: Duration) -> Self {
        Self { stall, ..self }
    }

    /// Writes one JSON line a call to standard output.
    #[must_use]
    pub fn with_json_log(self, log_json: bool) -> Self {
        Self { log_json, ..self }
    }

    /// What happened so far.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    pub(super) fn record(&self, form: Option<&Form>, outcome: &'static str, error_code: Option<&'static str>) {
        let text = |field| form.and_then(|form| form.text(field).ok()).map(journal::kept_text).unwrap_or_default();
        self.note(journal::Call {
            at: Timestamp::now(),
            conversation_id: text(Field::ConversationId),
            merchant_number: text(Field::MerchantNumber),
            outcome,
            error_code,
        });
    }

    /// Keeps a call, and writes its line.
    pub(super) fn note(&self, call: journal::Call) {
        if self.log_json
            && let Ok(line) = serde_json::to_string(&call)
        {
            writeln!(std::io::stdout(), "{line}").ok();
        }
        self.journal().record(call);
    }

    /// Checks a form, remembers its signature, and finds what its card does.
    fn judge<'a>(&'a self, form: &'a Form, now: Timestamp) -> std::result::Result<Call<'a>, Refusal> {
        let authentic = check::authenticate(form, &self.merchants, now)?;
        if !lock(&self.signatures).insert(authentic.signature.to_owned()) {
            return Err(Refusal::new("9004", "signature was already used"));
        }
        let pan = check::card(form, now)?;
        let behaviour = match magic::behaviour(pan.expose_digits()) {
            Behaviour::StaleOnce if !self.is_first_call(&authentic) => Behaviour::Succeed,
            behaviour => behaviour,
        };
        let token = self.token(authentic.merchant, pan.expose_digits());
        let check::Authentic { signature, conversation_id, .. } = authentic;
        Ok(Call { signature, conversation_id, pan, token, behaviour })
    }

    fn is_first_call(&self, call: &check::Authentic<'_>) -> bool {
        lock(&self.stale).insert([&call.merchant.number, "\0", call.conversation_id].concat())
    }

    /// One way, and the same for the same card and merchant.
    fn token(&self, merchant: &KnownMerchant, digits: &[u8]) -> String {
        let mut token = hmac::Context::with_key(&self.token_key);
        token.update(merchant.number.as_bytes());
        token.update(&[0]);
        token.update(digits);
        BASE64.encode(token.sign().as_ref())
    }
}

/// `POST /card/token`
pub(super) async fn card_token(sandbox: web::Data<Sandbox>, body: Multipart) -> HttpResponse {
    let form = match Form::read(body).await {
        Ok(form) => form,
        Err(error) => {
            sandbox.record(None, "rejected", Some("9001"));
            return answer::unreadable(error == FormError::TooLarge, &Refusal::from(error));
        }
    };
    match sandbox.judge(&form, Timestamp::now()) {
        Ok(call) => {
            sandbox.record(Some(&form), call.behaviour.name(), answer::error_code(call.behaviour));
            if call.behaviour == Behaviour::Stall {
                tokio::time::sleep(sandbox.stall).await;
            }
            answer::to_call(&call)
        }
        Err(refusal) => {
            sandbox.record(Some(&form), "rejected", Some(refusal.code));
            answer::refused(form.text(Field::Signature).ok(), form.text(Field::ConversationId).ok(), &refusal)
        }
    }
}

/// The sandbox's memory holds nothing that a panic could leave half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
