//! Tests that need a process of their own: what they do is global, or ends it.

use super::drive::NUMBER;
use super::needles::Needles;
use crate::harness::{TestApp, install_log};
use actix_web::{App, HttpRequest, HttpResponse, web};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use vezne::config::{LogConfig, LogFormat};
use vezne::server::{self, Options};
use vezne::telemetry;

/// Runs an ignored test of this file in a new process.
fn in_a_process(test: &str) -> Output {
    let name = format!("leaks::processes::{test}");
    let output = Command::new(std::env::current_exe().unwrap()).args(["--ignored", "--exact", &name]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("running 1 test"), "{printed}");
    output
}

fn needles() -> Needles {
    let mut needles = Needles::default();
    needles.card_number(NUMBER);
    needles
}

#[test]
fn a_card_number_in_free_text_is_masked_counted_and_fails_its_test() {
    let output = in_a_process("a_test_that_logs_a_card_number");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("a log line held what looks like a card number"), "{text}");
    assert!(text.contains("left: 1") && text.contains("right: 0"), "the counter rose: {text}");
}

#[tokio::test]
#[ignore = "fails on purpose"]
async fn a_test_that_logs_a_card_number() {
    install_log();
    let app = TestApp::start().await;
    tracing::info!(target: "vezne", reason = format!("declined {NUMBER}"), "a line that should not be");
    drop(app);
}

#[test]
fn a_handler_that_panics_with_a_card_number_tells_its_place_alone() {
    let output = in_a_process("a_server_whose_handler_panics");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\"message\":\"panic\"") && text.contains("processes.rs:"), "{text}");
    assert_eq!(needles().found_in("output", &text), Vec::<String>::new());
}

#[test]
#[ignore = "panics on purpose"]
fn a_server_whose_handler_panics() {
    telemetry::init(&LogConfig { level: tracing::Level::TRACE, format: LogFormat::Json });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let request = format!("GET /{NUMBER} HTTP/1.1\r\nHost: localhost\r\nCookie: {NUMBER}\r\n\r\n");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // However it ends: nothing comes back.
        let _ = stream.read_to_string(&mut answer);
        answer
    });
    let answer = actix_rt::System::new().block_on(async {
        let options = Options { workers: 1, ..Options::default() };
        let app = || App::new().default_service(web::route().to(panic_about));
        let running = server::serve("panicking", vec![listener], None, &options, app).unwrap();
        let handle = running.handle();
        let running = actix_rt::spawn(running);
        let answer = actix_rt::task::spawn_blocking(|| client.join().unwrap()).await.unwrap();
        handle.stop(true).await;
        running.await.unwrap().unwrap();
        answer
    });
    assert!(!answer.contains(NUMBER));
}

async fn panic_about(request: HttpRequest) -> HttpResponse {
    panic!("{request:?} {:?}", request.headers());
}

/// Configurations that are refused, each with something secret in the wrong place.
#[test]
fn a_refused_configuration_repeats_nothing_on_standard_error() {
    const SECRET: &str = "zA3R20e1eNc5WPz1PJp4y99ZAOC8YPFv7gsq";
    let folder = std::env::temp_dir().join(format!("vezne-leaks-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let good = "[server]\npublic_url = \"http://localhost:8080\"\ndanger_plain_http = true\nlisten = [\"127.0.0.1:0\"]\n\
        [provider.card_token.test]\nurl = \"https://127.0.0.1:9/card/token\"\n";
    let mut needles = needles();
    needles.secret("secret", SECRET);
    for (what, config, key) in [
        ("a key that is too short", good.to_owned(), SECRET.to_owned()),
        ("a key with a number in it", good.to_owned(), format!("{SECRET}{NUMBER}")),
        ("no TOML", format!("{good}[keys]\nmaster_key_file = {SECRET}"), String::new()),
        ("an open quote", format!("locale = \"{SECRET}\n{good}"), String::new()),
        ("a secret as a path", format!("{good}[keys]\nmaster_key_file = \"{SECRET}\""), String::new()),
        ("a secret as a language", format!("locale = \"{SECRET}\"\n{good}"), SECRET.to_owned()),
        ("a number as a limit", format!("{good}[limits]\napi_per_second = {NUMBER}"), SECRET.to_owned()),
        ("a user in the URL", good.replace("https://", &format!("https://{SECRET}:{NUMBER}@")), SECRET.to_owned()),
        ("a number in the address", good.replace("127.0.0.1:0", NUMBER), SECRET.to_owned()),
    ] {
        for command in ["serve", "check-config", "doctor"] {
            let output = run(&folder, command, &config, &key);
            assert!(!output.status.success() || command == "check-config", "{what}: {command}");
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(needles.found_in(&format!("{what}, {command}"), &text), Vec::<String>::new());
            assert!(!text.contains("panicked"), "{text}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn run(folder: &Path, command: &str, config: &str, key: &str) -> Output {
    let file = folder.join("vezne.toml");
    std::fs::write(&file, config).unwrap();
    let mut vezne = Command::new(env!("CARGO_BIN_EXE_vezne"));
    vezne.arg(command).arg("--config").arg(file).env_clear().current_dir(folder);
    if !key.is_empty() {
        vezne.env("VEZNE_MASTER_KEY", key);
    }
    vezne.output().unwrap()
}
