//! Emulators stay away from real cards.

use std::path::Path;

/// Refuses when the environment says `VEZNE_LIVE=true`, or when the given
/// configuration file says `live = true` or cannot be read: what cannot be
/// understood is not taken for harmless.
///
/// # Errors
/// A message for the operator.
pub fn refuse_live(config: Option<&Path>) -> Result<(), String> {
    refuse(std::env::var("VEZNE_LIVE").ok().as_deref(), config)
}

fn refuse(variable: Option<&str>, config: Option<&Path>) -> Result<(), String> {
    // Only `false` turns it off, as in the configuration.
    if variable.is_some_and(|value| !value.trim().is_empty() && value.trim() != "false") {
        return Err("VEZNE_LIVE is set: no emulator runs where real cards are taken".to_owned());
    }
    let Some(path) = config else { return Ok(()) };
    let about = |why: &str| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| about(&error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|_| about("not TOML"))?;
    match table.get("live") {
        None | Some(toml::Value::Boolean(false)) => Ok(()),
        Some(_) => Err(about("`live` is set: no emulator runs where real cards are taken")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testing::TempDir;

    #[test]
    fn live_in_file_or_environment_is_refused() {
        let directory = TempDir::new();
        let file = directory.join("vezne.toml");
        for (variable, text, refused) in [
            (None, "live = false", false),
            (None, "[server]\n", false),
            (Some("false"), "", false),
            (Some("true"), "", true),
            (Some("1"), "", true),
            (None, "live = true", true),
            (None, "live = \"yes\"", true),
            (None, "live = tru", true),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(refuse(variable, Some(&file)).is_err(), refused, "{variable:?} {text}");
        }
        assert!(refuse(None, Some(&directory.join("absent.toml"))).is_err());
        assert!(refuse(None, None).is_ok());
    }
}
