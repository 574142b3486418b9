//! The configuration as an operator meets it: text and variables in, settings or a report out.

use super::reader::Reader;
use super::source::{Source, Value, variable_of};
use super::{Backend, Config, DEFAULT_RETRY_SECONDS, Environment, KeySource, Mistakes, Origin, PostgresHost};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const EXAMPLE: &str = include_str!("../../deploy/vezne.example.toml");
const DOCUMENT: &str = include_str!("../../docs/configuration.md");

/// A folder of one test, with the files that a configuration may name.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vezne-config-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir(&folder.0).unwrap();
        for file in ["chain.pem", "key.pem", "master.key"] {
            fs::write(folder.0.join(file), "not looked into").unwrap();
        }
        folder
    }

    fn read(&self, text: &str) -> Result<Config, Mistakes> {
        Config::from_str(text, &Environment::new(), &self.0)
    }

    fn read_with(&self, text: &str, variables: &[(&str, &str)]) -> Result<Config, Mistakes> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Config::from_str(text, &variables.iter().map(owned).collect(), &self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What no configuration can do without.
const LEAST: &str = "
    server.public_url = 'https://pay.example.com'
    server.certificate = 'chain.pem'
    server.private_key = 'key.pem'
    keys.master_key_file = 'master.key'
";

fn all_keys() -> BTreeSet<String> {
    let source = Source::read("", &Environment::new()).ok().unwrap();
    let mut reader = Reader::new(source, Path::new("/"));
    let _ = Config::read(&mut reader);
    reader.asked().clone()
}

fn keys_of(mistakes: &Mistakes) -> Vec<&str> {
    mistakes.list().iter().map(|mistake| mistake.key.as_str()).collect()
}

#[test]
fn the_least_configuration_has_the_documented_defaults() {
    let folder = Folder::new();
    let config = folder.read(LEAST).unwrap();
    assert!(!config.live && config.locale == "tr");
    assert_eq!(config.server.listen, ["127.0.0.1:8443".parse().unwrap()]);
    assert_eq!(config.server.certificate, Some(folder.0.join("chain.pem")));
    assert_eq!((config.server.workers, config.server.max_connections, config.server.shutdown_seconds), (0, 10_000, 30));
    assert!(matches!(&config.store.backend, Backend::Sqlite(path) if *path == folder.0.join("vezne.db")));
    assert!(!config.store.migrate);
    assert!(config.provider.test.is_none() && config.provider.live.is_none());
    assert_eq!(config.callback.timeout, Duration::from_secs(15));
    assert!(config.egress.allow.is_empty() && config.egress.nameservers.is_empty());
    assert_eq!((config.egress.ports, config.server.user), (vec![443], None));
    assert_eq!(config.hardening, super::HardeningMode::Prefer);
    assert_eq!((config.limits.api_per_second, config.limits.page_per_minute), (100, 300));
    assert_eq!((config.log.level, config.log.format), (tracing::Level::INFO, super::LogFormat::Json));
}

#[test]
fn the_default_schedule_makes_eleven_deliveries_over_three_days() {
    let config = Folder::new().read(LEAST).unwrap();
    assert_eq!(config.callback.retry.len() + 1, 11);
    assert!(DEFAULT_RETRY_SECONDS.is_sorted());
    assert!((72 * 3600..74 * 3600).contains(&DEFAULT_RETRY_SECONDS.iter().sum::<u64>()));
}

#[test]
fn the_example_loads_as_it_is_and_with_every_line_in_force() {
    let folder = Folder::new();
    let here = EXAMPLE.replace("/etc/vezne", folder.0.to_str().unwrap()).replace("/var/lib/vezne/", "");
    for path in ["tls/fullchain.pem", "tls/private.pem", "provider/roots.pem", "provider/client.pem"]
        .into_iter()
        .chain(["provider/client-key.pem", "callback-roots.pem", "previous.key"])
        .chain(["store.password", "store/roots.pem", "store/client.pem", "store/client-key.pem"])
    {
        let path = folder.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let brief = folder.read(&here).unwrap();
    // The file and the URL are one choice.
    let lines = here.lines().filter(|line| !line.starts_with("path = "));
    let full_text: String = lines.map(|line| in_force(line).to_owned() + "\n").collect();
    let mut full = folder.read(&full_text).unwrap();

    let source = Source::read(&full_text, &Environment::new()).ok().unwrap();
    let set = source.entries.iter().filter(|(_, entry)| !matches!(entry.value, Value::Table));
    let mut keys = all_keys();
    keys.remove("store.path");
    assert_eq!(set.map(|(key, _)| key.clone()).collect::<BTreeSet<_>>(), keys);

    // Commented lines show the defaults, where there is one.
    full.provider.live = None;
    full.keys.previous = None;
    full.page.privacy_url = None;
    full.callback.ca_file = None;
    full.server.user = None;
    full.telemetry.listen = None;
    full.store = brief.store.clone();
    let test = full.provider.test.as_mut().unwrap();
    (test.ca_file, test.client_certificate, test.client_key) = (None, None, None);
    assert_eq!(format!("{full:?}"), format!("{brief:?}"));
}

/// A commented setting or heading without its `# `.
fn in_force(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("# ") else { return line };
    let key = rest.split(" = ").next().unwrap_or_default();
    let is_key = rest.contains(" = ") && key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    if is_key || rest.starts_with('[') { rest } else { line }
}

/// One row of the document's tables.
struct Row {
    key: String,
    variable: String,
    default: String,
    accepts: String,
}

fn documented() -> Vec<Row> {
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let row = |cells: Vec<String>| Row {
        key: cells[1].replace('`', "").replace("MODE", "test"),
        variable: cells[2].replace('`', "").replace("MODE", "TEST"),
        default: cells[4].clone(),
        accepts: cells[5].clone(),
    };
    DOCUMENT.lines().filter(|line| line.starts_with("| `")).map(|line| row(cells(line))).collect()
}

#[test]
fn the_document_names_every_key_and_no_other() {
    let mut documented_keys = BTreeSet::new();
    for row in documented() {
        assert_eq!(row.variable, variable_of(&row.key));
        documented_keys.insert(row.key.replace(".test.", ".live."));
        documented_keys.insert(row.key);
    }
    assert_eq!(documented_keys, all_keys());
}

/// The variables that a key is only allowed beside.
fn beside(key: &str) -> Vec<(&'static str, &'static str)> {
    let mut variables = WITH_PROVIDER.to_vec();
    if key.starts_with("store.") && key != "store.path" {
        variables.push(("VEZNE_STORE__URL", "postgres://vezne@localhost/vezne"));
    }
    variables
}

/// The section that the provider's settings need.
const WITH_PROVIDER: [(&str, &str); 1] =
    [("VEZNE_PROVIDER__CARD_TOKEN__TEST__URL", "https://provider.example.com/token")];

#[test]
fn the_documented_defaults_are_the_defaults() {
    let folder = Folder::new();
    let mut seen = 0;
    for row in documented().iter().filter(|row| row.default.starts_with('`') && !row.default.contains("VEZNE_")) {
        let value = row.default.split('`').nth(1).unwrap().replace(['[', ']', '"'], "");
        let mut variables = beside(&row.key);
        let unset = folder.read_with(LEAST, &variables).unwrap();
        variables.push((&row.variable, &value));
        let set = folder.read_with(LEAST, &variables).unwrap();
        assert_eq!(format!("{set:?}"), format!("{unset:?}"), "{} = {value}", row.key);
        seen += 1;
    }
    assert_eq!(seen, 36);
}

#[test]
fn the_documented_bounds_are_the_bounds() {
    let folder = Folder::new();
    let mut seen = 0;
    for row in documented() {
        let Some((least, rest)) = row.accepts.split_once(" to ") else { continue };
        let most = rest.split(',').next().unwrap_or_default();
        let (Ok(least), Ok(most)) = (least.parse::<i64>(), most.parse::<i64>()) else { continue };
        for (number, fits) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
            let value = number.to_string();
            let mut variables = beside(&row.key);
            variables.extend([("VEZNE_PROVIDER__CARD_TOKEN__TEST__TIMEOUT_MS", "60000"), (&row.variable, &value)]);
            assert_eq!(folder.read_with(LEAST, &variables).is_ok(), fits, "{} = {value}", row.key);
        }
        seen += 1;
    }
    assert_eq!(seen, 16);
}

#[test]
fn every_mistake_of_a_file_is_reported_at_once() {
    let folder = Folder::new();
    let text = "\
live = true
locale = 'de'
colour = 'blue'
[server]
listen = []
public_url = 'http://pay.example.com'
certificate = 'absent.pem'
danger_plain_http = true
wrokers = 4
max_connections = 0
[store]
path = 'absent/vezne.db'
[provider.card_token.test]
client_key = 'key.pem'
[callback]
retry_seconds = [5, 0]
[limits]
api_per_second = '100'
[lgo]
level = 'info'
";
    let expected = [
        ("locale", Origin::Line(2), "text of 2 characters", "one of \"ar\""),
        ("colour", Origin::Line(3), "an unknown key with text of 4 characters", "no such key"),
        ("server.listen", Origin::Line(5), "a list of 0", "address:port"),
        ("server.public_url", Origin::Line(6), "a URL of 22 characters", "https origin without a path"),
        ("server.certificate", Origin::Line(7), "a path to nothing (seen from ", "a readable PEM chain"),
        ("server.danger_plain_http", Origin::Line(8), "on while live = true", "false"),
        ("server.wrokers", Origin::Line(9), "an unknown key with a number", "server.workers, perhaps"),
        ("server.max_connections", Origin::Line(10), "a number that is too small", "from 1 to 1000000"),
        ("store.path", Origin::Line(12), "a folder that does not exist", "a folder that exists"),
        ("callback.retry_seconds", Origin::Line(16), "a number as item 2", "172800"),
        ("limits.api_per_second", Origin::Line(18), "text of 3 characters", "a whole number of calls"),
        ("lgo", Origin::Line(19), "an unknown key with a section", "log, perhaps"),
        ("keys.master_key_file", Origin::Absent, "nothing", "VEZNE_MASTER_KEY"),
        ("provider.card_token.live.url", Origin::Absent, "nothing", "https URL"),
        ("provider.card_token.test.client_certificate", Origin::Absent, "nothing", "a readable PEM chain"),
        ("provider.card_token.test.url", Origin::Absent, "nothing", "https URL"),
        ("server.private_key", Origin::Absent, "nothing", "a readable PEM key"),
    ];
    let mistakes = folder.read(text).unwrap_err();
    assert_eq!(keys_of(&mistakes), expected.each_ref().map(|(key, ..)| *key));
    for (mistake, (key, origin, found, wanted)) in mistakes.list().iter().zip(expected) {
        assert_eq!(mistake.origin, origin, "{key}");
        assert!(mistake.found.contains(found), "{key}: {}", mistake.found);
        assert!(mistake.wanted.contains(wanted), "{key}: {}", mistake.wanted);
    }
}

/// Values at and beyond the bounds of each key: (key, taken, refused), in TOML.
const BOUNDS: [(&str, &[&str], &[&str]); 36] = [
    ("locale", &["'tr'", "'en'", "'ar'"], &["'TR'", "''", "1"]),
    ("hardening", &["'prefer'", "'require'"], &["'off'", "true"]),
    (
        "page.privacy_url",
        &["'https://example.com/kvkk'", "'https://{locale}.example.com/privacy?lang={locale}'"],
        &[
            "'http://example.com/kvkk'",
            "'/kvkk'",
            "'https://example.com/{lang}'",
            "'https://a:b@example.com/'",
            "''",
            "1",
        ],
    ),
    ("server.listen", &["['[::]:443']"], &["[]", "['localhost:1']", "['1.2.3.4']", "'1.2.3.4:5'", "[1]"]),
    (
        "server.public_url",
        &["'https://pay.example.com/'", "'https://pay.example.com:8443'"],
        &[
            "'pay.example.com'",
            "'http://127.0.0.1'",
            "'https://pay.example.com/pay'",
            "'https://pay.example.com?a=b'",
            "'https://pay.example.com#top'",
            "'https://user@pay.example.com'",
            "'https://:word@pay.example.com'",
            "'ftp://pay.example.com'",
            "['https://pay.example.com']",
            "true",
        ],
    ),
    ("server.certificate", &["'chain.pem'"], &["''", "'.'", "'absent.pem'", "'/dev/null'", "1"]),
    ("server.user", &["'vezne'", "'65534'", "'_a.b-c'"], &["''", "'root'", "'0'", "'00'", "'a b'", "'-a'", "1000"]),
    ("server.workers", &["0", "512"], &["-1", "513", "1.5", "'4'"]),
    ("server.max_connections", &["1", "1_000_000"], &["0", "1_000_001", "99999999999999999999"]),
    ("server.shutdown_seconds", &["1", "3600"], &["0", "3601", "1979-05-27"]),
    ("server.danger_plain_http", &["true", "false"], &["1", "'true'"]),
    ("store.path", &["'other.db'"], &["''", "'.'", "'absent/vezne.db'"]),
    (
        "store.url",
        &[
            "'postgres://vezne@localhost/vezne'",
            "'postgresql://a%40b@db.example.com:6432/c%20d'",
            "'postgres://vezne@[::1]:5432/vezne'",
            "'postgres://vezne@%2Frun%2Fpostgresql/vezne'",
        ],
        &[
            "''",
            "'db.example.com'",
            "'mysql://vezne@localhost/vezne'",
            "'postgres://localhost/vezne'",
            "'postgres://vezne@localhost'",
            "'postgres://vezne@/vezne'",
            "'postgres://vezne:word@localhost/vezne'",
            "'postgres://vezne@localhost/vezne?sslmode=disable'",
            "'postgres://vezne@a,b/vezne'",
            "'postgres://vezne@localhost/a/b'",
            "1",
        ],
    ),
    ("store.tls", &["'require'", "'off'"], &["'prefer'", "true"]),
    ("store.ca_file", &["'chain.pem'"], &["'absent.pem'"]),
    ("store.password_file", &["'master.key'"], &["'absent'", "''"]),
    ("store.max_connections", &["2", "200"], &["1", "201"]),
    ("store.statement_timeout_ms", &["100", "60000"], &["99", "60001"]),
    ("store.connect_timeout_ms", &["100", "30000"], &["99", "30001"]),
    ("store.migrate", &["true"], &["'yes'"]),
    ("keys.master_key_file", &["'master.key'"], &["'absent.key'", "''"]),
    ("keys.previous_master_key_file", &["'key.pem'"], &["'absent.key'", "''"]),
    ("provider.card_token.test.ca_file", &["'chain.pem'"], &["'absent.pem'"]),
    ("provider.card_token.test.connect_timeout_ms", &["100", "15000"], &["99", "15001", "30001"]),
    ("provider.card_token.test.timeout_ms", &["100", "60000"], &["99", "60001"]),
    ("provider.card_token.test.retry_codes", &["[]", "['A234567890123456']"], &["[9]", "['']", "['a b']", "'0009'"]),
    ("provider.card_token.test.merchant_codes", &["[]", "['9002']"], &["[1]", "['']", "['a b']", "'0001'"]),
    ("provider.card_token.test.unique_conversation_ids", &["true"], &["'yes'"]),
    ("callback.timeout_ms", &["100", "60000"], &["99", "60001"]),
    ("callback.retry_seconds", &["[1]", "[172800]"], &["[]", "[0]", "[172801]", "5", "['5']"]),
    ("egress.allow", &["[]", "['10.0.0.0/8', 'fd00::/8']"], &["['10.0.0.1']", "['10.0.0.0/33']", "['example.com']"]),
    ("egress.nameservers", &["['10.0.0.53:53']"], &["['10.0.0.53']", "['dns.example.com:53']"]),
    ("egress.ports", &["[1]", "[443, 65535]"], &["[]", "[0]", "[65536]", "['443']", "443"]),
    ("limits.api_per_second", &["1", "100_000"], &["0", "100_001"]),
    ("limits.page_per_minute", &["1", "1_000_000"], &["0", "1_000_001"]),
    ("log.level", &["'error'", "'trace'"], &["'INFO'", "'off'", "3"]),
];

#[test]
fn values_are_taken_up_to_their_bounds_and_refused_beyond() {
    let folder = Folder::new();
    let least = format!("{LEAST}\nprovider.card_token.test.url = 'https://provider.example.com/token'\n");
    for (key, taken, refused) in BOUNDS {
        let in_database = key.starts_with("store.") && !["store.path", "store.url"].contains(&key);
        let database = if in_database { "store.url = 'postgres://vezne@localhost/vezne'\n" } else { "" };
        let least = format!("{least}{database}");
        let without: String = least.lines().filter(|line| !line.trim().starts_with(key)).collect::<Vec<_>>().join("\n");
        for value in taken {
            let result = folder.read(&format!("{without}\n{key} = {value}"));
            assert!(result.is_ok(), "{key} = {value}: {}", result.unwrap_err());
        }
        for value in refused {
            let mistakes = folder.read(&format!("{without}\n{key} = {value}")).unwrap_err();
            assert_eq!(keys_of(&mistakes), [key], "{key} = {value}: {mistakes}");
        }
    }
}

#[test]
fn lists_have_a_longest_length() {
    let folder = Folder::new();
    let url = "provider.card_token.test.url = 'https://provider.example.com/token'";
    for (key, item, most) in [
        ("server.listen", "'127.0.0.1:1'", 16),
        ("provider.card_token.test.retry_codes", "'0009'", 20),
        ("provider.card_token.test.merchant_codes", "'0001'", 20),
        ("callback.retry_seconds", "5", 20),
        ("egress.allow", "'10.0.0.0/8'", 64),
        ("egress.nameservers", "'127.0.0.1:53'", 8),
        ("egress.ports", "443", 16),
    ] {
        let text = |count| format!("{LEAST}\n{url}\n{key} = [{}]", vec![item; count].join(","));
        assert!(folder.read(&text(most)).is_ok(), "{key}");
        assert_eq!(keys_of(&folder.read(&text(most + 1)).unwrap_err()), [key]);
    }
}

#[test]
fn a_database_url_is_read_into_its_parts() {
    let folder = Folder::new();
    let read = |url: &str| {
        let config = folder.read(&format!("{LEAST}\nstore.url = '{url}'")).unwrap();
        let Backend::Postgres(postgres) = config.store.backend else { panic!("{url}") };
        (postgres.host, postgres.port, postgres.user, postgres.database)
    };
    let of = |host, port, user: &str, database: &str| (host, port, user.to_owned(), database.to_owned());
    let name = |name: &str| PostgresHost::Name(name.to_owned());
    assert_eq!(read("postgres://vezne@DB.example.com/vezne"), of(name("DB.example.com"), 5432, "vezne", "vezne"));
    assert_eq!(read("postgresql://a%40b@[::1]:6432/c%20d"), of(name("::1"), 6432, "a@b", "c d"));
    let socket = PostgresHost::Socket(PathBuf::from("/run/postgresql"));
    assert_eq!(read("postgres://vezne@%2Frun%2Fpostgresql:5433/vezne"), of(socket, 5433, "vezne", "vezne"));
}

#[test]
fn a_database_is_a_file_or_a_server_and_each_has_its_own_settings() {
    let folder = Folder::new();
    let url = "store.url = 'postgres://vezne@db.example.com/vezne'";
    let mistakes = |text: &str| folder.read(&format!("{LEAST}\n{text}")).unwrap_err();
    let both = mistakes(&format!("{url}\nstore.path = 'vezne.db'"));
    assert_eq!(keys_of(&both), ["store.path"]);
    assert!(both.to_string().contains("one database"), "{both}");
    let without_url = mistakes("store.max_connections = 5\nstore.password_file = 'master.key'");
    assert_eq!(keys_of(&without_url), ["store.max_connections", "store.password_file"]);
    let half = mistakes(&format!("{url}\nstore.client_key = 'key.pem'"));
    assert_eq!(keys_of(&half), ["store.client_certificate"]);
}

#[test]
fn without_tls_a_database_is_on_this_machine() {
    let folder = Folder::new();
    let read =
        |host: &str| folder.read(&format!("{LEAST}\nstore.url = 'postgres://vezne@{host}/vezne'\nstore.tls = 'off'"));
    for host in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
        assert!(read(host).is_ok(), "{host}");
    }
    for host in ["db.example.com", "10.0.0.1", "localhost.example.com"] {
        assert_eq!(keys_of(&read(host).unwrap_err()), ["store.tls"], "{host}");
    }
}

