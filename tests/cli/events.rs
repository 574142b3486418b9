//! `vezne events`: what an operator sees of events, and can do with them.

use super::Place;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use vezne::id::{EventId, MerchantId, SessionId};

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// What must not be printed, sealed or not.
const TOKEN: &str = "a-card-token-that-rests-here";

/// A store with a merchant, written to as a window would.
struct Scene {
    place: Place,
    db: Connection,
    merchant: MerchantId,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let merchant = MerchantId::parse(&place.create()).unwrap();
        let db = Connection::open(place.0.join("vezne.db")).unwrap();
        Self { place, db, merchant }
    }

    fn session(&self) -> SessionId {
        let id = SessionId::generate();
        self.db
            .execute(
                "INSERT INTO sessions (id, merchant_id, mode, secret, purpose, handoff, status, conversation_id,
                    return_url, callback_url, metadata, created_at, expires_at, ended_at, card_token)
                 VALUES (?1, ?2, 'test', ?3, 'tokenize', 'redirect', 'completed', 'order-1', 'https://shop.example/',
                    'https://shop.example/hook', '{}', 1000, 901000, 2000, ?4)",
                params![id.as_str(), self.merchant.as_str(), id.as_str().as_bytes(), TOKEN.as_bytes()],
            )
            .unwrap();
        id
    }

    fn event(&self, session: &SessionId, state: &str) -> EventId {
        let id = EventId::generate();
        let url = (state != "unaddressed").then_some("https://shop.example/hook");
        let endpoint = url.map(|_| format!("{} https://shop.example", self.merchant));
        self.db
            .execute(
                "INSERT INTO events (id, merchant_id, mode, session_id, kind, callback_url, endpoint, created_at, state,
                    scheduled_at, due_at, settled_at)
                 VALUES (?1, ?2, 'test', ?3, 'session.completed', ?4, ?5, unixepoch() * 1000, ?6, unixepoch() * 1000,
                    CASE WHEN ?6 = 'pending' THEN 4000000000000 END, CASE WHEN ?6 <> 'pending' THEN 3000 END)",
                params![id.as_str(), self.merchant.as_str(), session.as_str(), url, endpoint, state],
            )
            .unwrap();
        id
    }

    fn attempt(&self, event: &EventId, number: u32, status: Option<u16>, reason: Option<&str>) {
        self.db
            .execute(
                "INSERT INTO delivery_attempts (event_id, number, ended_at, latency_ms, status, reason, answer)
                 VALUES (?, ?, unixepoch() * 1000, 41, ?, ?, 'Bad Gateway')",
                params![event.as_str(), number, status, reason],
            )
            .unwrap();
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.place.run(arguments, "");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(TOKEN), "{text}");
        text
    }
}

