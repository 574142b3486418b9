//! The card-token service and the merchant's callback endpoint, in this
//! process, on one port over TLS. What a call meets is set for its card.

use crate::Outcome;
use crate::behaviour::{Behaviour, http};
use crate::calls::{Call, Received, read_body, read_head};
use crate::cards::Card;
use crate::client::CHACHA20;
use rustix::net::sockopt::set_socket_linger;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::TLS13;
use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vezne::sandbox::certificates::{DevCa, LOOPBACK_NAMES, LeafFiles};
use vezne::sandbox::signature::{SignedCall, SigningKey};
use vezne::sandbox::{SandboxMerchant, TOKEN_PATH};
use vezne::server::ReloadingCertificate;

/// A running upstream and what its callers need.
pub struct Upstream {
    address: SocketAddr,
    state: watch::Sender<State>,
    pub merchant: SandboxMerchant,
    pub ca_file: PathBuf,
    pub certificate: LeafFiles,
}

/// What the upstream knows.
#[derive(Default)]
pub struct State {
    behaviours: HashMap<String, Behaviour>,
    hangs_up: bool,
    /// Cards whose calls are not held any more.
    released: HashSet<String>,
    /// Cards that arrived.
    received: HashSet<String>,
    /// Requests between their first byte and their answer's last.
    busy: usize,
    /// Calls that wait for others.
    together: usize,
    /// Everything that callbacks brought.
    pub callbacks: Vec<u8>,
    /// What a correct client would not have sent.
    pub faults: Vec<String>,
}

impl Upstream {
    /// Starts it with fresh keys and certificates in `folder`, on a thread of its own.
    pub fn start(folder: &Path) -> Outcome<Self> {
        let authority = DevCa::open_or_create(folder)?;
        let certificate = authority.issue("server", &LOOPBACK_NAMES)?;
        let merchant = SandboxMerchant::generate()?;
        let provider = CryptoProvider { cipher_suites: CHACHA20.to_vec(), ..default_provider() };
        let tls = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(ReloadingCertificate::load(&certificate.certificate, &certificate.private_key)?);
        let key = SigningKey::from_base64(&merchant.secret_key).ok_or("a generated key is no key")?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (state, _) = watch::channel(State::default());
        let service = Arc::new(Service { key, state: state.clone(), tls: TlsAcceptor::from(Arc::new(tls)) });
        std::thread::spawn(move || serve(listener, &service));
        Ok(Self { address, state, merchant, ca_file: authority.file(), certificate })
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

    /// How calls with these cards are met.
    pub fn prepare(&self, behaviours: HashMap<String, Behaviour>) {
        self.state.send_modify(|state| {
            state.hangs_up = behaviours.values().any(|behaviour| matches!(behaviour, Behaviour::DropUnread));
            state.behaviours.extend(behaviours);
            state.together = 0;
        });
    }

    /// Lets go of calls that are held, and holds no more with these cards.
    pub fn release<'a>(&self, numbers: impl Iterator<Item = &'a str>) {
        self.state.send_modify(|state| state.released.extend(numbers.map(str::to_owned)));
    }

    /// Resolves once a call with this card is there.
    pub async fn received(&self, number: &str) -> Outcome<()> {
        self.until("a call", |state| state.received.contains(number)).await
    }

    /// Resolves once a call with each of these cards is there.
    pub async fn all_received(&self, cards: &[Card]) -> Outcome<()> {
        for card in cards {
            self.received(&card.number).await?;
        }
        Ok(())
    }

    /// Resolves once nobody is being served.
    pub async fn idle(&self) -> Outcome<()> {
        self.until("the end of all calls", |state| state.busy == 0).await
    }

    /// What callbacks brought and what was wrong since the last look.
    pub fn take_log(&self) -> (Vec<u8>, Vec<String>) {
        let mut log = Default::default();
        self.state.send_modify(|state| log = (std::mem::take(&mut state.callbacks), std::mem::take(&mut state.faults)));
        log
    }

