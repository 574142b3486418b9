//! Runs every input that fuzzing ever kept, and the properties that need no
//! fuzzer. The fuzzing itself is `tests/fuzz/run.sh`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod properties;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use targets::{TARGETS, Target};

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind).join(target)
}

/// The files of a folder, which need not be there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

/// Runs a target on each file of its folder; says which it failed on, and how many there were.
fn replay(kind: &str, (name, check): Target) -> (Vec<PathBuf>, usize) {
    let files = files(&folder(kind, name));
    let fails = |path: &PathBuf| {
        let data = fs::read(path).unwrap();
        catch_unwind(AssertUnwindSafe(|| check(&data))).is_err()
    };
    let count = files.len();
    (files.into_iter().filter(fails).collect(), count)
}

#[test]
fn every_corpus_holds_its_properties() {
    for target in TARGETS {
        let (failed, count) = replay("corpus", target);
        assert!(count > 0, "tests/fuzz/corpus/{} is empty", target.0);
        assert!(failed.is_empty(), "{}: {failed:?}", target.0);
    }
}

#[test]
fn what_was_found_once_stays_mended() {
    let replayed: Vec<(&str, Vec<PathBuf>)> =
        TARGETS.map(|target| (target.0, replay("regressions", target).0)).into_iter().collect();
    assert!(replayed.iter().all(|(_, failed)| failed.is_empty()), "{replayed:?}");
}

#[test]
fn every_corpus_has_a_target_and_stays_small() {
    for kind in ["corpus", "regressions"] {
        for entry in fs::read_dir(folder(kind, "")).into_iter().flatten() {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_str().unwrap();
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{kind}/{name} has no target");
            let files = files(&folder);
            assert!(files.len() <= 200, "{kind}/{name} has {} files", files.len());
            for file in files {
                assert!(fs::metadata(&file).unwrap().len() <= 10 * 1024, "{}", file.display());
            }
        }
    }
}

#[test]
fn every_target_is_in_the_fuzz_crate() {
    let manifest = fs::read_to_string(folder("", "Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("\nname = \"{name}\"\npath = \"bin/{name}.rs\"\n")), "{name}");
    }
}
