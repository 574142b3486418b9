//! A service with all that can go wrong around it, what it answered, and what of
//! it was secret.

use super::needles::Needles;
use crate::harness::{Answer, Card, Session, TestApp};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use vezne::cli::merchant::CreatedMerchant;
use vezne::hardening::SecretText;
use vezne::merchant::Mode;

/// The number that stands wherever no card number belongs.
pub const NUMBER: &str = "4355093000777068";
/// The same in a writing that nothing takes for a card number at the door.
pub const BROKEN: &str = "435509300077x7068";
/// A security code that is told from other numbers: no card has one so long.
pub const CODE: &str = "97315826";
/// Begins every header value whose echo would show that headers are logged.
pub const MARK: &str = "mark-of-a-header";

/// Who reads an answer.
#[derive(Clone, Copy, PartialEq)]
pub enum Reader {
    /// Whoever has the link, or nothing at all.
    Anybody,
    /// The merchant, with a key of theirs: the card token is theirs.
    Merchant,
}

struct Heard {
    what: String,
    text: String,
    reader: Reader,
}

/// The service, and what was heard of it.
pub struct Drive {
    pub app: TestApp,
    pub sessions: RefCell<Vec<Session>>,
    heard: RefCell<Vec<Heard>>,
    secrets: RefCell<Vec<(String, String)>>,
}

impl Drive {
    pub fn new(app: TestApp) -> Self {
        let drive = Self { app, sessions: RefCell::default(), heard: RefCell::default(), secrets: RefCell::default() };
        let shop = &drive.app.shop;
        drive.remember("API key", &shop.api_key);
        drive.remember("signing secret", &shop.signing_secret);
        drive.remember("webhook secret", &shop.webhook_secret);
        drive.remember("provider's secret key", &drive.app.sandbox.merchant.secret_key);
        let config = drive.app.config();
        let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        let key_file = drive.app.files().into_iter().find(|file| file.ends_with("master.key")).unwrap();
        drive.remember("master key", read(&key_file).trim());
        for line in read(config.server.private_key.as_deref().unwrap()).lines().filter(|line| !line.starts_with('-')) {
            drive.remember("private key", line);
        }
        drive
    }

    /// Something that must not be found.
    pub fn remember(&self, what: &str, text: &str) {
        self.secrets.borrow_mut().push((what.to_owned(), text.to_owned()));
    }

    pub fn hear(&self, what: &str, reader: Reader, answer: &Answer) {
        let body = String::from_utf8_lossy(&answer.body);
        self.hear_text(what, reader, format!("{} {:?}\n{body}", answer.status, answer.headers));
    }

    pub fn hear_text(&self, what: &str, reader: Reader, text: String) {
        self.heard.borrow_mut().push(Heard { what: what.to_owned(), text, reader });
    }

    /// Sends bytes and hears the answer.
    pub async fn raw(&self, what: &str, request: &[u8]) {
        self.hear_text(what, Reader::Anybody, self.app.client.raw(request).await);
    }

    /// A session of the main merchant.
    pub async fn session(&self, changes: Value) -> Session {
        let session = self.app.create_session(changes).await;
        self.sessions.borrow_mut().push(session.clone());
        session
    }

    /// Another merchant of the same service, with the provider's keys.
    pub async fn merchant(&self, name: &str) -> CreatedMerchant {
        let created = self.app.admin.create(name, &["https://shop.example/".to_owned()]).await.unwrap();
        let keys = &self.app.sandbox.merchant;
        let secret = SecretText::new(keys.secret_key.clone());
        let id = &created.merchant.id;
        self.app.admin.set_provider(id, Mode::Test, &keys.public_key, &secret, &keys.merchant_number).await.unwrap();
        self.remember("API key", created.api_keys[0].expose());
        created
    }

    /// Breaks what is stored, as a damaged disk would.
    pub fn damage(&self, statement: &str, id: &str) {
        let database = Connection::open(self.app.store_file()).unwrap();
        assert!(database.execute(statement, [id]).unwrap() > 0, "{statement}");
    }

    /// The problems that were answered, by slug.
    pub fn problems(&self) -> BTreeSet<String> {
        self.words_after("/problems/")
    }

    /// The values of `Vezne-Reason`, as raw answers and as parsed ones show it.
    pub fn reasons(&self) -> BTreeSet<String> {
        self.words_after("vezne-reason: ")
    }

    fn words_after(&self, start: &str) -> BTreeSet<String> {
        let heard = self.heard.borrow();
        let word = |rest: &str| {
            rest.chars().take_while(|letter| letter.is_ascii_lowercase() || "-_".contains(*letter)).collect::<String>()
        };
        heard.iter().flat_map(|heard| heard.text.split(start).skip(1).map(word)).collect()
    }

    /// Every secret in an answer whose reader has no right to it.
    pub fn found_in_answers(&self) -> Vec<String> {
        let common = self.needles(|what| !["card token", "session secret"].contains(&what));
        let tokens = self.needles(|what| what == "card token");
        let search = |heard: &Heard| {
            let mut found = common.found_in(&heard.what, &heard.text);
            if heard.reader == Reader::Anybody {
                found.extend(tokens.found_in(&heard.what, &heard.text));
            }
            found
        };
        self.heard.borrow().iter().flat_map(search).collect()
    }

    /// All that no log and no message may hold.
    pub fn all_needles(&self) -> Needles {
        let mut needles = self.needles(|_| true);
        needles.secret("header", MARK);
        needles
    }

    fn needles(&self, wanted: impl Fn(&str) -> bool) -> Needles {
        let mut needles = Needles::default();
        let cards = || vezne::sandbox::magic::MAGIC_CARDS.iter().chain(&vezne::sandbox::magic::TEST_CARDS);
        for card in cards() {
            if wanted("card number") {
                needles.card_number(card.number);
            }
            if wanted("card token") {
                needles.secret("card token", &self.app.sandbox.token_of(card.number));
            }
        }
        if wanted("session secret") {
            self.sessions.borrow().iter().for_each(|session| needles.secret("session secret", &session.path[3..]));
        }
        needles.secret("security code", CODE);
        needles.code(&Card::visa().cvv);
        needles.code(&Card::amex().cvv);
        let secrets = self.secrets.borrow();
        secrets.iter().filter(|(what, _)| wanted(what)).for_each(|(what, text)| needles.secret(what, text));
        needles
    }
}

/// A card whose security code is too long to be one.
pub fn long_code() -> Card {
    Card { cvv: CODE.to_owned(), ..Card::visa() }
}

/// What a merchant asks for, with a number in the place of this field.
pub fn misplaced(field: &str) -> Value {
    crate::harness::wanted(json!({ field: NUMBER }))
}