#[test]
fn a_password_comes_in_one_way_and_is_never_shown() {
    let folder = Folder::new();
    let url = "store.url = 'postgres://vezne@localhost/vezne'";
    let variable = ("VEZNE_STORE_PASSWORD", "geheim");
    let config = folder.read_with(&format!("{LEAST}\n{url}"), &[variable]).unwrap();
    let Backend::Postgres(postgres) = &config.store.backend else { panic!("{config:?}") };
    assert_eq!(postgres.password, Some(KeySource::Variable("VEZNE_STORE_PASSWORD")));
    assert!(!format!("{config:?}").contains("geheim"));
    let twice = format!("{LEAST}\n{url}\nstore.password_file = 'master.key'");
    let mistakes = folder.read_with(&twice, &[variable]).unwrap_err();
    assert_eq!(keys_of(&mistakes), ["store.password_file"]);
    assert!(!mistakes.to_string().contains("geheim"), "{mistakes}");
}

#[test]
fn the_provider_is_reached_by_https_only() {
    let folder = Folder::new();
    for url in
        ["http://127.0.0.1:1/", "https://user:word@provider.example.com/", "https://provider.example.com/#a", "x"]
    {
        for mode in ["test", "live"] {
            let key = format!("provider.card_token.{mode}.url");
            let mistakes = folder.read(&format!("{LEAST}\n{key} = '{url}'")).unwrap_err();
            assert_eq!(keys_of(&mistakes), [key], "{url}");
        }
    }
}