    async fn until(&self, what: &str, is_so: impl Fn(&State) -> bool) -> Outcome<()> {
        let mut state = self.state.subscribe();
        let waited = timeout(crate::client::PATIENCE, state.wait_for(|state| is_so(state))).await;
        waited.map_err(|_| format!("waited in vain for {what}"))??;
        Ok(())
    }
}

struct Service {
    key: SigningKey,
    state: watch::Sender<State>,
    tls: TlsAcceptor,
}

fn serve(listener: std::net::TcpListener, service: &Arc<Service>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a listener");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let service = Arc::clone(service);
            tokio::spawn(async move { service.connection(stream).await });
        }
    });
}

impl Service {
    /// Serves a connection until either side ends it.
    async fn connection(&self, stream: TcpStream) -> Option<()> {
        let mut stream = self.tls.accept(stream).await.ok()?;
        let mut buffer = Vec::new();
        loop {
            let head = read_head(&mut stream, &mut buffer).await?;
            let _busy = Busy::begin(&self.state);
            if self.state.borrow().hangs_up && head.contains(TOKEN_PATH) {
                return reset(&stream);
            }
            let received = read_body(&mut stream, &mut buffer, head).await?;
            let answer = self.answer(&mut stream, received).await?;
            stream.write_all(&answer).await.ok()?;
            stream.flush().await.ok()?;
        }
    }

    /// The answer to a request, or nothing when the connection ends instead.
    async fn answer(&self, stream: &mut TlsStream<TcpStream>, received: Received) -> Option<Vec<u8>> {
        if !received.head.contains(TOKEN_PATH) {
            let whole = [received.head.into_bytes(), received.body].concat();
            self.state.send_modify(|state| state.callbacks.extend_from_slice(&whole));
            return Some(http("200 OK", "", b""));
        }
        let Some(call) = Call::read(received).filter(|call| self.key.verify(&SignedCall::from(call), &call.signature))
        else {
            self.state.send_modify(|state| state.faults.push("a call without a right signature".to_owned()));
            return Some(http("400 Bad Request", "", b""));
        };
        let behaviour = self.state.borrow().behaviours.get(&call.number).copied().unwrap_or(Behaviour::Succeed);
        let mut place = 0;
        self.state.send_modify(|state| {
            state.received.insert(call.number.clone());
            state.together += usize::from(matches!(behaviour, Behaviour::Together(_)));
            place = state.together;
        });
        match behaviour {
            Behaviour::Drop => reset(stream)?,
            Behaviour::Silent => self.wait(stream, |_| false).await?,
            Behaviour::Hold => self.wait(stream, |state| state.released.contains(&call.number)).await?,
            Behaviour::Together(count) => {
                self.wait(stream, |state| state.together >= place.next_multiple_of(count)).await?;
            }
            _ => {}
        }
        let answer = behaviour.answer(&call);
        if matches!(behaviour, Behaviour::Cut) {
            stream.write_all(&answer).await.ok()?;
            return None;
        }
        Some(answer)
    }

    /// Resolves once it is so, or with nothing once the caller is gone.
    async fn wait(&self, stream: &mut TlsStream<TcpStream>, is_so: impl Fn(&State) -> bool) -> Option<()> {
        let mut state = self.state.subscribe();
        tokio::select! {
            _ = stream.read_u8() => None,
            _ = state.wait_for(|state| is_so(state)) => Some(()),
        }
    }
}

/// Resets the connection when it is dropped; always nothing, for `?`.
fn reset(stream: &TlsStream<TcpStream>) -> Option<()> {
    set_socket_linger(stream.get_ref().0, Some(Duration::ZERO)).ok().and(None)
}

/// One request being served.
struct Busy<'a>(&'a watch::Sender<State>);

impl<'a> Busy<'a> {
    fn begin(state: &'a watch::Sender<State>) -> Self {
        state.send_modify(|state| state.busy += 1);
        Self(state)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.busy -= 1);
    }
}
