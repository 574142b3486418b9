//! The payment provider: the sandbox's service, in this process, over TLS.

use super::scene::Running;
use actix_web::App;
use actix_web::web::Data;
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use std::net::SocketAddr;
use std::time::Duration;
use vezne::sandbox::cardwall::CardWall;
use vezne::sandbox::certificates::LeafFiles;
use vezne::sandbox::{self, Sandbox, SandboxKeys, SandboxMerchant, TOKEN_PATH};
use vezne::server::{self, Options, ReloadingCertificate};

/// The provider and what it knows.
pub struct Provider {
    pub merchant: SandboxMerchant,
    /// A second merchant, which the service under test knows nothing of.
    pub other_merchant: SandboxMerchant,
    sandbox: Data<Sandbox>,
    token_key: Vec<u8>,
    address: SocketAddr,
    _server: Running,
}

impl Provider {
    pub fn start(files: &LeafFiles, stall: Duration) -> Self {
        let merchant = SandboxMerchant::generate().unwrap();
        let other_merchant = SandboxMerchant::generate().unwrap();
        let keys = SandboxKeys::generate(vec![merchant.clone(), other_merchant.clone()]).unwrap();
        let token_key = serde_json::to_value(&keys).unwrap()["tokenKey"].as_str().unwrap().to_owned();
        let sandbox = Data::new(Sandbox::new(&keys).unwrap().with_stall(stall).with_returning_customer());
        let listeners = server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let tls = server::tls_config(ReloadingCertificate::load(&files.certificate, &files.private_key).unwrap());
        let shared = sandbox.clone();
        let server = Running::start(move || {
            let options = Options { workers: 1, shutdown_timeout: Duration::from_secs(1), ..Options::default() };
            server::serve("sandbox", listeners, Some(tls.unwrap()), &options, move || {
                App::new().app_data(shared.clone()).configure(sandbox::routes)
            })
        });
        let token_key = BASE64.decode(token_key.as_bytes()).unwrap();
        Self { merchant, other_merchant, sandbox, token_key, address, _server: server }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("{}{TOKEN_PATH}", self.base_url())
    }

    pub fn base_url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// The saved cards.
    pub fn cardwall(&self) -> &CardWall {
        self.sandbox.cardwall()
    }

    /// How many calls came.
    pub fn calls(&self) -> u64 {
        self.sandbox.journal().total()
    }

    /// How the calls ended, oldest first.
    pub fn outcomes(&self) -> Vec<&'static str> {
        self.sandbox.journal().calls().iter().rev().map(|call| call.outcome).collect()
    }

    /// The conversation ids of the calls, oldest first.
    pub fn conversations(&self) -> Vec<String> {
        self.sandbox.journal().calls().iter().rev().map(|call| call.conversation_id.clone()).collect()
    }

    /// The token of a card, computed here from the published rule.
    pub fn token_of(&self, number: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.token_key);
        let text = format!("{}\0{number}", self.merchant.merchant_number);
        BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
    }
}
