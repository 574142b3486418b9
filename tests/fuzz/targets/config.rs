//! A configuration: the file's text, and after a NUL the variables, one
//! `NAME=value` a line. `@SECRET@` stands for a secret that no report may repeat.

use super::input::text;
use std::path::Path;
use vezne::config::{Config, Environment};

const SECRET: &str = "c2VjcmV0LW9mLTMyLWJ5dGVz";

/// Reads the configuration, or every mistake of it.
pub fn check(data: &[u8]) {
    let Some(input) = text(data) else { return };
    let input = input.replace("@SECRET@", SECRET);
    let (file, variables) = input.split_once('\0').unwrap_or((&input, ""));
    let environment: Environment = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let base = Path::new("/nowhere");
    let read = Config::from_str(file, &environment, base);
    let again = Config::from_str(file, &environment, base);
    assert_eq!(format!("{read:?}"), format!("{again:?}"));
    match read {
        Ok(config) => drop(config.warnings()),
        Err(mistakes) => {
            let report = format!("{mistakes}");
            assert!(!mistakes.list().is_empty() && report.len() < 1 << 20);
            let named = is_in_a_key(file) || environment.keys().any(|name| name.contains(SECRET));
            assert!(named || !format!("{report}{mistakes:?}").contains(SECRET), "{report}");
        }
    }
}

/// Whether the secret stands where a key does: unknown keys are named in a report.
fn is_in_a_key(file: &str) -> bool {
    fn keys_hold(table: &toml::Table) -> bool {
        table.iter().any(|(key, value)| key.contains(SECRET) || value_holds(value))
    }
    fn value_holds(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => keys_hold(table),
            toml::Value::Array(items) => items.iter().any(value_holds),
            _ => false,
        }
    }
    file.parse::<toml::Table>().is_ok_and(|table| keys_hold(&table))
}
