//! Replacing the master key, as an operator does it.

use crate::{MASTER_KEY, Place, write_private};
use rusqlite::{Connection, params};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use vezne::hardening::{MasterKey, MasterKeys, SealContext, Sealed, Sealer};

fn generate(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vezne")).args(["keys", "generate"]).arg(file).env_clear().output().unwrap()
}

fn sealer(text: &str) -> Sealer {
    MasterKeys::from(MasterKey::parse(text).unwrap()).sealer().unwrap()
}

impl Place {
    /// Puts a new master key in force; with `keep`, the one before still opens.
    fn replace_key(&self) -> String {
        fs::rename(self.0.join("master.key"), self.0.join("previous.key")).unwrap();
        assert_eq!(generate(&self.0.join("master.key")).status.code(), Some(0));
        self.configure("master_key_file = \"master.key\"\nprevious_master_key_file = \"previous.key\"");
        fs::read_to_string(self.0.join("master.key")).unwrap()
    }

    fn configure(&self, keys: &str) {
        let file = self.0.join("vezne.toml");
        let text = fs::read_to_string(&file).unwrap();
        let others: Vec<&str> = text.lines().filter(|line| !line.contains("master_key_file")).collect();
        fs::write(file, others.join("\n").replace("[keys]", &format!("[keys]\n{keys}"))).unwrap();
    }

    fn database(&self) -> Connection {
        let database = Connection::open(self.0.join("vezne.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        database
    }

    fn stdout(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments, "");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Adds signing secrets and sessions with a token, all sealed by `sealer`.
    /// Each secret is the id of its row.
    fn fill(&self, merchant: &str, sealer: &Sealer, count: usize) {
        let database = self.database();
        database.execute_batch("BEGIN").unwrap();
        for number in 0..count {
            let (key, session) = (format!("key_{number:026}"), format!("ses_{number:026}"));
            let seal = |record: &str, field| sealer.seal(SealContext { record, field }, record).unwrap();
            database
                .execute(
                    "INSERT INTO merchant_secrets (id, merchant_id, kind, sealed, created_at, retires_at)
                     VALUES (?, ?, 'result', ?, 1, ?)",
                    params![key, merchant, seal(&key, "result").as_bytes(), (number % 2 == 0).then_some(2)],
                )
                .unwrap();
            let token = (number % 3 != 0).then(|| seal(&session, "card_token"));
            database
                .execute(
                    "INSERT INTO sessions (id, merchant_id, mode, secret, purpose, handoff, status, conversation_id,
                        return_url, metadata, created_at, expires_at, ended_at, card_token)
                     VALUES (?1, ?2, 'test', CAST(?1 AS BLOB), 'tokenize', 'redirect', 'expired', 'c', 'https://shop.example/', '{}',
                        1, 2, 2, ?3)",
                    params![session, merchant, token.as_ref().map(Sealed::as_bytes)],
                )
                .unwrap();
        }
        database.execute_batch("COMMIT").unwrap();
    }

    /// How many records carry a key's name.
    fn under(&self, key: &str) -> usize {
        let database = self.database();
        let count = |table: &str, column: &str| -> usize {
            let sql = format!("SELECT count(*) FROM {table} WHERE lower(hex(substr({column}, 2, 4))) = ?");
            usize::try_from(database.query_row(&sql, [key], |row| row.get::<_, i64>(0)).unwrap()).unwrap()
        };
        count("merchant_secrets", "sealed") + count("sessions", "card_token")
    }

    /// Opens every record that [`Place::fill`] added; says how many there are.
    fn open_all(&self, key: &Sealer) -> usize {
        let database = self.database();
        let mut opened = 0;
        for (table, column, field) in
            [("merchant_secrets", "sealed", "result"), ("sessions", "card_token", "card_token")]
        {
            let sql = format!("SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL AND id LIKE '%_000000%'");
            let mut statement = database.prepare(&sql).unwrap();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let (id, sealed): (String, Vec<u8>) = (row.get(0).unwrap(), row.get(1).unwrap());
                let context = SealContext { record: &id, field };
                assert_eq!(key.open(context, &Sealed::from_bytes(sealed)).unwrap().expose(), id);
                opened += 1;
            }
        }
        opened
    }
}

