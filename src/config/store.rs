//! Where sessions and merchants are kept: a file, or a PostgreSQL database.

use super::keys::{KeySource, Ways};
use super::provider::client_files;
use super::reader::Reader;
use crate::hardening::environment;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// `[store]`: where sessions and merchants are kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `path` or `url`: which database.
    pub backend: Backend,
    /// `migrate`: `serve` brings a PostgreSQL database up to date when it
    /// starts. A file is brought up to date whatever this says. Default false.
    pub migrate: bool,
}

/// One of two databases.
#[derive(Clone, Debug)]
pub enum Backend {
    /// `path`: the SQLite file; made when absent. Default `vezne.db`.
    Sqlite(PathBuf),
    /// `url` and the keys beside it.
    Postgres(Box<PostgresConfig>),
}

/// A PostgreSQL database, and how it is used.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Of `url`: where the server is.
    pub host: PostgresHost,
    /// Of `url`: its port. Default 5432.
    pub port: u16,
    /// Of `url`: the role.
    pub user: String,
    /// Of `url`: the database.
    pub database: String,
    /// `password_file`: the role's password. Without it `VEZNE_STORE_PASSWORD`
    /// or the systemd credential `store-password`. Default none.
    pub password: Option<KeySource>,
    /// `tls`: `require` verifies the server's certificate and its name; `off`
    /// is for this machine. Default `require`. No matter on a UNIX socket.
    pub tls: bool,
    /// `ca_file`: PEM roots to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// `client_certificate`: PEM chain for mutual TLS; needs `client_key`.
    pub client_certificate: Option<PathBuf>,
    /// `client_key`: PEM key of `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// `max_connections`: of this process. Default 10, 2 to 200.
    pub max_connections: usize,
    /// `statement_timeout_ms`: one statement, and the wait for a connection. Default 5000, 100 to 60000.
    pub statement_timeout: Duration,
    /// `connect_timeout_ms`: name lookup, TCP, TLS and login together. Default 3000, 100 to 30000.
    pub connect_timeout: Duration,
}

/// Where a PostgreSQL server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PostgresHost {
    /// A host's name or address.
    Name(String),
    /// The folder of its UNIX socket.
    Socket(PathBuf),
}

impl PostgresConfig {
    /// How the server is spoken to, for people.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        match (&self.host, self.tls) {
            (PostgresHost::Socket(_), _) => "UNIX socket",
            (PostgresHost::Name(_), true) => "TLS",
            (PostgresHost::Name(_), false) => "no TLS",
        }
    }
}

/// Without the password, which is never here.
impl fmt::Display for PostgresConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            PostgresHost::Name(name) => write!(formatter, "{name}:{}/{}", self.port, self.database),
            PostgresHost::Socket(folder) => write!(formatter, "{}:{}/{}", folder.display(), self.port, self.database),
        }
    }
}

/// What only a database that is reached by `url` has.
const BESIDE_URL: [&str; 8] = [
    "store.password_file",
    "store.tls",
    "store.ca_file",
    "store.client_certificate",
    "store.client_key",
    "store.max_connections",
    "store.statement_timeout_ms",
    "store.connect_timeout_ms",
];

const URL: &str = r#"a PostgreSQL URL, such as "postgres://vezne@db.example.com:5432/vezne", or "postgres://vezne@%2Frun%2Fpostgresql/vezne" for the folder of a UNIX socket; the password is in store.password_file"#;

const PASSWORD: Ways = Ways {
    key: "store.password_file",
    variable: environment::STORE_PASSWORD,
    credential: "store-password",
    wanted: r#"a readable file, such as "store.password""#,
    once: "one password: the file, VEZNE_STORE_PASSWORD or the systemd credential store-password",
};

impl StoreConfig {
    /// Reads `[store]`. Nothing when its URL is refused.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let migrate = reader.flag("store.migrate");
        let has_url = reader.mentions("store.url");
        let postgres = PostgresConfig::read(reader);
        let path = path(reader, has_url);
        if has_url && reader.mentions("store.path") {
            reader.refuse("store.path", "a file beside store.url", "one database: the file or the URL");
        }
        for key in BESIDE_URL {
            if !has_url && reader.mentions(key) {
                reader.refuse(key, "a setting of PostgreSQL without store.url", "store.url, or nothing here");
            }
        }
        let backend = if has_url { Backend::Postgres(Box::new(postgres?)) } else { Backend::Sqlite(path) };
        Some(Self { backend, migrate })
    }
}

