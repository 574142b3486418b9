//! Nothing secret comes out of `{}` or `{:?}`: errors made by their real
//! constructors out of input that must not be repeated.

use crate::harness::{Card, TestApp, expiry_in};
use std::cell::Cell;
use std::error::Error;
use std::fmt::{Debug, Display, Write};
use std::fs;
use std::path::PathBuf;
use vezne::card::{Cvv, Expiry, Month, Pan};
use vezne::cli::Failure;
use vezne::config::KeySource;
use vezne::config::{Config, KeysConfig};
use vezne::egress::Resolver;
use vezne::error::Problem;
use vezne::hardening::{MasterKey, MasterKeys, SealContext, Sealed, SecretText, key_file};
use vezne::provider::card_token::{self, CardTokenClient};
use vezne::provider::{CardTokenizer, Credentials, TokenizeCall, read_credentials, write_credentials};
use vezne::sandbox::magic::MAGIC_CARDS;
use vezne::server::{self, ReloadingCertificate};
use vezne::startup::{Application, Listeners, StartupError};
use vezne::store::SqliteStore;

/// Stands for a secret wherever one could be; base64, as keys are.
const CANARY: &str = "Q0FOQVJZb2Zvbmx5MjRieXRlcw==";
/// Stands for a card number.
const NUMBER: &str = "4355093000777068";
const CVV: &str = "7391";

/// What was said so far, all of it.
#[derive(Default)]
struct Said(String);

