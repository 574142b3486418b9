//! The front door of a PostgreSQL database: what `vezne` says when it does not
//! come in, and how it does.

use crate::cluster::Postgres;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use vezne::hardening::MasterKey;
use vezne::sandbox::certificates::DevCa;

/// A folder with a configuration, and the authority that everybody believes.
struct Place {
    folder: PathBuf,
    ca: DevCa,
}

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-refusals-{}", uuid::Uuid::now_v7().simple()));
        let ca = DevCa::open_or_create(&folder).unwrap();
        private(&folder.join("master.key"), MasterKey::generate().expose());
        Self { folder, ca }
    }

    fn run(&self, arguments: &[&str], store: &str) -> Output {
        let config = "server.public_url = 'http://localhost:8080'\nserver.danger_plain_http = true\n\
            server.listen = ['127.0.0.1:0']\nkeys.master_key_file = 'master.key'\n[store]\n";
        fs::write(self.folder.join("vezne.toml"), format!("{config}{store}\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vezne"));
        command.args(arguments).arg("--config").arg(self.folder.join("vezne.toml")).env_clear().output().unwrap()
    }

    /// Both a command and the window refuse this, for this reason and with this code.
    fn is_refused(&self, store: &str, why: &str, code: i32) {
        for command in [&["merchant", "list"][..], &["serve"]] {
            let output = self.run(command, store);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
            assert!(said.contains(why) && !said.contains("panicked"), "{why:?} in {command:?}: {said}");
            assert!(!said.contains("falsches"), "{said}");
        }
    }

    fn migrates(&self, store: &str) -> String {
        let output = self.run(&["migrate"], store);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_database_is_migrated_by_command_and_refused_before() {
    let (place, cluster) = (Place::new(), Postgres::start());
    let store = format!("url = '{}'", cluster.socket_url(&cluster.create_database()));
    place.is_refused(&store, "no tables of vezne yet: run `vezne migrate` first", 4);
    assert!(place.migrates(&store).starts_with("applied migrations 1, 2, 3"));
    assert_eq!(place.migrates(&store), "the schema is up to date\n");
    assert!(place.run(&["merchant", "list"], &store).status.success());
}

#[test]
fn what_is_not_the_right_server_is_named() {
    let (place, cluster) = (Place::new(), Postgres::start());
    let name = cluster.create_database();
    let socket = format!("url = '{}'", cluster.socket_url(&name));
    place.migrates(&socket);
    cluster.run("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    place.is_refused(&socket, "a standby, or read only", 4);
    cluster.run("postgres", "CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0");
    place.is_refused(&format!("url = '{}'", cluster.socket_url("latin")), "create it with UTF8", 4);
    place.is_refused(&format!("url = '{}'", cluster.socket_url("absent")), "does not exist (3D000)", 4);
    let plain = format!("url = '{}'", cluster.url("localhost", &name));
    place.is_refused(&format!("{plain}\nca_file = 'ca.pem'"), "the server offers no TLS", 4);
    cluster.stop();
    place.is_refused(&socket, "PostgreSQL at /", 4);
    place.is_refused(&format!("{plain}\ntls = 'off'"), "Connection refused", 4);
}

#[test]
fn a_wrong_password_is_refused_and_never_shown() {
    let (place, cluster) = (Place::new(), Postgres::start());
    let name = cluster.create_database();
    cluster.run("postgres", "SET password_encryption = 'scram-sha-256'; ALTER ROLE vezne PASSWORD 'richtiges Wort'");
    cluster.admit("host all all 127.0.0.1/32 scram-sha-256");
    cluster.stop();
    cluster.start_again();
    let store = format!("url = '{}'\ntls = 'off'", cluster.url("127.0.0.1", &name));
    place.is_refused(&store, "password", 4);
    private(&place.folder.join("wrong"), "falsches Wort\n");
    let with = |file: &str| format!("{store}\npassword_file = '{file}'");
    place.is_refused(&with("wrong"), "password authentication failed for user \"vezne\" (28P01)", 4);
    private(&place.folder.join("right"), "richtiges Wort\n");
    place.migrates(&with("right"));
    fs::set_permissions(place.folder.join("right"), fs::Permissions::from_mode(0o644)).unwrap();
    place.is_refused(&with("right"), "others can read the secret", 3);
}

#[test]
fn a_server_proves_itself_and_asks_for_a_certificate() {
    let (place, other, cluster) = (Place::new(), Place::new(), Postgres::start());
    let name = cluster.create_database();
    let leaf = place.ca.issue("db", &["localhost"]).unwrap();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let certificate = cluster.keep("server.pem", &read(&leaf.certificate));
    let key = cluster.keep("server-key.pem", &read(&leaf.private_key));
    let client = rcgen::generate_simple_self_signed(["vezne".to_owned()]).unwrap();
    let trusted = cluster.keep("clients.pem", &client.cert.pem());
    let file = |path: &Path| path.display().to_string();
    cluster.set(&format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\nssl_ca_file = '{}'",
        file(&certificate),
        file(&key),
        file(&trusted)
    ));
    cluster.map_every_certificate_to("vezne");
    cluster.admit("hostssl all vezne 127.0.0.1/32 cert map=any\nhost all all 127.0.0.1/32 reject");
    cluster.stop();
    cluster.start_again();
    fs::write(place.folder.join("client.pem"), client.cert.pem()).unwrap();
    private(&place.folder.join("client-key.pem"), &client.signing_key.serialize_pem());

    let identity = "client_certificate = 'client.pem'\nclient_key = 'client-key.pem'";
    let at = |host: &str, ca: &Path| format!("url = '{}'\nca_file = '{}'", cluster.url(host, &name), file(ca));
    let ours = at("localhost", &place.ca.file());
    place.migrates(&format!("{ours}\n{identity}"));
    place.is_refused(&ours, "certificate", 4);
    place.is_refused(&format!("{}\n{identity}", at("localhost", &other.ca.file())), "invalid peer certificate", 4);
    place.is_refused(&format!("{}\n{identity}", at("127.0.0.1", &place.ca.file())), "not valid for name", 4);
    let plain = format!("url = '{}'\ntls = 'off'", cluster.url("localhost", &name));
    place.is_refused(&plain, "(28000)", 4);
}
