//! What both servers talk to: the sandbox's card-token service, and a receiver
//! of callbacks, on a thread of this process.

use crate::Outcome;
use actix_web::{App, HttpResponse, web};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vezne::sandbox::certificates::{DevCa, LOOPBACK_NAMES, LeafFiles};
use vezne::sandbox::{Sandbox, SandboxKeys, SandboxMerchant, TOKEN_PATH, routes};
use vezne::server::{Options, ReloadingCertificate, bind, serve, tls_config};

/// A running upstream and what its callers need.
pub struct Upstream {
    address: SocketAddr,
    callbacks: Arc<AtomicUsize>,
    /// Who may call the card-token service.
    pub merchant: SandboxMerchant,
    /// The authority of every certificate in a run.
    pub ca_file: PathBuf,
    /// An ECDSA P-256 certificate for loopback, which all servers show.
    pub certificate: LeafFiles,
}

impl Upstream {
    /// Starts it with fresh keys and certificates in `folder`.
    pub fn start(folder: &Path) -> Outcome<Self> {
        let authority = DevCa::open_or_create(folder)?;
        let certificate = authority.issue("server", &LOOPBACK_NAMES)?;
        let merchant = SandboxMerchant::generate()?;
        let sandbox = web::Data::new(Sandbox::new(&SandboxKeys::generate(vec![merchant.clone()])?)?);
        let callbacks = Arc::new(AtomicUsize::new(0));
        let counter = web::Data::from(Arc::clone(&callbacks));
        let listeners = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])?;
        let address = listeners[0].local_addr()?;
        let tls = tls_config(ReloadingCertificate::load(&certificate.certificate, &certificate.private_key)?)?;
        let options = Options { workers: 1, ..Options::default() };
        let server = serve("upstream", listeners, Some(tls), &options, move || {
            App::new()
                .app_data(sandbox.clone())
                .app_data(counter.clone())
                .configure(routes)
                .route("/callback", web::post().to(callback))
        })?;
        actix_rt::spawn(server);
        Ok(Self { address, callbacks, merchant, ca_file: authority.file(), certificate })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn token_url(&self) -> String {
        format!("https://{}{TOKEN_PATH}", self.address)
    }

    /// Where cardholders return to and callbacks arrive.
    pub fn shop_url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Callbacks that have arrived so far.
    pub fn callbacks(&self) -> usize {
        self.callbacks.load(Ordering::Relaxed)
    }
}

async fn callback(arrived: web::Data<AtomicUsize>, _body: web::Bytes) -> HttpResponse {
    arrived.fetch_add(1, Ordering::Relaxed);
    HttpResponse::NoContent().finish()
}
