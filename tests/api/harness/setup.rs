//! Everybody around the service, put in place before it starts.

use super::app::{Shop, TestApp};
use super::client::Client;
use super::log::install_log;
use super::merchant::{MerchantEndpoint, PUBLIC_NAME};
use super::sandbox::Provider;
use super::scene::{PATIENCE, TempDir};
use super::service::Launch;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;
use vezne::cli::merchant::Admin;
use vezne::config::{Config, Environment};
use vezne::hardening::{MasterKey, SecretText, key_file};
use vezne::merchant::Mode;
use vezne::sandbox::certificates::{DevCa, LOOPBACK_NAMES, LeafFiles};

/// Settings that differ from the harness's own.
#[derive(Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    stall: Option<Duration>,
    is_process: bool,
}

impl Setup {
    /// One key of the configuration, such as `limits.page_per_minute`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// How long the provider takes for the stalling card.
    pub fn stall(self, stall: Duration) -> Self {
        Self { stall: Some(stall), ..self }
    }

    /// The service is `vezne serve` in a process of its own.
    pub fn in_a_process(self) -> Self {
        Self { is_process: true, ..self }
    }

    pub async fn start(self) -> TestApp {
        install_log();
        let directory = TempDir::new();
        let ca = DevCa::open_or_create(directory.path()).unwrap();
        let leaf = ca.issue("server", &LOOPBACK_NAMES).unwrap();
        let sandbox = Provider::start(&leaf, self.stall.unwrap_or(2 * PATIENCE));
        let merchant = MerchantEndpoint::start(&directory);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let client = Client::new(address, &ca.file());
        key_file::create(&directory.join("master.key"), &MasterKey::generate()).unwrap();

        let mut environment = trust(&leaf, &ca.file(), &merchant.certificate);
        let usual = [
            ("server.public_url", format!("https://localhost:{}", address.port())),
            ("provider.card_token.test.url", sandbox.url()),
        ];
        let fixed = USUAL.map(|(key, value)| (key, value.to_owned()));
        environment.extend(usual.into_iter().chain(fixed).map(|(key, value)| (variable(key), value)));
        environment.extend(self.settings.into_iter().map(|(key, value)| (variable(&key), value)));
        let config = Config::from_str("", &environment, directory.path()).unwrap_or_else(|error| panic!("{error}"));

        let admin = Admin::open(&config).unwrap();
        let shop = create_shop(&admin, &merchant, &sandbox).await;
        let launch = if self.is_process {
            Launch::Process { environment, directory: directory.path().to_owned() }
        } else {
            Launch::Thread
        };
        let service = Some(launch.start(&config, listener));
        TestApp { merchant, sandbox, admin, shop, client, service, launch, address, config, directory }
    }
}

/// One worker, no limits that a test could meet, retries that do not take days.
const USUAL: [(&str, &str); 8] = [
    ("server.workers", "1"),
    ("server.shutdown_seconds", "1"),
    ("store.path", "vezne.db"),
    ("keys.master_key_file", "master.key"),
    ("callback.retry_seconds", "1,1,1,1"),
    ("egress.allow", "127.0.0.0/8,::1/128"),
    ("limits.api_per_second", "10000"),
    ("limits.page_per_minute", "100000"),
];

/// The variable that sets a key.
fn variable(key: &str) -> String {
    format!("VEZNE_{}", key.to_uppercase().replace('.', "__"))
}

/// Who is believed to be whom.
fn trust(leaf: &LeafFiles, ca: &Path, merchant: &Path) -> Environment {
    let files = [
        ("server.certificate", leaf.certificate.as_path()),
        ("server.private_key", &leaf.private_key),
        ("provider.card_token.test.ca_file", ca),
        ("callback.ca_file", merchant),
    ];
    files.map(|(key, file)| (variable(key), file.to_str().unwrap().to_owned())).into()
}

async fn create_shop(admin: &Admin, merchant: &MerchantEndpoint, provider: &Provider) -> Shop {
    let allow = [
        "https://shop.example/".to_owned(),
        format!("https://localhost:{}/", merchant.port),
        format!("https://{PUBLIC_NAME}:{}/", merchant.port),
    ];
    let created = admin.create("Kitapçı <Deniz> & Oğlu", &allow).await.unwrap();
    let keys = &provider.merchant;
    for key in &created.api_keys {
        let secret = SecretText::new(keys.secret_key.clone());
        let id = &created.merchant.id;
        admin.set_provider(id, key.mode(), &keys.public_key, &secret, &keys.merchant_number).await.unwrap();
    }
    let key = |mode| created.api_keys.iter().find(|key| key.mode() == mode).map(|key| key.expose().to_owned());
    Shop {
        api_key: key(Mode::Test).unwrap(),
        live_api_key: key(Mode::Live),
        signing_secret: created.secrets.signing.expose().to_owned(),
        webhook_secret: created.secrets.webhook.expose().to_owned(),
        id: created.merchant.id,
    }
}
