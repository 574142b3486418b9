//! The program as an operator runs it: commands, exit codes, what is printed.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod audit;
mod backup;
mod environment;
mod events;
mod hardening;
mod keys;
#[cfg(feature = "sandbox")]
mod residue;

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The key that everything is sealed under, unless a test says otherwise.
const MASTER_KEY: &str = "6XhmLp3pCnlgEM/y2+uAqGAgTJZ9RO2kzUnaLTCXJ20=";
/// A secret key as a provider hands it out.
const SECRET_KEY: &str = "zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq/vTeq/4=";

/// A folder with a configuration that needs nothing else.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-cli-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&folder).unwrap();
        write_private(&folder.join("master.key"), MASTER_KEY);
        let config = "[server]\npublic_url = \"http://localhost:8080\"\ndanger_plain_http = true\n\
            [store]\npath = \"vezne.db\"\n[keys]\nmaster_key_file = \"master.key\"\n\
            [provider.card_token.test]\nurl = \"https://127.0.0.1:9/card/token\"\n";
        fs::write(folder.join("vezne.toml"), config).unwrap();
        Self(folder)
    }

    /// Runs a command on this configuration, with `input` on standard input.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vezne"))
            .args(arguments)
            .arg("--config")
            .arg(self.0.join("vezne.toml"))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input has closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str], input: &str, code: i32) -> String {
        let output = self.run(arguments, input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    fn create(&self) -> String {
        let created = self.json(&["merchant", "create", "--name", "Kitapçı", "--allow", "https://shop.example/"]);
        created["id"].as_str().unwrap().to_owned()
    }
}

/// A file that only its owner can read.
fn write_private(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    writeln!(file, "{text}").unwrap();
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_merchant_is_created_shown_changed_and_disabled() {
    let place = Place::new();
    let created = place.json(&[
        "merchant",
        "create",
        "--name",
        "Kitapçı",
        "--allow",
        "https://shop.example/",
        "--allow",
        "http://localhost:1/",
    ]);
    assert!(created["apiKeys"]["test"].as_str().unwrap().starts_with("vz_test_"));
    assert!(created["apiKeys"]["live"].is_null(), "live keys need a live configuration");
    assert!(created["signingSecret"].as_str().unwrap().starts_with("vzsig_"));
    assert!(created["webhookSecret"].as_str().unwrap().starts_with("whsec_"));
    let id = created["id"].as_str().unwrap();

    let shown = place.json(&["merchant", "show", id]);
    assert_eq!((&shown["name"], shown["allow"].as_array().unwrap().len()), (&"Kitapçı".into(), 2));
    assert_eq!(shown["providers"], serde_json::json!([]));
    for secret in ["signingSecret", "webhookSecret"] {
        assert!(!shown.to_string().contains(created[secret].as_str().unwrap()));
    }

    let changed = place.json(&["merchant", "update", id, "--name", "Deniz", "--token-in-redirect", "true"]);
    assert_eq!((&changed["name"], &changed["tokenInRedirect"]), (&"Deniz".into(), &true.into()));
    assert_eq!(changed["allow"], shown["allow"], "what is not named stays");

    place.json(&["merchant", "disable", id]);
    assert!(place.json(&["merchant", "show", id])["disabledAt"].is_string());
    place.json(&["merchant", "update", id, "--enable"]);
    let listed = place.json(&["merchant", "list"]);
    assert_eq!((&listed["merchants"][0]["id"], &listed["merchants"][0]["disabledAt"]), (&id.into(), &Value::Null));
}

#[test]
fn text_for_people_holds_the_same() {
    let place = Place::new();
    let id = place.create();
    for arguments in [vec!["merchant", "list"], vec!["merchant", "show", &id]] {
        let output = place.run(&arguments, "");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(&id));
    }
}

#[test]
fn provider_keys_come_by_standard_input_or_file_and_are_checked_then() {
    let place = Place::new();
    let id = place.create();
    let set =
        ["merchant", "set-provider", &id, "--mode", "test", "--public-key", "cHVibGlj", "--merchant-number", "42"];
    assert_eq!(place.run(&set, &format!("{SECRET_KEY}\n")).status.code(), Some(0));
    assert_eq!(place.json(&["merchant", "show", &id])["providers"], serde_json::json!(["test"]));

    let file = place.0.join("secret");
    fs::write(&file, SECRET_KEY).unwrap();
    let from_file = [&set[..], &["--secret-key-file", file.to_str().unwrap()]].concat();
    assert_eq!(place.run(&from_file, "").status.code(), Some(0));

    let said = place.fails(&set, "not base64!", 2);
    assert!(said.contains("base64") && !said.contains("not base64!"), "{said}");
    assert!(place.fails(&set, "", 2).contains("empty"));

    // An argument is read by every process of the machine: there is none for it.
    let argued = [&set[..], &["--secret-key", SECRET_KEY]].concat();
    assert!(!place.fails(&argued, "", 2).contains(SECRET_KEY));
}

#[test]
fn keys_and_secrets_rotate() {
    let place = Place::new();
    let id = place.create();
    let key = place.json(&["merchant", "rotate-key", &id]);
    assert!(key["apiKey"].as_str().unwrap().starts_with("vz_test_"));
    assert_eq!(place.json(&["merchant", "show", &id])["apiKeys"].as_array().unwrap().len(), 2);
    place.json(&["merchant", "rotate-key", &id]);
    assert_eq!(place.json(&["merchant", "show", &id])["apiKeys"].as_array().unwrap().len(), 2, "two live at a time");
    assert!(place.json(&["merchant", "rotate-signing-secret", &id])["signingSecret"].is_string());
    assert!(place.json(&["merchant", "rotate-signing-secret", &id, "--webhook"])["webhookSecret"].is_string());
}

#[test]
fn what_was_rotated_out_is_listed_with_its_end_and_can_be_ended_at_once() {
    let place = Place::new();
    let id = place.create();
    place.json(&["merchant", "rotate-key", &id]);
    place.json(&["merchant", "rotate-signing-secret", &id]);
    place.json(&["merchant", "rotate-signing-secret", &id, "--webhook"]);
    let live = |list: &str| place.json(&["merchant", "show", &id])[list].as_array().unwrap().clone();
    assert_eq!(
        live("signingSecrets").iter().map(|secret| &secret["signs"]).collect::<Vec<_>>(),
        ["results", "results", "callbacks", "callbacks"]
    );
    let text = String::from_utf8(place.run(&["merchant", "show", &id], "").stdout).unwrap();
    assert_eq!(text.matches(", ends ").count(), 3, "{text}");
    for (list, count) in [("apiKeys", 2), ("signingSecrets", 4)] {
        let (old, new): (Vec<Value>, Vec<Value>) =
            live(list).into_iter().partition(|record| record["retiresAt"].is_string());
        assert_eq!(old.len() + new.len(), count);
        for record in &new {
            let newest = record["id"].as_str().unwrap();
            assert!(place.fails(&["merchant", "retire", &id, newest], "", 2).contains("grace time"));
        }
        for record in &old {
            let key = record["id"].as_str().unwrap();
            place.json(&["merchant", "retire", &id, key]);
            place.fails(&["merchant", "retire", &id, key], "", 2);
        }
        assert_eq!(live(list), new, "what is in force stays");
    }
    let other = place.create();
    place.json(&["merchant", "rotate-key", &id]);
    let keys = live("apiKeys");
    let old = keys.iter().find(|key| key["retiresAt"].is_string()).unwrap()["id"].as_str().unwrap();
    place.fails(&["merchant", "retire", &other, old], "", 2);
    place.fails(&["merchant", "retire", &id, "key_x"], "", 2);
}

/// A picture of one pixel, with a text that is left out of it.
const PNG: &[u8] = include_bytes!("pixel.png");

#[test]
fn a_theme_is_set_shown_changed_and_reset() {
    let place = Place::new();
    let id = place.create();
    let logo = place.0.join("logo.png");
    fs::write(&logo, PNG).unwrap();
    let logo = logo.to_str().unwrap();
    let update = |more: &[&str]| place.json(&[&["merchant", "update", &id], more].concat());
    let themed =
        update(&["--accent", "#00703c", "--radius", "8", "--font", "serif", "--scheme", "auto", "--logo", logo]);
    let theme = &themed["theme"];
    assert_eq!(
        (&theme["accentInLight"], &theme["font"], &theme["radius"]),
        (&"#00703c".into(), &"serif".into(), &8.into())
    );
    assert!(theme["accentInDark"].as_str().is_some_and(|accent| accent != "#00703c"), "{theme}");
    assert_eq!((&theme["logo"]["width"], &theme["logo"]["height"]), (&1.into(), &1.into()));
    assert!(theme["logo"]["bytes"].as_u64().unwrap() < PNG.len() as u64, "its text is left out");
    assert_eq!(place.json(&["merchant", "show", &id]), themed);
    let text = String::from_utf8(place.run(&["merchant", "show", &id], "").stdout).unwrap();
    assert!(text.contains("accent #00703c in light pages") && text.contains("logo 1 × 1"), "{text}");

    let renamed = update(&["--name", "Deniz", "--no-logo"]);
    assert_eq!((&renamed["theme"]["accent"], &renamed["theme"]["logo"]), (&"#00703c".into(), &Value::Null));
    let reset = update(&["--reset-theme", "--radius", "2"]);
    assert_eq!((&reset["theme"]["accent"], &reset["theme"]["radius"]), (&Value::Null, &2.into()));
}

#[test]
fn a_theme_that_cannot_be_read_or_used_is_refused_and_changes_nothing() {
    let place = Place::new();
    let id = place.create();
    let before = place.json(&["merchant", "show", &id]);
    let no_logo = place.0.join("vezne.toml");
    for (arguments, why) in [
        (
            vec!["--accent", "#0a5", "--name", "Deniz"],
            "2.79:1 and needs 4.5:1 (WCAG 2.2, 1.4.3); the nearest accent that passes is #008241",
        ),
        (vec!["--accent", "#00703c", "--scheme", "dark"], "fails in dark pages"),
        (vec!["--accent", "#00703c", "--accent-dark", "#00703c"], "fails in dark pages"),
        (vec!["--accent", "green"], "must be a colour"),
        (vec!["--radius", "25"], "0..=24"),
        (vec!["--font", "Comic Sans"], "--font"),
        (vec!["--scheme", "sepia"], "--scheme"),
        (vec!["--logo", no_logo.to_str().unwrap()], "not a whole PNG"),
    ] {
        let said = place.fails(&[&["merchant", "update", &id], arguments.as_slice()].concat(), "", 2);
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(place.json(&["merchant", "show", &id]), before);
}

#[test]
fn mistakes_have_the_published_exit_codes() {
    let place = Place::new();
    place.fails(&["merchant", "create", "--name", "X", "--allow", "shop.example"], "", 2);
    place.fails(&["merchant", "create", "--name", "", "--allow", "https://shop.example/"], "", 2);
    place.fails(&["merchant", "show", "mer_x"], "", 2);
    place.fails(&["merchant", "show", "mer_00000000000000000000000000"], "", 2);
    fs::write(place.0.join("vezne.toml"), "locale = 7\n[server]\nworkers = -1\n").unwrap();
    for command in [vec!["check-config"], vec!["serve"], vec!["doctor"], vec!["merchant", "list"]] {
        let said = place.fails(&command, "", 3);
        assert!(said.contains("locale") && said.contains("server.workers"), "every mistake at once: {said}");
    }
}

#[test]
fn the_doctor_notices_another_master_key_and_a_provider_that_is_away() {
    let place = Place::new();
    place.create();
    let said = place.run(&["doctor"], "");
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("all 2 sealed records open") && text.contains("FAIL  provider of test mode"), "{text}");
    assert_eq!(said.status.code(), Some(4));
    write_private(&place.0.join("master.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let text = String::from_utf8(place.run(&["doctor"], "").stdout).unwrap();
    assert!(text.contains("FAIL  sealed records") && text.contains("another master key"), "{text}");
}

#[test]
fn a_good_configuration_is_summed_up() {
    let place = Place::new();
    let output = place.run(&["check-config"], "");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("ok\n") && text.contains("danger_plain_http"), "{text}");
}