#[test]
fn a_new_key_is_private_usable_and_never_replaces_another() {
    let place = Place::new();
    let file = place.0.join("new.key");
    let output = generate(&file);
    let said = String::from_utf8(output.stdout).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let id = MasterKey::parse(&text).unwrap().id().to_string();
    assert!(output.status.success() && said.contains(&id) && !said.contains(text.trim()), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(generate(&file).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(generate(&place.0.join("absent/new.key")).status.code(), Some(4));
}

#[test]
fn a_rotation_that_is_killed_and_run_again_loses_nothing() {
    const COUNT: usize = 3000;
    const RECORDS: usize = COUNT + COUNT / 3 * 2;
    let place = Place::new();
    let merchant = place.create();
    place.fill(&merchant, &sealer(MASTER_KEY), COUNT);
    // The merchant's own two secrets as well.
    let all = RECORDS + 2;
    let new_key = place.replace_key();
    let (before, after) = (sealer(MASTER_KEY), sealer(&new_key));
    let (old, new) = (before.current().to_string(), after.current().to_string());
    let doctor = place.stdout(&["doctor"], 4);
    assert!(
        doctor.contains("sealed records open") && doctor.contains(&format!("warn  {all} sealed records")),
        "{doctor}"
    );

    for reached in [1, all / 2] {
        let mut rotation = Command::new(env!("CARGO_BIN_EXE_vezne"))
            .args(["keys", "rotate", "--config"])
            .arg(place.0.join("vezne.toml"))
            .env_clear()
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while place.under(&new) < reached {
            assert!(rotation.try_wait().unwrap().is_none(), "it was killed before its end");
        }
        rotation.kill().unwrap();
        assert!(!rotation.wait().unwrap().success());
        let (left, done) = (place.under(&old), place.under(&new));
        assert!(left > 0 && done >= reached && left + done == all, "{left} and {done} of {all}");
    }
    let doctor = place.stdout(&["doctor"], 4);
    assert!(doctor.contains("sealed records open") && doctor.contains("vezne keys rotate"), "{doctor}");
    let (left, status) = (place.under(&old), place.json(&["keys", "status"]));
    assert_eq!((&status["current"], &status["previous"]), (&new.as_str().into(), &old.as_str().into()));
    let counted: u64 = status["keys"][&old].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, left as u64);

    let said = place.stdout(&["keys", "rotate"], 0);
    assert!(said.contains(&format!("{left} records sealed anew under {new}")), "{said}");
    assert!(said.contains("the previous key can be removed"), "{said}");
    assert_eq!((place.under(&old), place.under(&new)), (0, all));
    assert!(place.stdout(&["keys", "rotate"], 0).contains("0 records sealed anew"), "again is harmless");

    place.configure("master_key_file = \"master.key\"");
    assert_eq!(place.open_all(&after), RECORDS);
    let doctor = place.stdout(&["doctor"], 4);
    assert!(doctor.contains("sealed records open") && !doctor.contains("vezne keys rotate"), "{doctor}");
}

#[test]
fn what_opens_under_neither_key_is_told_and_left_alone() {
    let place = Place::new();
    let merchant = place.create();
    place.fill(&merchant, &sealer("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), 6);
    let damaged = "UPDATE merchant_secrets SET sealed = CAST(sealed || 'x' AS BLOB) WHERE id NOT LIKE '%_000000%'";
    assert_eq!(place.database().execute(damaged, []).unwrap(), 2);
    let before = place
        .database()
        .query_row("SELECT group_concat(hex(sealed)) FROM merchant_secrets", [], |row| row.get::<_, String>(0));
    place.replace_key();
    let doctor = place.stdout(&["doctor"], 4);
    assert!(doctor.contains("FAIL  sealed records: under another master key"), "{doctor}");
    assert!(doctor.contains("secrets 3, retired secrets 3, card tokens 4"), "{doctor}");
    assert!(doctor.contains("changed, cut or moved: secrets 2"), "{doctor}");
    let said = place.fails(&["keys", "rotate"], "", 3);
    assert!(said.contains("do not open"), "{said}");
    assert!(place.stdout(&["keys", "status"], 0).contains("not configured"));
    let after = place
        .database()
        .query_row("SELECT group_concat(hex(sealed)) FROM merchant_secrets", [], |row| row.get::<_, String>(0));
    assert_eq!(before, after);
}

#[test]
fn a_rotation_needs_two_keys_that_differ() {
    let place = Place::new();
    place.create();
    assert!(place.fails(&["keys", "rotate"], "", 3).contains("keys.previous_master_key_file"));
    write_private(&place.0.join("previous.key"), MASTER_KEY);
    place.configure("master_key_file = \"master.key\"\nprevious_master_key_file = \"previous.key\"");
    assert!(place.fails(&["keys", "rotate"], "", 3).contains("the same as the master key"));
}