#[test]
fn plain_http_needs_no_certificate_and_may_have_a_loopback_name() {
    let folder = Folder::new();
    let text = |url: &str| {
        format!("server.danger_plain_http = true\nserver.public_url = '{url}'\nkeys.master_key_file = 'master.key'")
    };
    for url in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080", "https://pay.example.com"] {
        let config = folder.read(&text(url)).unwrap();
        assert!(config.warnings()[0].starts_with("server.danger_plain_http: "), "{url}");
    }
    assert_eq!(keys_of(&folder.read(&text("http://10.0.0.1")).unwrap_err()), ["server.public_url"]);
    let half = text("http://localhost") + "\nserver.private_key = 'key.pem'";
    assert_eq!(keys_of(&folder.read(&half).unwrap_err()), ["server.certificate"]);
}

#[test]
fn live_with_its_provider_is_taken() {
    let folder = Folder::new();
    let text = format!("{LEAST}\nlive = true\nprovider.card_token.live.url = 'https://provider.example.com/token'");
    let config = folder.read(&text).unwrap();
    let live = config.provider.live.as_ref().unwrap();
    assert!(config.live && config.warnings().is_empty());
    assert_eq!((live.connect_timeout, live.timeout), (Duration::from_secs(3), Duration::from_secs(15)));
    assert_eq!(live.retry_codes, ["0009", "0015"]);
    assert_eq!(live.merchant_codes, ["0001", "0003"]);
}

