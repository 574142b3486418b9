//! From a configuration to a connection: look the name up, connect, prove who
//! is who, settle how the session behaves.

use super::connection::{Connection, told};
use crate::config::{PostgresConfig, PostgresHost};
use crate::store::StoreError;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// The oldest release that is known to do (`server_version_num`): 13.
const OLDEST: u32 = 130_000;

/// Asks for TLS before anything else is said (PostgreSQL, section 54.7).
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Names to addresses: given by whoever may know the resolver.
pub type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, String>> + Send>> + Send + Sync>;

/// What opens the way to the server beside its address.
pub struct Access {
    /// The role's password, if it has one.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// Trust and identity; none: without TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// Looks host names up, on the store's own thread.
    pub lookup: Lookup,
}

/// A server that can be connected to.
pub(super) struct Server {
    config: PostgresConfig,
    tls: Option<Arc<ClientConfig>>,
    lookup: Lookup,
    login: Config,
    settings: String,
}

impl Server {
    pub fn new(config: &PostgresConfig, access: Access) -> Self {
        let mut login = Config::new();
        login.user(&config.user).dbname(&config.database).application_name("vezne").ssl_mode(SslMode::Disable);
        if let Some(password) = access.password {
            login.password(&*password);
        }
        let tls = access.tls.map(|tls| {
            let mut tls = ClientConfig::clone(&tls);
            // As PostgreSQL has registered it, and checks it from version 17 on.
            tls.alpn_protocols = vec![b"postgresql".to_vec()];
            Arc::new(tls)
        });
        Self { config: config.clone(), tls, lookup: access.lookup, login, settings: settings(config) }
    }

    pub fn config(&self) -> &PostgresConfig {
        &self.config
    }

    /// A connection that is up and set. Runs in a local task set, which drives it.
    pub async fn connect(&self) -> Result<Connection, StoreError> {
        let connected = timeout(self.config.connect_timeout, self.connect_and_settle()).await;
        let why = match connected {
            Ok(Ok(client)) => return Ok(Connection::new(client)),
            Ok(Err(why)) => why,
            Err(_) => "connecting took too long".to_owned(),
        };
        Err(StoreError::Unavailable(format!("PostgreSQL at {}: {why}", self.config)))
    }

    async fn connect_and_settle(&self) -> Result<Client, String> {
        let client = match &self.config.host {
            PostgresHost::Socket(folder) => {
                let path = folder.join(format!(".s.PGSQL.{}", self.config.port));
                let stream = UnixStream::connect(&path).await;
                self.log_in(stream.map_err(|error| format!("{}: {error}", path.display()))?).await?
            }
            PostgresHost::Name(name) => {
                let stream = self.dial(name).await?;
                match &self.tls {
                    None => self.log_in(stream).await?,
                    Some(tls) => self.log_in(secured(stream, name, Arc::clone(tls)).await?).await?,
                }
            }
        };
        let answers = client.simple_query(&self.settings).await.map_err(|error| told(&error))?;
        judge(&answers).map(|()| client)
    }

    /// Tries each address in turn, within the time for all.
    async fn dial(&self, name: &str) -> Result<TcpStream, String> {
        let mut failure = "no address".to_owned();
        for address in (self.lookup)(name.to_owned()).await? {
            let address = SocketAddr::new(address, self.config.port);
            if self.tls.is_none() && !address.ip().is_loopback() {
                failure = format!("{address} is not this machine's, and store.tls = \"off\"");
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return stream.set_nodelay(true).map(|()| stream).map_err(|error| error.to_string()),
                Err(error) => failure = format!("{address}: {error}"),
            }
        }
        Err(failure)
    }

    async fn log_in(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Client, String> {
        let (client, connection) = self.login.connect_raw(stream, NoTls).await.map_err(|error| told(&error))?;
        // How a connection ends is told to whoever uses it.
        spawn_local(async move { drop(connection.await) });
        Ok(client)
    }
}

/// TLS on a stream on which nothing was said yet; the certificate must be for `name`.
async fn secured(
    mut stream: TcpStream,
    name: &str,
    tls: Arc<ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let mut answer = [0];
    let asked = async {
        stream.write_all(&TLS_REQUEST).await?;
        stream.read_exact(&mut answer).await
    };
    asked.await.map_err(|error| format!("TLS: {error}"))?;
    if answer != *b"S" {
        return Err("the server offers no TLS (ssl = on in postgresql.conf), and store.tls = \"require\"".to_owned());
    }
    let name = ServerName::try_from(name.to_owned()).map_err(|_| "TLS: not a host name".to_owned())?;
    TlsConnector::from(tls).connect(name, stream).await.map_err(|error| format!("TLS: {error}"))
}

/// Settles the session and asks what is judged then. Sent as statements and not
/// as options of the start, which poolers refuse.
fn settings(config: &PostgresConfig) -> String {
    let timeout = config.statement_timeout.as_millis();
    // Above all, a session that hangs in a transaction keeps nothing locked.
    format!(
        "SET statement_timeout = {timeout}; SET idle_in_transaction_session_timeout = {timeout};
         SET default_transaction_isolation = 'read committed';
         SELECT current_setting('server_version_num'), current_setting('server_encoding'),
            current_setting('transaction_read_only')"
    )
}

fn judge(answers: &[SimpleQueryMessage]) -> Result<(), String> {
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let answer = |index| row.and_then(|row| row.try_get(index).ok().flatten()).unwrap_or_default();
    let (version, encoding, read_only) = (answer(0), answer(1), answer(2));
    match version.parse::<u32>() {
        Ok(number) if number >= OLDEST => {}
        Ok(number) => return Err(format!("version {} is too old: 13 is the oldest that will do", number / 10_000)),
        Err(_) => return Err("the server does not tell its version".to_owned()),
    }
    match (encoding, read_only) {
        ("UTF8", "off") => Ok(()),
        (_, "on") => Err("a standby, or read only: the store writes".to_owned()),
        _ => Err(format!("the database has the encoding {encoding}: create it with UTF8")),
    }
}
