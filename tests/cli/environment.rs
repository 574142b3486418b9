//! What a running window shows of its master key to whoever looks at the
//! process: its environment and its memory.

use crate::{MASTER_KEY, Place, write_private};
use data_encoding::BASE64;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

/// A variable that is left alone: what looks for secrets has to find it.
const CONTROL: (&str, &str) = ("VEZNE_CONTROL", "Zm91bmQtYnktdGhlLWNvbnRyb2w=");
const PREVIOUS: &str = "7LWd3sRd4aHUTBvgzzzqHyjPyRVmZjUpSmNuV1eBLhE=";

/// `vezne serve`, started and listening.
struct Server(Child);

impl Server {
    fn start(place: &Place, variables: &[(&str, &str)]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_vezne"))
            .args(["serve", "--config"])
            .arg(place.0.join("vezne.toml"))
            .env_clear()
            .env("VEZNE_SERVER__LISTEN", "127.0.0.1:0")
            .env(CONTROL.0, CONTROL.1)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn();
        let mut server = Self(child.unwrap());
        let lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        for line in lines {
            said.push(line);
            if said.last().is_some_and(|line| line.contains(r#""serving""#)) {
                return server;
            }
        }
        panic!("it ended: {said:?}");
    }

    /// How often a text is in the environment that the kernel shows.
    fn in_environment(&self, text: &str) -> usize {
        count(&fs::read(format!("/proc/{}/environ", self.0.id())).unwrap(), text.as_bytes())
    }

    /// How often bytes are anywhere in the process's memory.
    fn in_memory(&self, bytes: &[u8]) -> usize {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.0.id())).unwrap();
        let memory = File::open(format!("/proc/{}/mem", self.0.id())).unwrap();
        let mut found = 0;
        for map in maps.lines().filter(|map| map.split(' ').nth(1).is_some_and(|access| access.starts_with('r'))) {
            let (start, end) = map.split(' ').next().unwrap().split_once('-').unwrap();
            let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
            let mut content = vec![0; usize::try_from(end - start).unwrap()];
            // The kernel's own pages cannot be read this way.
            if memory.read_exact_at(&mut content, start).is_ok() {
                found += count(&content, bytes);
            }
        }
        found
    }

    /// Fails when the text of a key, or the key itself, is anywhere.
    fn shows_nothing_of(&self, key: &str) {
        assert_eq!(self.in_environment(key), 0, "text in the environment");
        assert_eq!(self.in_memory(key.as_bytes()), 0, "text in memory");
        assert_eq!(self.in_memory(&BASE64.decode(key.as_bytes()).unwrap()), 0, "key in memory");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn count(content: &[u8], bytes: &[u8]) -> usize {
    let mut found = 0;
    let mut rest = content;
    while let Some(place) = rest.iter().position(|byte| *byte == bytes[0]) {
        found += usize::from(rest[place..].starts_with(bytes));
        rest = &rest[place + 1..];
    }
    found
}

/// The place without its key file's line, and with these lines instead.
fn place_with(lines: &str) -> Place {
    let place = Place::new();
    let file = place.0.join("vezne.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("master_key_file = \"master.key\"", lines)).unwrap();
    place
}

#[test]
fn a_key_from_the_environment_is_nowhere_after_the_start() {
    let place = place_with("");
    let server = Server::start(&place, &[("VEZNE_MASTER_KEY", MASTER_KEY), ("VEZNE_PREVIOUS_MASTER_KEY", PREVIOUS)]);
    assert_eq!((server.in_environment(CONTROL.1), server.in_environment("VEZNE_MASTER_KEY=")), (1, 1));
    assert!(server.in_memory(CONTROL.1.as_bytes()) > 0, "the search finds what is there");
    server.shows_nothing_of(MASTER_KEY);
    server.shows_nothing_of(PREVIOUS);
}

#[test]
fn a_key_from_a_file_is_nowhere_after_the_start() {
    let place = place_with("master_key_file = \"master.key\"\nprevious_master_key_file = \"previous.key\"");
    write_private(&place.0.join("previous.key"), PREVIOUS);
    let server = Server::start(&place, &[]);
    server.shows_nothing_of(MASTER_KEY);
    server.shows_nothing_of(PREVIOUS);
}

#[test]
fn a_key_from_a_credential_is_used_and_nowhere_after_the_start() {
    let place = place_with("");
    let credentials = place.0.join("credentials");
    fs::create_dir(&credentials).unwrap();
    write_private(&credentials.join("master-key"), MASTER_KEY);
    write_private(&credentials.join("previous-master-key"), PREVIOUS);
    let server = Server::start(&place, &[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]);
    server.shows_nothing_of(MASTER_KEY);
    server.shows_nothing_of(PREVIOUS);
}

#[test]
fn two_master_keys_are_a_mistake_and_a_file_that_others_read_too() {
    let place = Place::new();
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vezne"));
        let config = place.0.join("vezne.toml");
        let output = command
            .args(["keys", "status", "--config"])
            .arg(config)
            .env_clear()
            .envs(variables.iter().copied())
            .output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&[("VEZNE_MASTER_KEY", MASTER_KEY)]);
    assert!(code == Some(3) && said.contains("a file and VEZNE_MASTER_KEY"), "{said}");
    write_private(&place.0.join("master-key"), MASTER_KEY);
    let (code, said_too) = run(&[("CREDENTIALS_DIRECTORY", place.0.to_str().unwrap())]);
    assert!(code == Some(3) && said_too.contains("a file and the credential master-key"), "{said_too}");
    assert!(!format!("{said}{said_too}").contains(MASTER_KEY));

    assert_eq!(run(&[]).0, Some(0));
    fs::set_permissions(place.0.join("master.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (code, said) = run(&[]);
    assert!(code == Some(3) && said.contains("chmod 600"), "{said}");
}
