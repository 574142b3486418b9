//! The rules that keep the layout true: which module may know which, who may
//! name a card, and where `unsafe` may stand.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod secrets;

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its module (the first folder or file below `src`) and its code.
struct Source {
    path: String,
    module: String,
    code: String,
}

/// Every file below `src`, without comments and without its test module.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    assert!(found.len() > 40, "only {} files found below {}", found.len(), root.display());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let module = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        Source { path: relative, module, code: code_of(&text) }
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => collect(&path, found),
            Some("rs") => found.push(path),
            _ => {}
        }
    }
}

fn code_of(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code_lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    code_lines.collect::<Vec<_>>().join("\n")
}

/// Whether `word` stands in `code` as a word of its own.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

#[test]
fn pure_modules_know_no_web_no_sql_no_clock() {
    let banned = ["actix_web", "rusqlite", "tokio", "hyper", "SystemTime", "Instant", "Timestamp::now"];
    for source in
        sources().iter().filter(|source| ["card", "session", "merchant", "audit"].contains(&source.module.as_str()))
    {
        for word in banned {
            assert!(!source.code.contains(word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    // A module and those that it must not know.
    let rules: [(&str, &[&str]); 10] = [
        ("card", &["session", "merchant", "store", "handoff", "provider", "intake", "page", "api", "startup", "cli"]),
        ("session", &["store", "handoff", "provider", "intake", "page", "api", "startup", "cli"]),
        ("merchant", &["store", "session", "handoff", "provider", "intake", "page", "api", "startup", "cli"]),
        ("audit", &["store", "trail", "handoff", "provider", "intake", "page", "api", "startup", "cli", "session"]),
        ("trail", &["handoff", "provider", "intake", "page", "api", "startup", "cli", "session"]),
        ("store", &["trail", "handoff", "provider", "intake", "page", "api", "startup", "cli", "egress"]),
        ("egress", &["store", "handoff", "provider", "intake", "page", "api", "startup", "cli", "session"]),
        ("provider", &["store", "handoff", "intake", "page", "api", "startup", "cli"]),
        ("handoff", &["provider", "intake", "page", "api", "startup", "cli"]),
        ("api", &["intake", "startup", "cli"]),
    ];
    let sources = sources();
    for (module, unknown) in rules {
        for source in sources.iter().filter(|source| source.module == module) {
            for other in unknown {
                assert!(!source.code.contains(&format!("crate::{other}")), "{} knows {other}", source.path);
            }
        }
    }
}

#[test]
fn only_the_way_of_the_card_names_a_card_number() {
    let may = ["card", "intake", "provider", "sandbox"];
    for source in sources().iter().filter(|source| !may.contains(&source.module.as_str())) {
        for word in ["Pan", "Card", "Cvv"] {
            // The page has a field of that name, and words for what is wrong with it;
            // the residue search looks for the provider's.
            let is_field = word == "Cvv" && ["page", "residue"].contains(&source.module.as_str());
            assert!(is_field || !names(&source.code, word), "{} names {word}", source.path);
        }
    }
}

/// The compiler forbids it: what is checked here is that nobody took that away.
#[test]
fn unsafe_code_is_forbidden_outside_hardening() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let lines: Vec<&str> = library.lines().collect();
    let modules = lines.iter().enumerate().filter(|(_, line)| line.contains("mod ") && line.ends_with(';'));
    let mut known = 0;
    for (number, line) in modules {
        let is_forbidden = lines[number - 1] == "#[forbid(unsafe_code)]";
        assert_eq!(is_forbidden, *line != "pub mod hardening;", "{line}");
        known += 1;
    }
    assert!(known > 15, "only {known} modules found");
    let suites = fs::read_dir(root.join("tests")).unwrap().map(|entry| entry.unwrap().path().join("main.rs"));
    for file in suites.filter(|file| file.exists()).chain([root.join("src/main.rs")]) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{}", file.display());
    }
}

#[test]
fn statuses_of_problems_are_known_to_error_alone() {
    for source in
        sources().iter().filter(|source| ["store", "session", "handoff", "card"].contains(&source.module.as_str()))
    {
        assert!(!source.code.contains("StatusCode"), "{} knows HTTP statuses", source.path);
    }
}

#[test]
fn every_file_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = fs::read_to_string(root.join(&source.path)).unwrap();
        assert!(text.starts_with("//! "), "{} has no module documentation", source.path);
        let name = Path::new(&source.path).file_stem().unwrap().to_str().unwrap();
        assert!(!["utils", "util", "common", "helpers", "types", "misc"].contains(&name), "{}", source.path);
    }
}