impl Said {
    fn hear(&mut self, error: &(impl Error + 'static)) {
        self.hear_text(error);
        let mut source = error.source();
        while let Some(cause) = source {
            self.hear_text(cause);
            source = cause.source();
        }
    }

    fn hear_text(&mut self, shown: &(impl Debug + Display + ?Sized)) {
        writeln!(self.0, "{shown}\n{shown:?}").unwrap();
    }

    /// Fails when a canary is in it, as text or as a list of bytes.
    fn holds_none_of(&self, canaries: &[&str]) {
        for canary in canaries {
            let bytes = canary.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
            for form in [(*canary).to_owned(), bytes] {
                let line = self.0.lines().find(|line| line.contains(&form));
                assert!(line.is_none(), "{form} in {line:?}");
            }
        }
    }
}

/// A folder with a file that holds the canary in many shapes.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-shown-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        let _ = fs::remove_file(&path);
        key_file::create(&path, &SecretText::new(content.to_owned())).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn errors_about_master_keys_show_nothing_of_them() {
    let (folder, mut said) = (Folder::new(), Said::default());
    let good = folder.file("good.key", MasterKey::generate().expose());
    for content in [CANARY.to_owned(), format!("{CANARY} {CANARY}"), CANARY.repeat(100), format!("{CANARY}\u{1}")] {
        said.hear(&MasterKey::parse(&content).err().unwrap());
        let file = folder.file("bad.key", &content);
        let keys = KeysConfig { master: KeySource::File(file.clone()), previous: None };
        let error = MasterKeys::load(&keys).err().unwrap();
        said.hear(&error);
        let error = StartupError::from(error);
        said.hear(&error);
        said.hear_text(&Failure::from(error));
        let keys = KeysConfig { master: KeySource::File(good.clone()), previous: Some(KeySource::File(file)) };
        said.hear(&MasterKeys::load(&keys).err().unwrap());
    }
    let file = folder.file("bad.key", CANARY);
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    said.hear(&key_file::read(&file).unwrap_err());
    let sealer = MasterKeys::from(MasterKey::parse(MasterKey::generate().expose()).unwrap()).sealer().unwrap();
    let row = SealContext { record: "ses_1", field: "card_token" };
    for bytes in [CANARY.as_bytes().to_vec(), sealer.seal(row, CANARY).unwrap().as_bytes()[..40].to_vec()] {
        said.hear(&sealer.open(row, &Sealed::from_bytes(bytes)).err().unwrap());
    }
    said.holds_none_of(&[CANARY, "Q0FOQVJZ"]);
}

#[test]
fn errors_about_files_show_nothing_of_their_content() {
    let (folder, mut said) = (Folder::new(), Said::default());
    let pem = |kind: &str, body: &str| format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----");
    for content in [
        CANARY.to_owned(),
        pem("PRIVATE KEY", CANARY),
        pem("PRIVATE KEY", &format!("{CANARY}!{CANARY}")),
        pem("CERTIFICATE", CANARY),
        pem("CERTIFICATE", CANARY) + "\n" + &pem("PRIVATE KEY", CANARY),
        format!("-----BEGIN PRIVATE KEY-----\n{CANARY}"),
    ] {
        let file = folder.file("any.pem", &content);
        said.hear(&ReloadingCertificate::load(&file, &file).err().unwrap());
        if let Err(error) = SqliteStore::open(&file) {
            said.hear(&error);
            said.hear_text(&Problem::ours(&error));
        }
    }
    assert!(said.0.lines().count() > 12, "{}", said.0);
    said.holds_none_of(&[CANARY]);
}

#[test]
fn errors_about_cards_and_credentials_show_nothing_of_them() {
    let mut said = Said::default();
    let now = Month::new(2026, 1).unwrap();
    for typed in [&NUMBER[..11], "4355093000777067", "4355093000777068x", "43550930007770680000"] {
        said.hear(&Pan::parse(typed.as_bytes()).err().unwrap());
        said.hear(&Cvv::parse(typed.as_bytes()).err().unwrap());
        said.hear(&Expiry::parse(typed.as_bytes(), now).err().unwrap());
    }
    let card = vezne::card::Card::new(
        Pan::parse(NUMBER.as_bytes()).ok().unwrap(),
        Expiry::parse(expiry_in(3).as_bytes(), now).unwrap(),
        Cvv::parse(CVV.as_bytes()).ok().unwrap(),
    );
    said.hear(&card.err().unwrap());

    let (long, odd, unpadded) = (CANARY.repeat(20), format!("{CANARY}\n"), CANARY.trim_end_matches('='));
    for (public, secret, number) in [
        (long.as_str(), CANARY, CANARY),
        (odd.as_str(), CANARY, CANARY),
        (CANARY, unpadded, CANARY),
        (CANARY, long.as_str(), CANARY),
        (CANARY, odd.as_str(), CANARY),
        (CANARY, CANARY, long.as_str()),
        (CANARY, CANARY, odd.as_str()),
    ] {
        said.hear(&Credentials::parse(public, secret, number).err().unwrap());
        said.hear(&write_credentials(public, &SecretText::new(secret.to_owned()), number).err().unwrap());
    }
    for stored in [
        format!(r#"{{"publicKey":"{CANARY}"}}"#),
        format!(r#"{{"{CANARY}":1}}"#),
        format!(r#"{{"publicKey":"p","secretKey":"{unpadded}","merchantNumber":"1"}}"#),
        format!("{CANARY}:{CANARY}"),
    ] {
        said.hear(&read_credentials(&SecretText::new(stored)).err().unwrap());
    }
    said.holds_none_of(&[CANARY, unpadded, &NUMBER[..11], "00777067", CVV]);
}

#[tokio::test(flavor = "current_thread")]
async fn errors_of_the_provider_show_nothing_of_card_or_keys() {
    let app = TestApp::stalling(std::time::Duration::from_secs(30)).start().await;
    let mut upstream = app.config().provider.test.clone().unwrap();
    upstream.timeout = std::time::Duration::from_secs(2);
    let tls = card_token::tls(&upstream).unwrap();
    let client = CardTokenClient::new(&upstream, tls, Resolver::new(&app.config().egress).unwrap());
    let keys = &app.sandbox.merchant;
    let credentials = Credentials::parse(&keys.public_key, &keys.secret_key, &keys.merchant_number).unwrap();
    let now = Month::new(2026, 1).unwrap();
    let (mut said, mut kinds) = (Said::default(), Vec::new());
    for magic in MAGIC_CARDS {
        let typed = Card::new(magic.number);
        let cvv = if typed.number.len() == 15 { "7391" } else { "739" };
        let card = vezne::card::Card::new(
            Pan::parse(typed.number.as_bytes()).ok().unwrap(),
            Expiry::parse(typed.expiry.as_bytes(), now).unwrap(),
            Cvv::parse(cvv.as_bytes()).ok().unwrap(),
        )
        .ok()
        .unwrap();
        let call = TokenizeCall {
            card: &card,
            credentials: &credentials,
            conversation_id: "order-1",
            attempt: 1,
            has_left: &Cell::new(false),
        };
        if let Err(error) = client.tokenize(call).await {
            kinds.push(error.name());
            said.hear(&error);
            said.hear_text(&Problem::ours(&error));
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert!(kinds.len() >= 6, "{kinds:?}");
    let numbers: Vec<&str> = MAGIC_CARDS.iter().map(|card| card.number).collect();
    said.holds_none_of(&numbers);
    said.holds_none_of(&[&keys.secret_key, &keys.public_key]);
}

#[tokio::test]
async fn a_configuration_and_its_start_show_no_content_of_a_file() {
    let app = TestApp::start().await;
    let mut said = Said::default();
    let config = app.config();
    writeln!(said.0, "{config:?}").unwrap();
    let mut secrets = vec![fs::read_to_string(app.file("master.key")).unwrap().trim().to_owned()];
    let private_key = fs::read_to_string(config.server.private_key.as_ref().unwrap()).unwrap();
    secrets.extend(private_key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    let folder = Folder::new();
    let file = folder.file("canary", CANARY);
    let broken: [fn(&mut Config, PathBuf); 5] = [
        |config, file| config.keys.master = KeySource::File(file),
        |config, file| config.server.certificate = Some(file),
        |config, file| config.server.private_key = Some(file),
        |config, file| config.provider.test.as_mut().unwrap().ca_file = Some(file),
        |config, file| config.callback.ca_file = Some(file),
    ];
    for break_it in broken {
        let mut config = config.clone();
        break_it(&mut config, file.clone());
        let started = std::thread::spawn(move || {
            let keys = match MasterKeys::load(&config.keys) {
                Ok(keys) => keys,
                Err(error) => return Some(StartupError::from(error)),
            };
            let window = server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
            let listeners = Listeners { window, telemetry: None };
            actix_rt::System::new().block_on(async { Application::build(&config, keys, listeners).err() })
        });
        let error = started.join().unwrap().expect("it cannot start with that file");
        said.hear(&error);
        said.hear_text(&Failure::from(error));
    }
    said.holds_none_of(&[CANARY]);
    said.holds_none_of(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
}