#[test]
fn variables_override_the_file() {
    let folder = Folder::new();
    let text = format!("{LEAST}\n[limits]\napi_per_second = 'refused, were it not overridden'\n");
    let variables = [
        ("VEZNE_LIVE", "true"),
        ("VEZNE_LOCALE", "en"),
        ("VEZNE_SERVER__LISTEN", "0.0.0.0:443, [::]:443"),
        ("VEZNE_SERVER__PUBLIC_URL", "https://other.example.com"),
        ("VEZNE_STORE__PATH", "other.db"),
        ("VEZNE_PROVIDER__CARD_TOKEN__LIVE__URL", "https://provider.example.com/token"),
        ("VEZNE_PROVIDER__CARD_TOKEN__LIVE__TIMEOUT_MS", "2000"),
        ("VEZNE_PROVIDER__CARD_TOKEN__LIVE__RETRY_CODES", ""),
        ("VEZNE_PROVIDER__CARD_TOKEN__LIVE__UNIQUE_CONVERSATION_IDS", "true"),
        ("VEZNE_CALLBACK__RETRY_SECONDS", "1,2,3"),
        ("VEZNE_EGRESS__ALLOW", "10.0.0.0/8"),
        ("VEZNE_LIMITS__API_PER_SECOND", "7"),
        ("VEZNE_LOG__LEVEL", "debug"),
    ];
    let config = folder.read_with(&text, &variables).unwrap();
    let live = config.provider.live.unwrap();
    assert!(config.live && config.locale == "en");
    assert_eq!(config.server.listen.len(), 2);
    assert_eq!(config.server.public_url.as_str(), "https://other.example.com/");
    assert!(matches!(&config.store.backend, Backend::Sqlite(path) if *path == folder.0.join("other.db")));
    assert_eq!((live.connect_timeout, live.timeout), (Duration::from_secs(2), Duration::from_secs(2)));
    assert!(live.retry_codes.is_empty() && live.unique_conversation_ids);
    assert_eq!(config.callback.retry, [1, 2, 3].map(Duration::from_secs));
    assert_eq!(config.egress.allow, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!((config.limits.api_per_second, config.log.level), (7, tracing::Level::DEBUG));
}

#[test]
fn a_wrong_variable_is_named_in_the_report() {
    let folder = Folder::new();
    let variables = [
        ("VEZNE_LIVE", ""),
        ("VEZNE_LIMITS__API_PER_SECOND", "many"),
        ("VEZNE_SERVER__LISTN", "127.0.0.1:1"),
        ("VEZNE_SERVER_LISTEN", "127.0.0.1:1"),
        ("VEZNE_STORE", "x"),
        ("VEZNE_SEVRER__LISTEN", "x"),
        ("VEZNE_WINDOW__COLOUR", "blue"),
        ("VEZNE_EGRESS__ALLOW", "10.0.0.0/8,,"),
    ];
    let report = folder.read_with(LEAST, &variables).unwrap_err().to_string();
    for part in [
        "8 mistakes in the configuration\n",
        "live (variable VEZNE_LIVE)\n    found:  empty text\n",
        "limits.api_per_second (variable VEZNE_LIMITS__API_PER_SECOND)\n    found:  text of 4 characters\n",
        "server.listn (variable VEZNE_SERVER__LISTN)\n",
        "server_listen (variable VEZNE_SERVER_LISTEN)\n",
        "wanted: VEZNE_SERVER__LISTEN, perhaps",
        "store (variable VEZNE_STORE)\n",
        "sevrer.listen (variable VEZNE_SEVRER__LISTEN)\n",
        "window.colour (variable VEZNE_WINDOW__COLOUR)\n",
        "found:  empty text as item 2\n",
    ] {
        assert!(report.contains(part), "{part:?} in\n{report}");
    }
}

#[test]
fn other_peoples_variables_are_left_alone() {
    let variables = [
        ("VEZNE_PORT", "tcp://10.0.0.1:443"),
        ("VEZNE_SERVICE_HOST", "10.0.0.1"),
        ("VEZNE_PORT_443_TCP_ADDR", "10.0.0.1"),
        ("VEZNE_", ""),
        ("HOME", "/"),
        ("SERVER__LISTEN", "x"),
    ];
    assert!(Folder::new().read_with(LEAST, &variables).is_ok());
}

#[test]
fn the_master_key_may_come_from_its_variable() {
    let folder = Folder::new();
    let text = LEAST.replace("keys.master_key_file = 'master.key'", "");
    assert!(folder.read_with(&text, &[("VEZNE_MASTER_KEY", "c2VjcmV0")]).is_ok());
    for variables in [&[][..], &[("VEZNE_MASTER_KEY", "")]] {
        let mistakes = folder.read_with(&text, variables).unwrap_err();
        assert_eq!(keys_of(&mistakes), ["keys.master_key_file"]);
    }
}

#[test]
fn each_master_key_comes_in_one_way() {
    let folder = Folder::new();
    let credentials = folder.0.join("credentials");
    fs::create_dir(&credentials).unwrap();
    let handed_over = ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    for (key, variable, credential) in [
        ("keys.master_key_file", "VEZNE_MASTER_KEY", "master-key"),
        ("keys.previous_master_key_file", "VEZNE_PREVIOUS_MASTER_KEY", "previous-master-key"),
    ] {
        let previous = key.contains("previous");
        let read = |file: Option<&str>, variables: &[(&str, &str)]| {
            let others =
                LEAST.lines().filter(|line| previous || !line.contains("keys.")).collect::<Vec<_>>().join("\n");
            let file = file.map(|file| format!("\n{key} = '{file}'")).unwrap_or_default();
            folder
                .read_with(&(others + &file), variables)
                .map(|config| if previous { config.keys.previous.unwrap() } else { config.keys.master })
        };
        let given = (variable, "c2VjcmV0");
        let path = credentials.join(credential);
        assert_eq!(read(None, &[given, handed_over]).unwrap(), KeySource::Variable(variable), "no such credential");
        fs::write(&path, "").unwrap();
        assert_eq!(read(None, &[handed_over]).unwrap(), KeySource::Credential(path.clone()));
        assert_eq!(read(Some("key.pem"), &[]).unwrap(), KeySource::File(folder.0.join("key.pem")));
        assert_eq!(read(path.to_str(), &[handed_over]).unwrap(), KeySource::File(path.clone()), "the same file");
        for (file, variables, found) in [
            (Some("key.pem"), &[given][..], format!("a file and {variable}")),
            (Some("key.pem"), &[handed_over], format!("a file and the credential {credential}")),
            (None, &[given, handed_over], format!("{variable} and the credential {credential}")),
        ] {
            let mistakes = read(file, variables).unwrap_err();
            assert_eq!((keys_of(&mistakes), mistakes.list()[0].found.as_str()), (vec![key], found.as_str()));
        }
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_configuration_shows_no_secret() {
    const SECRET: &str = "c2VjcmV0LW9mLTMyLWJ5dGVz";
    let folder = Folder::new();
    for file in ["chain.pem", "key.pem", "master.key"] {
        fs::write(folder.0.join(file), SECRET).unwrap();
    }
    let url = "provider.card_token.test.url = 'https://provider.example.com/token'";
    let mut text = format!("{LEAST}\n{url}\n").replace("keys.master_key_file = 'master.key'", "");
    for file in ["ca_file", "client_certificate", "client_key"] {
        text = format!("{text}provider.card_token.test.{file} = 'key.pem'\n");
    }
    let variables = [("VEZNE_MASTER_KEY", SECRET), ("VEZNE_PREVIOUS_MASTER_KEY", SECRET)];
    let config = folder.read_with(&text, &variables).unwrap();
    let shown = format!("{config:?}{}{:?}", config.warnings().join("\n"), config.keys.master.to_string());
    assert!(shown.contains("VEZNE_MASTER_KEY") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn no_report_repeats_a_value() {
    const SECRET: &str = "c2VjcmV0LW9mLTMyLWJ5dGVz";
    let folder = Folder::new();
    let mut texts = vec![
        format!("colour = '{SECRET}'"),
        format!("[keys]\nmaster_key_file = {SECRET}"),
        format!("[keys]\nmaster_key_file = '{SECRET}"),
        format!("[keys]\n{SECRET}"),
        format!("store = '{SECRET}'"),
        format!("store = ['{SECRET}']"),
    ];
    for key in all_keys() {
        texts.push(format!("{key} = '{SECRET}'"));
        texts.push(format!("{key} = ['{SECRET}']"));
        texts.push(format!("{key}.inner = '{SECRET}'"));
        let (name, url) = (variable_of(&key), format!("https://user:{SECRET}@example.com"));
        for value in [SECRET, &url] {
            if let Err(mistakes) = folder.read_with("", &[(&name, value)]) {
                assert!(!format!("{mistakes}{mistakes:?}").contains(SECRET), "{mistakes}");
            }
        }
    }
    for text in texts {
        let mistakes = folder.read(&text).unwrap_err();
        assert!(!format!("{mistakes}{mistakes:?}").contains(SECRET), "{text}: {mistakes}");
    }
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    let mistakes = Folder::new().read("live = false\nlocale = tr\n[server\nlisten = ['127.0.0.1:1']\n").unwrap_err();
    let lines: Vec<&Origin> = mistakes.list().iter().map(|mistake| &mistake.origin).collect();
    assert_eq!(lines, [&Origin::Line(2), &Origin::Line(3)], "{mistakes}");
}

#[test]
fn a_quoted_key_is_not_taken_for_a_dotted_one() {
    let folder = Folder::new();
    let mistakes = folder.read(&format!("{LEAST}\n'server.workers' = 4")).unwrap_err();
    assert_eq!(keys_of(&mistakes), ["\"server.workers\""]);
}

#[test]
fn a_file_is_read_with_its_folder_and_named_in_the_report() {
    let folder = Folder::new();
    let file = folder.0.join("vezne.toml");
    fs::write(&file, LEAST).unwrap();
    assert_eq!(Config::load(Some(&file)).unwrap().server.certificate, Some(folder.0.join("chain.pem")));
    fs::write(&file, format!("{LEAST}\nlive = 1")).unwrap();
    let report = Config::load(Some(&file)).unwrap_err().to_string();
    assert_eq!(
        report,
        format!(
            "1 mistake in the configuration\n\n  live ({}, line 7)\n    found:  a number\n    wanted: true or false",
            file.display()
        )
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    let folder = Folder::new();
    let file = folder.0.join("vezne.toml");
    for (content, found) in
        [(vec![b'#'; (1 << 20) + 1], "above 1 MiB"), (vec![0xff], "cannot be read: "), (Vec::new(), "nothing")]
    {
        fs::write(&file, content).unwrap();
        let report = Config::load(Some(&file)).unwrap_err().to_string();
        assert!(report.contains(found), "{report}");
    }
    assert!(Config::load(Some(&folder.0)).is_err() && Config::load(Some(&folder.0.join("absent.toml"))).is_err());
}

#[test]
fn the_private_listener_is_on_loopback_unless_it_may_be_reached() {
    let folder = Folder::new();
    for (lines, fits) in [
        ("telemetry.listen = '127.0.0.1:9464'", true),
        ("telemetry.listen = '[::1]:9464'", true),
        ("telemetry.listen = '0.0.0.0:9464'", false),
        ("telemetry.listen = '10.0.0.1:9464'", false),
        ("telemetry.listen = '10.0.0.1:9464'\ntelemetry.allow_remote = true", true),
        ("telemetry.listen = 'localhost:9464'", false),
        ("telemetry.listen = 9464", false),
    ] {
        let read = folder.read(&format!("{LEAST}\n{lines}"));
        assert_eq!(read.is_ok(), fits, "{lines}");
        if let Err(mistakes) = read {
            assert_eq!(keys_of(&mistakes), ["telemetry.listen"]);
        }
    }
}

#[test]
fn a_stop_that_may_cut_cards_off_is_warned_of() {
    let folder = Folder::new();
    let warned = |text: &str| {
        let config = folder.read_with(&format!("{LEAST}\n{text}"), &WITH_PROVIDER).unwrap();
        config.warnings().iter().any(|warning| warning.starts_with("server.shutdown_seconds"))
    };
    assert!(!warned(""));
    assert!(warned("server.shutdown_seconds = 14"));
    assert!(!warned("server.shutdown_seconds = 15"));
}
