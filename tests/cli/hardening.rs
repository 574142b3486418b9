//! What a hardened process cannot do any more, and that the attempts to do it
//! work where nothing stops them. As root they go on as nobody, as `serve` does.

use super::Place;
use rustix::process::{Pid, Resource, Signal, geteuid, getrlimit, kill_process};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Attempts that the self-test makes.
const ATTEMPTS: usize = 22;
/// Those that only a start as root can show to be possible.
const OF_ROOT: [&str; 6] =
    ["read-shadow", "raw-socket", "ptrace-parent", "read-parents-memory", "become-root", "new-namespace"];

impl Place {
    /// With a user to go on as, where root runs the tests.
    fn for_self_test() -> Self {
        let place = Self::new();
        if geteuid().is_root() {
            let file = place.0.join("vezne.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, text.replacen("[server]\n", "[server]\nuser = \"65534\"\n", 1)).unwrap();
        }
        place
    }

    /// The self-test's exit code, and each attempt with what became of it.
    fn self_test(&self, arguments: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
        let output = self.run(&[&["hardening-self-test"], arguments].concat(), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let line =
            |line: &str| line.split_once(' ').map(|(name, verdict)| (name.to_owned(), verdict.trim().to_owned()));
        let lines: Vec<_> = text.lines().filter_map(line).collect();
        assert_eq!(lines.len(), ATTEMPTS, "{text}{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code(), lines)
    }
}

#[test]
fn nothing_is_allowed_that_an_intruder_would_try() {
    let (code, attempts) = Place::for_self_test().self_test(&[]);
    for (name, verdict) in &attempts {
        assert!(verdict == "killed" || verdict.starts_with("refused: "), "{name}: {verdict}");
    }
    let killed = ["exec", "fork", "spawn", "ptrace-parent", "read-parents-memory", "memfd", "map-executable"];
    for name in killed {
        assert!(attempts.contains(&(name.to_owned(), "killed".to_owned())), "{name}: {attempts:?}");
    }
    assert_eq!(code, Some(0));
}

#[test]
fn the_same_attempts_are_allowed_without_hardening() {
    let (code, attempts) = Place::for_self_test().self_test(&["--unhardened"]);
    let is_root = geteuid().is_root();
    let cores_are_possible = getrlimit(Resource::Core).maximum != Some(0);
    for (name, verdict) in &attempts {
        let can_be = match name.as_str() {
            "core-file" => cores_are_possible,
            name => is_root || !OF_ROOT.contains(&name),
        };
        assert!(!can_be || verdict == "ALLOWED", "{name}: {verdict}");
    }
    assert_eq!(code, Some(1), "the self-test can fail");
}

#[test]
fn the_doctor_tells_what_hardening_achieves() {
    let measures = ["user", "core_files", "dumpable", "privileges", "memory_lock", "landlock", "seccomp"];
    let output = Place::for_self_test().run(&["doctor"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    for measure in measures {
        assert!(text.contains(&format!("hardening: {measure}: ")), "{measure} in\n{text}");
    }
    assert!(text.contains("ok    hardening: seccomp: achieved: "), "{text}");
}

#[test]
fn the_doctor_fails_where_hardening_is_required_and_root_has_no_user() {
    if !geteuid().is_root() {
        eprintln!("not run: needs root");
        return;
    }
    let place = Place::new();
    let file = place.0.join("vezne.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("hardening = \"require\"\n{text}")).unwrap();
    let output = place.run(&["doctor"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("FAIL  hardening: user: missing: runs as root"), "{text}");
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn a_window_that_has_left_root_still_ends_with_its_parent() {
    let place = Place::for_self_test();
    if geteuid().is_root() {
        chown(&place.0, Some(65534), Some(65534)).unwrap();
    }
    let log = place.0.join("window.log");
    let mut parent = Command::new("sh")
        .args(["-c", r#""$0" serve --config "$1" --with-parent $$ > "$2" 2>&1 & wait"#])
        .arg(env!("CARGO_BIN_EXE_vezne"))
        .args([&place.0.join("vezne.toml"), &log])
        .env("VEZNE_SERVER__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let wait_for = |text: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !fs::read_to_string(&log).unwrap_or_default().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {}", fs::read_to_string(&log).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for("serving");
    kill_process(Pid::from_child(&parent), Signal::KILL).unwrap();
    parent.wait().unwrap();
    wait_for("stopped");
}

#[test]
fn a_store_that_root_makes_belongs_to_its_folders_owner() {
    if !geteuid().is_root() {
        eprintln!("not run: needs root");
        return;
    }
    let place = Place::for_self_test();
    chown(&place.0, Some(65534), Some(65534)).unwrap();
    place.create();
    for name in ["vezne.db", "vezne.db-wal", "vezne.db-shm"] {
        // The last connection takes the other two away.
        let Ok(about) = fs::metadata(place.0.join(name)) else { continue };
        assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (65534, 65534, 0o600), "{name}");
    }
    assert!(place.0.join("vezne.db").exists());
}
