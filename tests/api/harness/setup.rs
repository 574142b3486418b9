//! Everybody around the service, put in place before it starts.

use super::app::{Shop, TestApp};
use super::client::Client;
use super::log::install_log;
use super::merchant::{MerchantEndpoint, PUBLIC_NAME};
use super::sandbox::Provider;
use super::scene::{PATIENCE, TempDir};
use super::service::{Launch, Process, give};
use super::store::Database;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use vezne::cli::merchant::Admin;
use vezne::config::{Config, Environment};
use vezne::hardening::{MasterKey, SecretText, key_file};
use vezne::merchant::Mode;
use vezne::sandbox::certificates::{DevCa, LOOPBACK_NAMES, LeafFiles};
use vezne::startup::migrate_store;

/// The variable with which every test has a `vezne serve` of its own, started by
/// root and hardened: the whole suite is then a search for what it lacks.
const HARDENED: &str = "VEZNE_API_HARDENED";
/// nobody's number on every distribution.
pub const NOBODY: u32 = 65534;

/// Settings that differ from the harness's own.
#[derive(Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    stall: Option<Duration>,
    callback_ports: Vec<u16>,
    is_process: bool,
    in_this_process: bool,
    user: Option<u32>,
    database: Option<Database>,
}

impl Setup {
    /// One key of the configuration, such as `limits.page_per_minute`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// A port that callbacks may go to besides the merchant's own.
    pub fn calling(mut self, port: u16) -> Self {
        self.callback_ports.push(port);
        self
    }

    /// As `vezne serve`, started by root, that goes on as this user.
    pub fn served_by(self, user: u32) -> Self {
        Self { is_process: true, user: Some(user), ..self }.set("server.user", &user.to_string())
    }

    /// In this database.
    pub fn in_database(self, database: Database) -> Self {
        Self { database: Some(database), ..self }
    }

    /// With a private listener, at an address that nothing else on this machine has.
    pub fn watched(self) -> Self {
        let [_, second, third, fourth, ..] = *uuid::Uuid::new_v4().as_bytes();
        let address = format!("127.{second}.{third}.{}:9464", fourth.clamp(1, 254));
        self.set("telemetry.listen", &address)
    }

    /// One more variable of the process's environment, which is no setting.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
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

    /// In this process, also where the rest of the suite has a hardened one.
    pub fn in_this_process(self) -> Self {
        Self { in_this_process: true, ..self }
    }

    pub async fn start(self) -> TestApp {
        let hardened = std::env::var_os(HARDENED).is_some() && !self.is_process && !self.in_this_process;
        let setup = if hardened { self.set("hardening", "require").served_by(NOBODY) } else { self };
        let (mut app, environment, listener) = setup.install().await;
        if let Some(environment) = environment {
            app.launch = Launch::Process { environment, directory: app.directory.path().to_owned() };
        }
        app.service = Some(app.launch.start(&app.config, listener));
        app
    }

    /// Starts `vezne serve`, which is to refuse: as root, or as whoever runs the test.
    pub async fn refused(self) -> Output {
        let setup = Self { is_process: true, ..self };
        let (app, environment, listener) = setup.install().await;
        Process::refused(&environment.unwrap(), app.directory.path(), listener)
    }

    /// Everything but the service itself, which has an environment when it is a process.
    async fn install(self) -> (TestApp, Option<Environment>, TcpListener) {
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

        let database = self.database.unwrap_or_else(|| Database::new(directory.path()));
        let mut environment = trust(&leaf, &ca.file(), &merchant.certificate);
        let usual = [
            ("server.public_url", format!("https://localhost:{}", address.port())),
            ("provider.card_token.test.url", sandbox.url()),
            // The provider as well: a test calls back to what has another's certificate.
            ("egress.ports", listed([merchant.port, sandbox.port()].iter().chain(&self.callback_ports))),
            database.setting(),
        ];
        let fixed = USUAL.map(|(key, value)| (key, value.to_owned()));
        environment.extend(usual.into_iter().chain(fixed).map(|(key, value)| (variable(key), value)));
        environment.extend(self.settings.into_iter().map(|(key, value)| (variable(&key), value)));
        environment.extend(self.variables);
        let config = Config::from_str("", &environment, directory.path()).unwrap_or_else(|error| panic!("{error}"));

        drop(migrate_store(&config).unwrap());
        let admin = Admin::open(&config).unwrap();
        let shop = create_shop(&admin, &merchant, &sandbox).await;
        if let Some(user) = self.user {
            give(directory.path(), user);
        }
        let launch = Launch::Thread;
        let service = None;
        let app =
            TestApp { merchant, sandbox, admin, shop, client, service, launch, address, config, directory, database };
        (app, self.is_process.then_some(environment), listener)
    }
}

/// One worker, no limits that a test could meet, retries that do not take days.
const USUAL: [(&str, &str); 8] = [
    ("server.workers", "1"),
    ("server.shutdown_seconds", "1"),
    ("keys.master_key_file", "master.key"),
    ("callback.retry_seconds", "1,1,1,1"),
    ("egress.allow", "127.0.0.0/8,::1/128"),
    ("provider.card_token.test.breaker_failures", "0"),
    ("limits.api_per_second", "10000"),
    ("limits.page_per_minute", "100000"),
];

fn listed<'a>(ports: impl Iterator<Item = &'a u16>) -> String {
    ports.map(u16::to_string).collect::<Vec<_>>().join(",")
}

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