/// The folder must be there, the file need not.
fn path(reader: &mut Reader<'_>, has_url: bool) -> PathBuf {
    const WANTED: &str = r#"a file in a folder that exists, such as "/var/lib/vezne/vezne.db""#;
    const DEFAULT: &str = "vezne.db";
    let path = reader.path("store.path", WANTED, in_folder);
    if !has_url
        && !reader.mentions("store.path")
        && let Err(found) = in_folder(&reader.resolve(DEFAULT))
    {
        reader.refuse("store.path", &found, WANTED);
    }
    path.unwrap_or_else(|| reader.resolve(DEFAULT))
}

impl PostgresConfig {
    /// Reads what is beside `url`, and that. Nothing when it is absent or refused.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let place = reader.parsed("store.url", URL, place);
        let tls = reader.choice("store.tls", true, &[("require", true), ("off", false)]);
        let ca_file = reader.file("store.ca_file", r#"a readable PEM file of roots, such as "roots.pem""#);
        let (client_certificate, client_key) = client_files(reader, "store");
        let password = KeySource::read(reader, &PASSWORD);
        let max_connections = reader.number("store.max_connections", 10, 2..=200, "connections");
        let statement_timeout = reader.milliseconds("store.statement_timeout_ms", 5_000, 100..=60_000);
        let connect_timeout = reader.milliseconds("store.connect_timeout_ms", 3_000, 100..=30_000);
        let Place { host, port, user, database } = place?;
        if !tls && !is_on_this_machine(&host) {
            let wanted = r#""require"; "off" is for localhost, 127.0.0.1, ::1 and UNIX sockets"#;
            reader.refuse("store.tls", "\"off\" toward another machine", wanted);
        }
        Some(Self {
            host,
            port,
            user,
            database,
            password,
            tls,
            ca_file,
            client_certificate,
            client_key,
            max_connections,
            statement_timeout,
            connect_timeout,
        })
    }
}

/// What a URL says.
struct Place {
    host: PostgresHost,
    port: u16,
    user: String,
    database: String,
}

fn place(text: &str) -> Result<Place, String> {
    let url = Url::parse(text).map_err(|_| "text that is no URL".to_owned())?;
    if !["postgres", "postgresql"].contains(&url.scheme()) {
        return Err("a URL of another kind".into());
    }
    if url.password().is_some() {
        return Err("a URL with a password".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL with parameters or a fragment".into());
    }
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(String::from).ok();
    let host = url.host_str().and_then(decoded).filter(|host| !host.is_empty()).ok_or("a URL without a host")?;
    let user = decoded(url.username()).filter(|user| fits(user)).ok_or("a URL without a user")?;
    let database = decoded(url.path().trim_start_matches('/'));
    let database = database.filter(|name| fits(name)).ok_or("a URL without a database")?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => PostgresHost::Name(address.to_owned()),
        None if host.starts_with('/') => PostgresHost::Socket(PathBuf::from(host)),
        None if host.contains(['/', ',', '%', '\0']) => return Err("a URL whose host is no host".into()),
        None => PostgresHost::Name(host),
    };
    Ok(Place { host, port: url.port().unwrap_or(5432), user, database })
}

/// The longest identifier of PostgreSQL has 63 bytes.
fn fits(name: &str) -> bool {
    (1..=63).contains(&name.len()) && !name.contains(['/', '\0'])
}

fn is_on_this_machine(host: &PostgresHost) -> bool {
    match host {
        PostgresHost::Socket(_) => true,
        PostgresHost::Name(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

fn in_folder(path: &Path) -> Result<(), String> {
    match path.parent() {
        _ if path.is_dir() => Err("a folder".into()),
        Some(folder) if folder.as_os_str().is_empty() || folder.is_dir() => Ok(()),
        _ => Err("a file in a folder that does not exist".into()),
    }
}
