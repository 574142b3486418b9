//! The audit trail: what operators leave in it, and what they find in it.

use crate::{Place, SECRET_KEY, write_private};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use vezne::audit::{ChainCheck, ChainId, ChainRecord, Entry, Hash, Head};

impl Place {
    fn trail(&self) -> Connection {
        let database = Connection::open(self.0.join("vezne.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        database
    }

    /// Changes the trail as somebody does who owns the file.
    fn tamper(&self, sql: &str) {
        let free = "DROP TRIGGER IF EXISTS audit_entries_do_not_change;
                    DROP TRIGGER IF EXISTS audit_entries_go_by_pruning;";
        self.trail().execute_batch(&format!("{free} {sql}")).unwrap();
    }

    fn listed(&self, filters: &[&str]) -> Vec<Value> {
        self.json(&[&["audit", "list"], filters].concat())["entries"].as_array().unwrap().clone()
    }

    /// The actions that are on the trail, oldest first, but for those of looking at it.
    fn actions(&self) -> Vec<String> {
        let sql = "SELECT action FROM audit_entries WHERE chain NOT IN
            (SELECT chain FROM audit_entries WHERE action = 'audit.read') ORDER BY at, chain, number";
        let database = self.trail();
        let mut rows = database.prepare(sql).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// What `verify` finds, which must be its exit code as well.
    fn findings(&self, heads: Option<&str>) -> Vec<(String, String)> {
        let mut arguments = vec!["audit", "verify", "--json"];
        arguments.extend(heads.map(|file| ["--heads", file]).into_iter().flatten());
        let output = self.run(&arguments, "");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(output.status.code(), Some(i32::from(!findings.is_empty())), "{report}");
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        findings.iter().map(|finding| (text(finding, "kind"), text(finding, "text"))).collect()
    }

    fn kinds(&self, heads: Option<&str>) -> Vec<String> {
        self.findings(heads).into_iter().map(|(kind, _)| kind).collect()
    }

    /// A chain of `length` entries and a bit, all of one command's kind.
    fn chain_of(&self, length: usize) -> String {
        // A command leaves three entries; a rotation whose store is slow leaves more. Here: by hand.
        let id = self.create();
        for _ in 0..length {
            self.json(&["merchant", "rotate-key", &id]);
        }
        self.listed(&["--action", "merchant.created"])[0]["chain"].as_str().unwrap().to_owned()
    }

    /// Writes the heads that the store has now into a log of the service's form.
    fn export(&self) -> String {
        let database = self.trail();
        let mut rows = database
            .prepare(
                "SELECT chain, number, hash FROM audit_entries e WHERE number =
            (SELECT max(number) FROM audit_entries WHERE chain = e.chain)",
            )
            .unwrap();
        let lines: Vec<String> = rows
            .query_map([], |row| {
                let hash = data_encoding::BASE64URL_NOPAD.encode(&row.get::<_, Vec<u8>>(2)?);
                let (chain, number): (String, i64) = (row.get(0)?, row.get(1)?);
                Ok(format!(r#"{{"message":"audit head","chain":"{chain}","number":{number},"hash":"{hash}"}}"#))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let file = self.0.join("vezne.log");
        std::fs::write(&file, lines.join("\n")).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

#[test]
fn every_command_of_an_administrator_leaves_its_entry() {
    let place = Place::new();
    let id = place.create();
    let set = ["merchant", "set-provider", &id, "--mode", "test", "--public-key", "cHVi", "--merchant-number", "42"];
    assert_eq!(place.run(&set, SECRET_KEY).status.code(), Some(0));
    place.json(&["merchant", "update", &id, "--name", "Deniz", "--radius", "3"]);
    let key = place.json(&["merchant", "rotate-key", &id])["apiKey"].as_str().unwrap().to_owned();
    place.json(&["merchant", "rotate-signing-secret", &id, "--webhook"]);
    let old = place.json(&["merchant", "show", &id])["apiKeys"].as_array().unwrap().clone();
    let old = old.iter().find(|key| key["retiresAt"].is_string()).unwrap()["id"].as_str().unwrap().to_owned();
    place.json(&["merchant", "retire", &id, &old]);
    place.fails(&["merchant", "retire", &id, &old], "", 2);
    place.json(&["merchant", "disable", &id]);
    place.json(&["merchant", "list"]);

    let entries = place.listed(&["--on", &id]);
    let told: Vec<String> = entries
        .iter()
        .rev()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("action"), text("outcome"), text("detail"))
        })
        .collect();
    let starts = [
        "merchant.created done modes=test",
        "provider.set done mode=test key=key_",
        "merchant.updated done fields=name,theme",
        "api_key.rotated done mode=test key=key_",
        "secret.rotated done kind=webhook key=key_",
        &format!("key.retired done key={old}"),
        &format!("key.retired failed key={old}"),
        "merchant.disabled done ",
    ];
    assert_eq!(told.len(), starts.len(), "{told:#?}");
    for (told, start) in told.iter().zip(starts) {
        assert!(told.starts_with(start), "{told}: {start}");
    }
    let user = rustix::process::getuid().as_raw();
    for entry in &entries {
        assert_eq!(entry["actor"], "operator");
        assert!(entry["actorName"].as_str().unwrap().contains(&format!("({user})")), "{entry}");
    }
    assert!(told[3].ends_with("grace_s=86400"), "{}", told[3]);
    // Each command is a chain of its own, whole and closed; one that changes nothing leaves none.
    let chains: BTreeSet<_> = entries.iter().map(|entry| entry["chain"].as_str().unwrap().to_owned()).collect();
    assert_eq!(chains.len(), starts.len());
    let actions = place.actions();
    let count = |name: &str| actions.iter().filter(|action| *action == name).count();
    assert_eq!((count("chain.opened"), count("chain.closed")), (starts.len(), starts.len()));
    assert_eq!(place.findings(None), []);
    // Nothing secret is on it.
    let everything = format!("{:?}", place.listed(&[]));
    assert!(!everything.contains(&key) && !everything.contains(SECRET_KEY));
}

#[test]
fn a_change_that_cannot_be_recorded_is_not_made() {
    let place = Place::new();
    let id = place.create();
    let before = (place.json(&["merchant", "list"]), place.json(&["merchant", "show", &id]));
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    place.trail().execute_batch(full).unwrap();
    for command in [
        vec!["merchant", "create", "--name", "Deniz", "--allow", "https://shop.example/"],
        vec!["merchant", "update", &id, "--name", "Deniz"],
        vec!["merchant", "rotate-key", &id],
        vec!["merchant", "rotate-signing-secret", &id],
        vec!["merchant", "disable", &id],
        vec!["audit", "list"],
        vec!["audit", "verify"],
    ] {
        let said = place.fails(&command, "", 4);
        assert!(said.contains("disk full"), "{command:?}: {said}");
    }
    assert_eq!((place.json(&["merchant", "list"]), place.json(&["merchant", "show", &id])), before);
    // A master key's rotation: not one record is sealed anew.
    std::fs::rename(place.0.join("master.key"), place.0.join("previous.key")).unwrap();
    write_private(&place.0.join("master.key"), SECRET_KEY);
    let file = place.0.join("vezne.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[keys]", "[keys]\nprevious_master_key_file = \"previous.key\"")).unwrap();
    assert!(place.fails(&["keys", "rotate"], "", 4).contains("disk full"));
    let status = place.json(&["keys", "status"]);
    assert_eq!(status["keys"].as_object().unwrap().keys().collect::<Vec<_>>(), [status["previous"].as_str().unwrap()]);
    place.trail().execute_batch("DROP TRIGGER full").unwrap();
    place.json(&["keys", "rotate"]);
    let rotated = place.listed(&["--action", "master_key.rotated"]);
    let outcomes: Vec<_> = rotated.iter().map(|entry| (&entry["outcome"], &entry["count"])).collect();
    assert_eq!(outcomes, [(&"done".into(), &2.into()), (&"begun".into(), &1.into())]);
}

#[test]
fn what_was_changed_taken_out_or_moved_is_found_and_named() {
    let place = Place::new();
    let chain = place.chain_of(2);
    assert_eq!(place.findings(None), []);
    let whole = place.0.join("whole.db");
    place.trail().execute("VACUUM INTO ?", [whole.to_str().unwrap()]).unwrap();
    let of_chain = format!("WHERE chain = '{chain}'");
    let cases = [
        (
            format!("UPDATE audit_entries SET actor_name = 'nobody(1)' {of_chain} AND number = 2"),
            "changed",
            "2: changed",
        ),
        (format!("UPDATE audit_entries SET at = at + 1 {of_chain} AND number = 1"), "changed", "1: changed"),
        (format!("UPDATE audit_entries SET detail = detail || char(10) {of_chain} AND number = 2"), "changed", "2:"),
        (format!("UPDATE audit_entries SET hash = zeroblob(32) {of_chain} AND number = 2"), "changed", "2: changed"),
        (format!("UPDATE audit_entries SET hash = x'00' {of_chain} AND number = 1"), "changed", "1: changed"),
        (format!("DELETE FROM audit_entries {of_chain} AND number = 2"), "missing", "2: missing"),
        (format!("DELETE FROM audit_entries {of_chain} AND number <= 2"), "missing", "1 to 2: missing"),
        (
            format!(
                "UPDATE audit_entries SET number = -1 {of_chain} AND number = 2;
                 UPDATE audit_entries SET number = 2 {of_chain} AND number = 3;
                 UPDATE audit_entries SET number = 3 {of_chain} AND number = -1"
            ),
            "moved",
            "2: was written as number 3",
        ),
        (format!("DELETE FROM audit_entries {of_chain} AND number = 3"), "truncated", "3 to 3: cut off"),
        (format!("DELETE FROM audit_chains WHERE id = '{chain}'"), "chain-missing", "its record is missing"),
        (format!("UPDATE audit_chains SET hash = zeroblob(32) WHERE id = '{chain}'"), "head-differs", "3: is not"),
    ];
    for (sql, kind, text) in cases {
        place.tamper(&sql);
        let findings = place.findings(None);
        assert!(findings.iter().any(|(found, said)| found == kind && said.contains(text)), "{sql}: {findings:?}");
        assert!(findings.iter().all(|(_, said)| said.contains(&chain)), "no other chain is blamed: {findings:?}");
        // Text for people says the same.
        let output = place.run(&["audit", "verify"], "");
        assert!(String::from_utf8(output.stdout).unwrap().contains(text));
        // Back to the whole one.
        for file in ["vezne.db-wal", "vezne.db-shm"] {
            let _ = std::fs::remove_file(place.0.join(file));
        }
        std::fs::copy(&whole, place.0.join("vezne.db")).unwrap();
        assert_eq!(place.findings(None), []);
    }
}

#[test]
fn an_entry_that_was_written_anew_with_its_hash_does_not_fit_its_neighbours() {
    let place = Place::new();
    let chain = place.chain_of(0);
    // The second entry, forged in full: its own hash is right.
    let forged = vezne_entry(&place, &chain, 2, "mer_00000000000000000000000000");
    place.tamper(&format!(
        "UPDATE audit_entries SET subject = 'mer_00000000000000000000000000', hash = x'{forged}'
         WHERE chain = '{chain}' AND number = 2"
    ));
    assert_eq!(place.findings(None), [("unlinked".to_owned(), place.findings(None)[0].1.clone())]);
    assert!(place.findings(None)[0].1.starts_with(&format!("{chain} 3:")));
}

/// The hash, in hexadecimal, of an entry with another subject: by the words of docs/audit.md.
fn vezne_entry(place: &Place, chain: &str, number: i64, subject: &str) -> String {
    let entries = place.listed(&["--chain", chain]);
    let entry = entries.iter().find(|entry| entry["number"] == number).unwrap();
    let text = |name: &str| match &entry[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let lines = [
        "vezne-audit-v1".to_owned(),
        text("chain"),
        text("number"),
        text("at"),
        text("previous"),
        text("actor"),
        text("actorName"),
        text("action"),
        subject.to_owned(),
        text("outcome"),
        text("count"),
        text("detail"),
    ];
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, lines.join("\n").as_bytes());
    data_encoding::HEXLOWER.encode(hash.as_ref())
}

#[test]
fn with_exported_heads_a_cut_tail_and_a_lost_chain_are_found() {
    let place = Place::new();
    let chain = place.chain_of(1);
    let heads = place.export();
    assert_eq!(place.kinds(Some(&heads)), Vec::<String>::new());
    // Whoever owns the store makes its record fit the cut: without heads nobody can tell.
    place.tamper(&format!(
        "DELETE FROM audit_entries WHERE chain = '{chain}' AND number = 3;
         UPDATE audit_chains SET number = 2, hash =
            (SELECT hash FROM audit_entries WHERE chain = '{chain}' AND number = 2) WHERE id = '{chain}'"
    ));
    assert_eq!(place.kinds(None), Vec::<String>::new());
    let findings = place.findings(Some(&heads));
    assert_eq!(findings[0].0, "truncated");
    assert!(findings[0].1.starts_with(&format!("{chain} 3 to 3: cut off; the log")), "{findings:?}");
    // The whole chain.
    place.tamper(&format!(
        "DELETE FROM audit_entries WHERE chain = '{chain}'; DELETE FROM audit_chains WHERE id = '{chain}'"
    ));
    assert_eq!(place.kinds(None), Vec::<String>::new());
    assert_eq!(place.kinds(Some(&heads)), ["chain-missing"]);
    place.fails(&["audit", "verify", "--heads", "/nowhere/at/all"], "", 4);
}

#[test]
fn entries_do_not_change_by_accident() {
    let place = Place::new();
    place.create();
    for sql in ["UPDATE audit_entries SET count = 2", "DELETE FROM audit_entries"] {
        let refused = place.trail().execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("audit"), "{refused}");
    }
}

#[test]
fn pruning_leaves_anchors_and_is_an_entry_and_a_forged_anchor_is_found() {
    let place = Place::new();
    let id = place.create();
    place.json(&["merchant", "rotate-key", &id]);
    place.fails(&["audit", "prune", "--older-than", "364"], "", 2);
    assert_eq!(place.json(&["audit", "prune", "--older-than", "365"])["pruned"], 0);
    assert_eq!(place.listed(&["--action", "audit.pruned"]), Vec::<Value>::new());
    let heads = place.export();
    let prune = ["audit", "prune", "--older-than", "0", "--danger-less-than-a-year"];
    let pruned = place.json(&prune)["pruned"].as_u64().unwrap();
    assert!(pruned >= 6, "{pruned}");
    let entries = place.listed(&["--action", "audit.pruned"]);
    assert_eq!((entries.len(), &entries[0]["count"]), (1, &pruned.into()));
    assert!(entries[0]["detail"].as_str().unwrap().contains("days=0"));
    assert!(place.listed(&["--on", &id]).is_empty());
    assert_eq!((place.findings(None), place.findings(Some(&heads))), (vec![], vec![]));
    place.json(&["merchant", "rotate-key", &id]);
    assert_eq!(place.findings(None), []);
    // Again: what the first pruning has written goes, and the new one speaks for all.
    place.json(&prune);
    assert_eq!((place.findings(None), place.listed(&["--action", "audit.pruned"]).len()), (vec![], 1));
    // Somebody prunes by hand what was written last, and moves the anchor there.
    place.json(&["merchant", "disable", &id]);
    place.tamper(&format!(
        "UPDATE audit_chains SET anchor_number = number, anchor_hash = hash WHERE id IN
            (SELECT chain FROM audit_entries WHERE action = 'merchant.disabled');
         DELETE FROM audit_entries WHERE chain IN (SELECT chain FROM audit_entries WHERE subject = '{id}')"
    ));
    assert_eq!(place.kinds(None), ["anchors-forged"]);
}

#[test]
fn a_list_is_filtered() {
    let place = Place::new();
    let (first, second) = (place.create(), place.create());
    place.json(&["merchant", "disable", &second]);
    let count = |filters: &[&str]| place.listed(filters).len();
    assert_eq!((count(&["--on", &first]), count(&["--on", &second])), (1, 2));
    assert_eq!(count(&["--action", "merchant.created"]), 2);
    assert_eq!(count(&["--action", "merchant.created", "--on", &second, "--who", "operator"]), 1);
    assert_eq!((count(&["--who", "key_x"]), count(&["--until", "2020-01-01T00:00:00Z"])), (0, 0));
    assert_eq!(count(&["--since", "2020-01-01T00:00:00Z", "--limit", "3"]), 3);
    assert!(place.fails(&["audit", "list", "--action", "merchant.deleted"], "", 2).contains("merchant.created"));
    let reads = place.listed(&["--action", "audit.read"]);
    assert_eq!(reads[0]["detail"], "command=list", "looking at the trail is on it, too");
    let text = String::from_utf8(place.run(&["audit", "list", "--on", &first], "").stdout).unwrap();
    assert!(text.contains(&first) && text.contains("merchant.created") && text.lines().count() == 1, "{text}");
}

#[test]
fn processes_at_once_have_a_chain_each() {
    let place = Place::new();
    let id = place.create();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_vezne"))
                .args(["merchant", "rotate-key", &id, "--config"])
                .arg(place.0.join("vezne.toml"))
                .env_clear()
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let rotated = place.listed(&["--action", "api_key.rotated"]);
    let chains: BTreeSet<_> = rotated.iter().map(|entry| entry["chain"].as_str().unwrap()).collect();
    assert_eq!((chains.len(), place.findings(None)), (4, vec![]));
}

/// `tests/vectors/audit.json`, made with Python's hashlib by the words of docs/audit.md.
#[test]
fn the_published_vector_is_a_sound_chain() {
    let vector: Value = serde_json::from_str(include_str!("../vectors/audit.json")).unwrap();
    let entries: Vec<Entry> = vector["entries"].as_array().unwrap().iter().map(entry_of).collect();
    assert!(entries.len() >= 4 && entries.iter().all(Entry::is_whole));
    let last = entries.last().unwrap();
    let head = Head { chain: last.chain.clone(), number: last.number, hash: last.hash };
    let record = ChainRecord { head: head.clone(), anchor_number: 0, anchor_hash: Hash::NONE };
    let exported = [head];
    let mut check = ChainCheck::new(record, &exported);
    for entry in &entries {
        check.entry(entry);
    }
    assert!(check.is_closed() && check.finish().is_empty());
}

fn entry_of(json: &Value) -> Entry {
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let number = |name: &str| json[name].as_i64().unwrap();
    let hash = |name: &str| Hash::parse(json[name].as_str().unwrap()).unwrap();
    Entry {
        chain: ChainId::from_store(text("chain")),
        number: number("number"),
        at: number("at"),
        previous: hash("previous"),
        actor: text("actor"),
        actor_name: text("actorName"),
        action: text("action"),
        subject: text("subject"),
        outcome: text("outcome"),
        count: number("count"),
        detail: text("detail"),
        hash: hash("hash"),
    }
}
