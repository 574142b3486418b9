//! What serving needs: read from the configuration, so that the rest can go.

use crate::config::{Backend, Config, KeySource, PostgresHost};
use std::path::{Path, PathBuf};

/// Where DNS servers listen that the system names (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// Everything that the process may still reach.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The user to go on as, when root starts.
    pub user: Option<String>,
    /// The folder of the store's file: the only place that is written to.
    pub written: Option<PathBuf>,
    /// Folders whose files are read: the certificate's, which is renewed in place.
    pub read_folders: Vec<PathBuf>,
    /// Files that are read.
    pub read_files: Vec<PathBuf>,
    /// TCP ports that are connected to, ascending.
    pub ports: Vec<u16>,
    /// Whether a UNIX socket is connected to.
    pub unix_socket: bool,
}

impl Plan {
    /// What this configuration makes necessary.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let folder = |path: &Path| path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        let certificates = [&config.server.certificate, &config.server.private_key].into_iter().flatten();
        Self {
            user: config.server.user.clone(),
            written: match &config.store.backend {
                Backend::Sqlite(path) => Some(folder(path)),
                Backend::Postgres(_) => None,
            },
            // A renewal may change what a link points at: both ends' folders.
            read_folders: sorted(certificates.flat_map(|path| {
                [Some(path.clone()), path.canonicalize().ok()].into_iter().flatten().map(|path| folder(&path))
            })),
            read_files: read_files(config),
            ports: ports(config),
            unix_socket: matches!(database(config), Some((PostgresHost::Socket(_), _))),
        }
    }
}

/// Where the database server listens, if there is one.
fn database(config: &Config) -> Option<(&PostgresHost, u16)> {
    match &config.store.backend {
        Backend::Sqlite(_) => None,
        Backend::Postgres(postgres) => Some((&postgres.host, postgres.port)),
    }
}

fn read_files(config: &Config) -> Vec<PathBuf> {
    // For name lookups; and SQLite's source of randomness.
    let system = ["/etc/resolv.conf", "/etc/hosts", "/dev/urandom"].map(PathBuf::from);
    let upstreams = [&config.provider.test, &config.provider.live].into_iter().flatten();
    let trust = upstreams.flat_map(|upstream| [&upstream.ca_file, &upstream.client_certificate, &upstream.client_key]);
    let trust = trust.chain([&config.callback.ca_file]).flatten().cloned();
    sorted(system.into_iter().chain(trust).chain(database_files(config)))
}

fn database_files(config: &Config) -> Vec<PathBuf> {
    let Backend::Postgres(postgres) = &config.store.backend else { return Vec::new() };
    let password = match &postgres.password {
        Some(KeySource::File(path) | KeySource::Credential(path)) => Some(path.clone()),
        Some(KeySource::Variable(_)) | None => None,
    };
    let tls = [&postgres.ca_file, &postgres.client_certificate, &postgres.client_key];
    tls.into_iter().flatten().cloned().chain(password).collect()
}

fn ports(config: &Config) -> Vec<u16> {
    let upstreams = [config.provider.test.as_ref(), config.provider.live.as_ref().filter(|_| config.live)];
    let providers = upstreams.into_iter().flatten().filter_map(|upstream| upstream.url.port_or_known_default());
    // DNS falls back to TCP for long answers.
    let nameservers: Vec<u16> = match config.egress.nameservers.as_slice() {
        [] => vec![DNS],
        servers => servers.iter().map(std::net::SocketAddr::port).collect(),
    };
    let database = database(config).filter(|(host, _)| matches!(host, PostgresHost::Name(_))).map(|(_, port)| port);
    sorted(providers.chain(config.egress.ports.iter().copied()).chain(nameservers).chain(database))
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn a_configuration_names_all_that_is_needed() {
        let text = "server.danger_plain_http = true\nserver.public_url = 'http://localhost:8080'\n\
                    server.user = 'vezne'\nstore.path = 'vezne.db'\negress.ports = [8443, 443]\n\
                    egress.nameservers = ['127.0.0.1:5353']\n\
                    provider.card_token.test.url = 'https://provider.example.com:9443/token'\n\
                    provider.card_token.live.url = 'https://provider.example.com:9444/token'\n";
        let environment = Environment::from([("VEZNE_MASTER_KEY".into(), "not read here".into())]);
        let folder = std::env::temp_dir();
        let config = Config::from_str(text, &environment, &folder).unwrap();
        let plan = Plan::new(&config);
        assert_eq!(plan.user.as_deref(), Some("vezne"));
        assert_eq!((plan.written, plan.unix_socket), (Some(folder), false));
        assert_eq!(plan.ports, [443, 5353, 8443, 9443], "the live provider is not called while live = false");
        assert!(plan.read_folders.is_empty());
        let system = ["/dev/urandom", "/etc/hosts", "/etc/resolv.conf"].map(PathBuf::from);
        assert_eq!(plan.read_files, system);
    }

    #[test]
    fn a_database_server_is_reached_and_nothing_is_written() {
        let folder = std::env::temp_dir();
        let plan = |store: &str| {
            let text = format!(
                "server.danger_plain_http = true\nserver.public_url = 'http://localhost:8080'\n{store}\n\
                 egress.nameservers = ['127.0.0.1:53']"
            );
            let environment = Environment::from([("VEZNE_MASTER_KEY".into(), "not read here".into())]);
            Plan::new(&Config::from_str(&text, &environment, &folder).unwrap())
        };
        let remote = plan("store.url = 'postgres://vezne@db.example.com:5433/vezne'");
        assert_eq!((remote.written, remote.unix_socket, remote.ports), (None, false, vec![53, 443, 5433]));
        let local = plan("store.url = 'postgres://vezne@%2Frun%2Fpostgresql/vezne'");
        assert_eq!((local.written, local.unix_socket, local.ports), (None, true, vec![53, 443]));
    }

    #[test]
    fn both_ends_of_a_linked_certificate_are_readable() {
        let folder = std::env::temp_dir().join(format!("vezne-plan-{}", uuid::Uuid::now_v7()));
        let (live, archive) = (folder.join("live"), folder.join("archive"));
        for folder in [&live, &archive] {
            std::fs::create_dir_all(folder).unwrap();
        }
        for name in ["chain.pem", "key.pem"] {
            std::fs::write(archive.join(name), "not looked into").unwrap();
            std::os::unix::fs::symlink(archive.join(name), live.join(name)).unwrap();
        }
        let text = format!(
            "server.public_url = 'https://pay.example.com'\nserver.certificate = '{0}/chain.pem'\n\
             server.private_key = '{0}/key.pem'",
            live.display()
        );
        let environment = Environment::from([("VEZNE_MASTER_KEY".into(), "not read here".into())]);
        let plan = Plan::new(&Config::from_str(&text, &environment, &folder).unwrap());
        assert_eq!(plan.read_folders, [archive.canonicalize().unwrap(), live]);
        assert_eq!(plan.ports, [53, 443]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
