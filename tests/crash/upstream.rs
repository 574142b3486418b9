//! Those who survive: the provider, which is the sandbox with a recorder before
//! it, and the merchant's endpoint, on one port of this process, over TLS.

use crate::Outcome;
use crate::ledger::{Issue, Receipt};
use crate::operator::Shop;
use crate::random::Random;
use crate::result::verify;
use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::time::sleep;
use actix_web::web::{Bytes, Data, post};
use actix_web::{App, Error, HttpRequest, HttpResponse, error};
use serde_json::Value;
use standardwebhooks::Webhook;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use vezne::sandbox::certificates::{DevCa, LOOPBACK_NAMES, LeafFiles};
use vezne::sandbox::{Sandbox, SandboxKeys, SandboxMerchant, TOKEN_PATH, routes};
use vezne::server::{Options, ReloadingCertificate, bind, serve, tls_config};

/// For one call of the provider, and for one callback.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// What both have seen, and how they behave.
struct Witness {
    is_steady: bool,
    holds: AtomicBool,
    random: Mutex<Random>,
    issued: Mutex<Vec<Issue>>,
    received: Mutex<Vec<Receipt>>,
    shop: OnceLock<Shop>,
}

/// Running, and what its callers need.
pub struct Upstream {
    address: SocketAddr,
    witness: Data<Witness>,
    pub merchant: SandboxMerchant,
    pub ca_file: PathBuf,
    pub certificate: LeafFiles,
}

impl Upstream {
    /// Starts it with fresh keys and certificates in `folder`. A steady one
    /// answers at once and rightly; any other is slow and fails at random.
    pub fn start(folder: &Path, mut random: Random, is_steady: bool) -> Outcome<Self> {
        let authority = DevCa::open_or_create(folder)?;
        let certificate = authority.issue("server", &LOOPBACK_NAMES)?;
        let merchant = SandboxMerchant::generate()?;
        let sandbox = Data::new(Sandbox::new(&SandboxKeys::generate(vec![merchant.clone()])?)?);
        let witness = Data::new(Witness {
            is_steady,
            holds: AtomicBool::new(false),
            random: Mutex::new(random.fork()),
            issued: Mutex::default(),
            received: Mutex::default(),
            shop: OnceLock::new(),
        });
        let listeners = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])?;
        let address = listeners[0].local_addr()?;
        let tls = tls_config(ReloadingCertificate::load(&certificate.certificate, &certificate.private_key)?)?;
        let options = Options { workers: 1, ..Options::default() };
        let shared = witness.clone();
        let server = serve("upstream", listeners, Some(tls), &options, move || {
            App::new()
                .app_data(sandbox.clone())
                .app_data(shared.clone())
                .configure(routes)
                .route("/callback", post().to(receive))
                .wrap(from_fn(record))
        })?;
        actix_web::rt::spawn(server);
        Ok(Self { address, witness, merchant, ca_file: authority.file(), certificate })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn token_url(&self) -> String {
        format!("https://{}{TOKEN_PATH}", self.address)
    }

    /// Where cardholders return to and callbacks arrive.
    pub fn shop_url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Tells the merchant what it verifies with. Before that it believes nothing.
    pub fn opens(&self, shop: Shop) -> &Shop {
        self.witness.shop.get_or_init(|| shop)
    }

    /// Keeps tokens back that are issued from now on, or lets go of them.
    pub fn hold(&self, holds: bool) {
        self.witness.holds.store(holds, Ordering::Relaxed);
    }

    /// Every token so far.
    pub fn issued(&self) -> Vec<Issue> {
        lock(&self.witness.issued).clone()
    }

    /// Every callback so far.
    pub fn received(&self) -> Vec<Receipt> {
        lock(&self.witness.received).clone()
    }
}

/// Keeps each token before its caller gets it, then takes its time. Some callers
/// are too impatient, and some get an error in its place.
async fn record(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let witness = request.app_data::<Data<Witness>>().cloned().filter(|_| request.path() == TOKEN_PATH);
    let answer = next.call(request).await?;
    let Some(witness) = witness else { return Ok(answer.map_into_boxed_body()) };
    let (request, answer) = answer.into_parts();
    let (head, body) = answer.into_parts();
    let body = to_bytes(body).await.map_err(|error| error::ErrorInternalServerError(error.into()))?;
    if let Some(issue) = issue(&body) {
        lock(&witness.issued).push(issue);
    }
    let (fails, pause) = witness.mood(150);
    sleep(pause).await;
    let answer =
        if fails { HttpResponse::InternalServerError().finish() } else { head.set_body(body).map_into_boxed_body() };
    Ok(ServiceResponse::new(request, answer))
}

/// The token in an answer of the card-token service, if it gives one.
fn issue(body: &[u8]) -> Option<Issue> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    Some(Issue { conversation: text("conversationId")?, token: text("cardToken")? })
}

/// Keeps the callback, then answers it, or does not.
async fn receive(request: HttpRequest, body: Bytes, witness: Data<Witness>) -> Result<HttpResponse, Error> {
    let receipt = witness.shop.get().and_then(|shop| receipt(&request, &body, shop));
    let receipt = receipt.ok_or_else(|| error::ErrorBadRequest("no callback"))?;
    let (fails, pause) = witness.mood(60);
    lock(&witness.received).push(Receipt { is_taken: !fails && pause < PATIENCE, ..receipt });
    sleep(pause).await;
    if !fails {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(match lock(&witness.random).below(3) {
        0 => HttpResponse::InternalServerError().finish(),
        1 => HttpResponse::Found().insert_header(("location", "/elsewhere")).finish(),
        // The connection ends in the middle of an answer.
        _ => HttpResponse::Ok().streaming(futures_util::stream::once(async {
            Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
        })),
    })
}

fn receipt(request: &HttpRequest, body: &[u8], shop: &Shop) -> Option<Receipt> {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, http::HeaderValue::from_bytes(request.headers().get(name)?.as_bytes()).ok()?);
    }
    let event: Value = serde_json::from_slice(body).ok()?;
    let result = &event["data"];
    let text = |name: &str| result[name].as_str().map(str::to_owned);
    let is_right = Webhook::new(&shop.webhook_secret).ok()?.verify(body, &headers).is_ok();
    let status = text("status")?;
    Some(Receipt {
        event: headers["webhook-id"].to_str().ok()?.to_owned(),
        session: text("session")?,
        is_genuine: is_right && event["type"] == format!("session.{status}") && verify(result, &shop.signing_secret),
        status,
        token: text("cardToken"),
        is_taken: false,
    })
}

impl Witness {
    /// Whether to fail, and how long to take: mostly up to so many milliseconds,
    /// now and then longer than anybody waits.
    fn mood(&self, usual_ms: u64) -> (bool, Duration) {
        if self.is_steady {
            return (false, Duration::ZERO);
        }
        let mut random = lock(&self.random);
        let fails = random.percent(15);
        let longest = Duration::from_millis(200) + PATIENCE;
        let pause = if random.percent(3) { longest } else { Duration::from_millis(random.below(usual_ms)) };
        (fails, pause)
    }
}

/// Nothing here can be left half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