#[test]
fn events_are_listed_and_shown_with_their_attempts() {
    let scene = Scene::new();
    let (first, second) = (scene.session(), scene.session());
    let abandoned = scene.event(&first, "abandoned");
    let unheard = scene.event(&second, "unaddressed");
    scene.attempt(&abandoned, 1, Some(502), Some("status"));
    scene.attempt(&abandoned, 2, None, Some("timeout"));

    let all = scene.text(&["events", "list"]);
    assert!(all.contains(abandoned.as_str()) && all.contains(unheard.as_str()), "{all}");
    let merchant = scene.merchant.as_str();
    for narrow in [["--state", "abandoned"], ["--session", first.as_str()]] {
        let list = scene.place.json(&["events", "list", "--merchant", merchant, narrow[0], narrow[1]]);
        assert_eq!(list["events"].as_array().unwrap().len(), 1, "{list}");
        assert_eq!((&list["events"][0]["id"], &list["events"][0]["mode"]), (&json!(abandoned), &json!("test")));
    }
    assert_eq!(scene.place.json(&["events", "list", "--type", "test.ping"])["events"], json!([]));
    assert_eq!(scene.place.json(&["events", "list", "--limit", "1"])["events"].as_array().unwrap().len(), 1);

    let shown = scene.place.json(&["events", "show", abandoned.as_str()]);
    let attempts = shown["attempts"].as_array().unwrap();
    assert_eq!((&attempts[0]["status"], &attempts[0]["reason"]), (&json!(502), &json!("status")));
    assert_eq!((&attempts[1]["status"], &attempts[1]["latencyMs"]), (&Value::Null, &json!(41)));
    assert!(!shown.to_string().contains(TOKEN) && shown.get("data").is_none());
    let text = scene.text(&["events", "show", abandoned.as_str()]);
    for word in ["abandoned", "https://shop.example/hook", "502", "timeout", "Bad Gateway", first.as_str()] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn an_event_is_made_due_again() {
    let scene = Scene::new();
    let session = scene.session();
    let abandoned = scene.event(&session, "abandoned");
    let due = scene.place.json(&["events", "redeliver", abandoned.as_str()]);
    assert_eq!((&due["state"], due["nextAttemptAt"].is_string()), (&json!("pending"), true));
    assert!(scene.text(&["events", "redeliver", abandoned.as_str()]).contains("due now"));
    let audited = scene.place.json(&["audit", "list", "--action", "event.redelivered", "--on", abandoned.as_str()]);
    let audited = audited["entries"].as_array().unwrap();
    assert!(audited.len() == 2 && audited.iter().all(|entry| entry["actor"] == "operator"), "{audited:?}");
    let unheard = scene.event(&session, "unaddressed");
    let said = scene.place.fails(&["events", "redeliver", unheard.as_str()], "", 2);
    assert!(said.contains("callbackUrl"), "{said}");
}

#[test]
fn what_is_not_there_or_means_nothing_is_said() {
    let scene = Scene::new();
    let unknown = EventId::generate();
    for verb in ["show", "redeliver"] {
        assert!(scene.place.fails(&["events", verb, unknown.as_str()], "", 2).contains("no such event"));
        assert!(scene.place.fails(&["events", verb, "4"], "", 2).contains("evt_"));
    }
    assert!(scene.place.fails(&["events", "list", "--state", "lost"], "", 2).contains("endpoint_disabled"));
    assert!(scene.place.fails(&["events", "list", "--type", "lost"], "", 2).contains("session.completed"));
    assert!(scene.place.fails(&["events", "list", "--session", "x"], "", 2).contains("ses_"));
    scene.place.fails(&["events", "list", "--limit", "0"], "", 2);
}

/// A running `vezne events tail`.
struct Tail {
    child: Child,
    lines: Receiver<String>,
}

impl Tail {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vezne"))
            .args(["events", "tail", "--config"])
            .arg(scene.place.0.join("vezne.toml"))
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_tail_prints_what_happens_until_it_is_interrupted() {
    let scene = Scene::new();
    let session = scene.session();
    let newest = scene.event(&session, "delivered");
    let mut tail = Tail::start(&scene, &["--json"]);
    let line = || serde_json::from_str::<Value>(&tail.next()).unwrap();
    assert_eq!(line()["event"]["id"], json!(newest), "where it begins");
    let event = scene.event(&session, "pending");
    assert_eq!(line()["event"]["id"], json!(event));
    scene.attempt(&event, 1, Some(500), Some("status"));
    let attempt = line();
    assert_eq!((&attempt["attempt"]["event"], &attempt["attempt"]["status"]), (&json!(event), &json!(500)));
    scene.attempt(&event, 2, Some(204), None);
    assert_eq!(line()["attempt"]["number"], 2, "each once");

    rustix::process::kill_process(rustix::process::Pid::from_child(&tail.child), rustix::process::Signal::INT).unwrap();
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
    assert!(tail.lines.recv_timeout(PATIENCE).is_err(), "nothing twice");
}

#[test]
fn a_tail_keeps_to_its_filter() {
    let scene = Scene::new();
    let (followed, other) = (scene.session(), scene.session());
    let tail = Tail::start(&scene, &["--session", followed.as_str()]);
    let others = scene.event(&other, "pending");
    scene.attempt(&others, 1, Some(500), Some("status"));
    let event = scene.event(&followed, "pending");
    assert!(tail.next().contains(event.as_str()));
    scene.attempt(&event, 1, Some(500), Some("status"));
    let line = tail.next();
    assert!(line.contains(event.as_str()) && line.contains("attempt 1"), "{line}");
}
