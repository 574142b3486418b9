//! The store that the configuration names, opened.

use super::StartupError;
use crate::config::{Backend, Config, EgressConfig, KeySource, PostgresConfig, PostgresHost};
use crate::egress::{ClientIdentity, Resolver, Roots, TlsError, client_config};
use crate::hardening::{environment, key_file};
use crate::store::{Access, Lookup, PostgresStore, SharedStore, SqliteStore};
use rustls::ClientConfig;
use std::net::IpAddr;
use std::sync::Arc;
use url::Host;
use zeroize::Zeroizing;

/// Opens the configured store as it is. A SQLite file is made when absent and
/// brought up to date; a PostgreSQL database must be up to date.
///
/// # Errors
/// [`StartupError`].
pub fn open_store(config: &Config) -> Result<SharedStore, StartupError> {
    open(config, false).map(|(store, _)| store)
}

/// Opens the configured store and brings it up to date first; says which
/// migrations that took.
///
/// # Errors
/// As [`open_store`].
pub fn migrate_store(config: &Config) -> Result<(SharedStore, Vec<u32>), StartupError> {
    open(config, true)
}

fn open(config: &Config, migrate: bool) -> Result<(SharedStore, Vec<u32>), StartupError> {
    let (store, applied): (SharedStore, Vec<u32>) = match &config.store.backend {
        Backend::Sqlite(path) => {
            let (store, applied) = SqliteStore::open_and_migrate(path)?;
            (Arc::new(store), applied)
        }
        Backend::Postgres(postgres) => {
            let access = access(postgres, &config.egress)?;
            let (store, applied) = PostgresStore::open(postgres, access, migrate)?;
            (Arc::new(store), applied)
        }
    };
    for number in &applied {
        tracing::info!(value = number, "the store was migrated: this is its schema now");
    }
    Ok((store, applied))
}

fn access(postgres: &PostgresConfig, egress: &EgressConfig) -> Result<Access, StartupError> {
    Ok(Access {
        password: postgres.password.as_ref().map(password).transpose()?,
        tls: tls(postgres)?,
        lookup: lookup(Resolver::new(egress)?),
    })
}

fn tls(postgres: &PostgresConfig) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    if !postgres.tls || matches!(postgres.host, PostgresHost::Socket(_)) {
        return Ok(None);
    }
    let roots = postgres.ca_file.as_deref().map_or(Roots::Public, Roots::Only);
    let identity = postgres.client_certificate.as_deref().zip(postgres.client_key.as_deref());
    let identity = identity.map(|(certificate, key)| ClientIdentity { certificate, key });
    client_config(roots, identity).map(Some)
}

/// The last line's end is no part of it.
fn password(source: &KeySource) -> Result<Zeroizing<Vec<u8>>, StartupError> {
    let read = match source {
        KeySource::File(path) | KeySource::Credential(path) => {
            key_file::read(path).map_err(|error| StartupError::StorePassword(error.to_string()))
        }
        KeySource::Variable(name) => environment::secret(name)
            .ok_or_else(|| StartupError::StorePassword(format!("there is none in {name}: it was handed over before"))),
    };
    let text = read?;
    let end = text.strip_suffix(b"\n").map_or(&text[..], |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
    Ok(Zeroizing::new(text[..end].to_vec()))
}

fn lookup(resolver: Resolver) -> Lookup {
    Arc::new(move |name| {
        let resolver = resolver.clone();
        Box::pin(async move {
            // An IPv6 address as it stands: in URLs it has brackets.
            if let Ok(address) = name.parse::<IpAddr>() {
                return Ok(vec![address]);
            }
            resolver.addresses(&Host::Domain(name.as_str())).await.map_err(|error| error.to_string())
        })
    })
}
