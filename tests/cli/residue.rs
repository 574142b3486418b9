//! `vezne doctor --residue`: the search itself, and the search of a running window.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed};
use vezne::residue::{
    Needles, RandomCards, Registers, SelfTestError, scan_process, self_test, self_test_shapes, self_test_with_spoiled,
};

const VEZNE: &str = env!("CARGO_BIN_EXE_vezne");

/// `vezne demo` in a folder of its own.
struct Demo {
    process: Child,
    folder: PathBuf,
    announced: Value,
}

impl Demo {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-residue-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&folder).unwrap();
        let mut process = Command::new(VEZNE)
            .args(["demo", "--json", "--port", "0", "--data-dir"])
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, folder, announced: serde_json::from_str(&line).unwrap() }
    }

    fn pid(&self) -> u64 {
        self.announced["pid"].as_u64().unwrap()
    }

    fn key_file(&self, key: &str) -> PathBuf {
        let file = self.folder.join("api.key");
        fs::write(&file, format!("{key}\n")).unwrap();
        file
    }

    /// Examines a process with a key.
    fn doctor(&self, pid: u64, key: &str) -> Output {
        Command::new(VEZNE)
            .args(["doctor", "--residue", "--cards", "20", "--pid", &pid.to_string(), "--config"])
            .arg(self.folder.join("data/vezne.toml"))
            .arg("--api-key-file")
            .arg(self.key_file(key))
            .args(["--log", self.announced["logFile"].as_str().unwrap()])
            .output()
            .unwrap()
    }

    fn api_key(&self) -> &str {
        self.announced["apiKey"].as_str().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_self_test_finds_what_it_plants() {
    let tested = self_test(Path::new(VEZNE)).unwrap();
    assert!(tested.planted >= self_test_shapes().count() * 5, "{tested:?}");
    #[cfg(target_arch = "x86_64")]
    assert!(matches!(tested.registers, Registers::Scanned(threads) if threads >= 2), "{tested:?}");
}

#[test]
fn the_self_test_fails_when_a_shape_is_not_planted() {
    for shape in ["ASCII", "base64, second alignment", "packed BCD, shifted by a nibble"] {
        match self_test_with_spoiled(Path::new(VEZNE), shape) {
            Err(SelfTestError::Missed { shape: missed, .. }) if missed == shape => {}
            other => panic!("{shape}: {other:?}"),
        }
    }
}

#[test]
fn a_process_goes_on_while_it_is_searched() {
    // Threads that come and go, and one that must not lose a signal's effect.
    let mut process = Command::new("sh")
        .args(["-c", "trap 'echo heard' USR1; echo up; while read line; do echo $line; done"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
    assert_eq!(says.next().unwrap().unwrap(), "up");
    let mut needles = Needles::new();
    needles.add_number(0, &RandomCards::new().number()).unwrap();
    for round in 0..5 {
        let report = scan_process(process.id(), &needles).unwrap();
        assert!(report.is_clean() && report.mappings > 5 && report.bytes > 100_000, "{report}");
        std::io::Write::write_all(process.stdin.as_mut().unwrap(), format!("{round}\n").as_bytes()).unwrap();
        assert_eq!(says.next().unwrap().unwrap(), round.to_string());
    }
    drop(process.stdin.take());
    assert_eq!(process.wait().unwrap().code(), Some(0), "it ended as it should");
}

#[test]
fn threads_that_end_meanwhile_do_no_harm() {
    // This process cannot search itself; another vezne searches it.
    let demo = Demo::start();
    let (pid, stop) = (u32::try_from(demo.pid()).unwrap(), Arc::new(AtomicBool::new(false)));
    let connecting = std::thread::spawn({
        let stop = Arc::clone(&stop);
        let address = demo.announced["url"].as_str().unwrap().rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        move || {
            let mut connections = 0;
            while !stop.load(Relaxed) {
                std::net::TcpStream::connect(("127.0.0.1", address)).unwrap();
                connections += 1;
            }
            connections
        }
    });
    let mut needles = Needles::new();
    needles.add_number(0, &RandomCards::new().number()).unwrap();
    for _ in 0..3 {
        let report = scan_process(pid, &needles).unwrap();
        assert!(report.is_clean(), "{report}");
        assert!(!matches!(report.registers, Registers::None), "{report}");
    }
    stop.store(true, Relaxed);
    assert!(connecting.join().unwrap() > 0, "it accepted connections all the while");
}

#[test]
fn the_doctor_examines_a_running_window() {
    let demo = Demo::start();
    let output = demo.doctor(demo.pid(), demo.api_key());
    let said = String::from_utf8(output.stdout).unwrap();
    let failed = String::from_utf8(output.stderr).unwrap();
    println!("{said}{failed}");
    let row = |name: &str| -> Vec<usize> {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {said}{failed}"));
        line[30..].split_whitespace().map(|cell| cell.parse().unwrap_or(0)).collect()
    };
    assert!(said.contains("ok    self-test: "), "{said}");
    let (numbers, codes) = (row("memory and registers: numbers"), row("memory and registers: codes"));
    assert_eq!((numbers[0], codes[0]), (0, 0), "nothing before");
    assert!(numbers[1] > 0, "the positive control");
    assert_eq!((row("log")[2], row("store")[2]), (0, 0));
    let left = numbers[2] + codes[2];
    assert_eq!(output.status.code(), Some(i32::from(left > 0)), "{said}{failed}");
    assert_eq!(failed.contains("copies of card data are left"), left > 0, "{failed}");
    for (way, status) in [("form ", "303"), ("form, by", "200"), ("wrong check digit", "422"), ("too large", "413")] {
        assert!(said.lines().any(|line| line.starts_with(way) && line.contains(status)), "{way}: {said}");
    }
    assert!(
        said.split(|c: char| !c.is_ascii_digit())
            .all(|digits| digits.len() < 9 || said.contains(&format!("0x{digits}")))
    );
}

#[test]
fn the_doctor_refuses_what_would_mean_nothing() {
    let demo = Demo::start();
    let refused = |pid: u64, key: &str, code: i32| {
        let output = demo.doctor(pid, key);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let live = demo.api_key().replace("vz_test_", "vz_live_");
    assert!(refused(demo.pid(), &live, 2).contains("not a test key"));
    assert!(refused(demo.pid(), &format!("vz_test_{}", "0".repeat(52)), 2).contains("no merchant"));
    assert!(refused(999_999_999, demo.api_key(), 2).contains("there is no process"));
    // The demo's parent is a vezne too, but not the one that answers.
    let said = refused(u64::from(demo.process.id()), demo.api_key(), 1);
    assert!(said.contains("was not found in process"), "{said}");
}
