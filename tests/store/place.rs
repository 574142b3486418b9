//! A new database, its nodes, and what tests put into it.

use crate::cluster::{self, Postgres};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vezne::audit::{Action, Actor, ChainId, Note};
use vezne::card::{Card, Cvv, Expiry, Month, Pan};
use vezne::config::{PostgresConfig, PostgresHost};
use vezne::hardening::Sealed;
use vezne::id::{KeyId, MerchantId, SessionId};
use vezne::merchant::{AllowList, Merchant, Mode, Theme};
use vezne::session::{Claimed, Completion, NewSession, Session, SessionRequest};
use vezne::store::{Access, ClaimOutcome, NewApiKey, NewSecret, PostgresStore, SharedStore, SqliteStore};

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// A lease that no test outlives.
pub const LONG: Duration = Duration::from_mins(1);
/// A lease that every test outlives.
pub const SHORT: Duration = Duration::from_millis(100);

/// An empty database, gone with the value.
pub enum Place {
    Sqlite(PathBuf),
    Postgres { cluster: Arc<Postgres>, database: String },
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-store-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        Self::Sqlite(folder)
    }

    pub fn postgres() -> Self {
        let cluster = cluster::shared();
        let database = cluster.create_database();
        Self::Postgres { cluster, database }
    }

    /// One more node on this database.
    pub fn node(&self) -> SharedStore {
        match self {
            Self::Sqlite(folder) => Arc::new(SqliteStore::open(&folder.join("vezne.db")).unwrap()),
            Self::Postgres { cluster, database } => {
                Arc::new(PostgresStore::open(&by_socket(cluster, database), no_secrets(), true).unwrap().0)
            }
        }
    }

    /// What an operator reads behind the store's back: a line a row, `|` between columns.
    pub fn sql(&self, sql: &str) -> String {
        match self {
            Self::Postgres { cluster, database } => cluster.run(database, sql),
            Self::Sqlite(folder) => {
                let database = Connection::open(folder.join("vezne.db")).unwrap();
                let mut statement = database.prepare(sql).unwrap();
                let width = statement.column_count();
                let mut rows = statement.query([]).unwrap();
                let mut lines = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    let cells: Vec<String> = (0..width).map(|index| text(row.get(index).unwrap())).collect();
                    lines.push(cells.join("|"));
                }
                lines.join("\n")
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Sqlite(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("{bytes:02x?}"),
    }
}

/// The cluster's database through its UNIX socket.
pub fn by_socket(cluster: &Postgres, database: &str) -> PostgresConfig {
    PostgresConfig {
        host: PostgresHost::Socket(cluster.folder().to_owned()),
        port: cluster.port(),
        user: "vezne".to_owned(),
        database: database.to_owned(),
        password: None,
        tls: true,
        ca_file: None,
        client_certificate: None,
        client_key: None,
        max_connections: 6,
        statement_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
    }
}

pub fn no_secrets() -> Access {
    let lookup = |name: String| async move { name.parse().map(|address| vec![address]).map_err(|_| name) };
    Access { password: None, tls: None, lookup: Arc::new(move |name| Box::pin(lookup(name))) }
}

/// Asks again and again until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An entry of the audit trail for a change that no test looks at.
pub fn note() -> Note {
    Note::new(ChainId::generate(), Actor::System, Action::MerchantUpdated)
}

/// A merchant of the store, without keys.
pub async fn merchant(store: &SharedStore) -> Merchant {
    merchant_with(store, Vec::new(), Vec::new()).await
}

pub async fn merchant_with(store: &SharedStore, keys: Vec<NewApiKey>, secrets: Vec<NewSecret>) -> Merchant {
    let id = MerchantId::generate();
    let merchant = Merchant {
        id: id.clone(),
        name: "Kitapçı <Deniz> & Oğlu".to_owned(),
        allow_list: AllowList::parse(&["https://shop.example/", "https://pay.shop.example/a/"]).unwrap(),
        token_in_redirect: true,
        theme: Theme::default(),
        disabled_at: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    store.create_merchant(merchant, keys, secrets, note()).await.unwrap();
    store.merchant(id).await.unwrap().unwrap()
}

/// What a session is asked for with, changed.
pub fn wanted(merchant: &Merchant, change: impl FnOnce(&mut serde_json::Value)) -> NewSession {
    let mut body = json!({
        "purpose": "tokenize",
        "conversationId": "sipariş-42",
        "returnUrl": "https://shop.example/return?order=1",
        "callbackUrl": "https://shop.example/hook",
    });
    change(&mut body);
    let request: SessionRequest = serde_json::from_value(body).unwrap();
    request.check(merchant, Mode::Test, |_| true, |_| true).unwrap().0
}

/// An open session with a callback.
pub async fn session(store: &SharedStore, merchant: &Merchant) -> Session {
    store.create_session(wanted(merchant, |_| {})).await.unwrap()
}

/// An open session whose time is over.
pub async fn overdue(store: &SharedStore, merchant: &Merchant) -> Session {
    let created = store.create_session(NewSession { life: Duration::ZERO, ..wanted(merchant, |_| {}) }).await.unwrap();
    eventually("the end of its time", || read_ended(store, &created)).await;
    created
}

async fn read_ended(store: &SharedStore, session: &Session) -> Option<()> {
    read(store, session).await.status.has_ended().then_some(())
}

/// The session as it stands now.
pub async fn read(store: &SharedStore, session: &Session) -> Session {
    let found = store.session(session.merchant.clone(), session.mode, session.id.clone()).await;
    found.unwrap().unwrap()
}

/// The claim, which must be granted.
pub async fn claimed(store: &SharedStore, id: &SessionId, lease: Duration) -> Claimed {
    match store.claim(id.clone(), lease).await.unwrap() {
        ClaimOutcome::Claimed(claim) => *claim,
        ClaimOutcome::Busy => panic!("busy"),
        ClaimOutcome::Ended(session) => panic!("{:?}", session.status),
    }
}

/// Waits until the session can be claimed again.
pub async fn until_open(store: &SharedStore, session: &Session) {
    let is_open = || async { (read(store, session).await.status == vezne::session::Status::Open).then_some(()) };
    eventually("the end of the lease", is_open).await;
}

/// A token, sealed to nothing: the store does not open it.
pub fn completion(token: &str) -> Completion {
    let pan = Pan::parse(b"4355093000777068").unwrap();
    let expiry = Expiry::parse(b"12/30", Month::new(2026, 1).unwrap()).unwrap();
    let card = Card::new(pan, expiry, Cvv::parse(b"737").unwrap()).unwrap();
    Completion { card_token: sealed(token), card: card.summary() }
}

pub fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

pub fn secret(kind: vezne::store::SecretKind, text: &str) -> NewSecret {
    NewSecret { id: KeyId::generate(), kind, sealed: sealed(text) }
}
