//! `vezne backup`: a copy of the embedded store while the window serves.

use super::Failure;
use crate::config::{Backend, Config};
use crate::store::SqliteStore;
use clap::ValueHint;
use std::path::PathBuf;

/// Copy the store into a new file, while the window goes on serving.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// The copy; a file that is there already is never replaced
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    copy: PathBuf,
}

/// Writes and examines the copy. It is of no use without the master key, which
/// is not in it.
///
/// # Errors
/// [`Failure`]; no copy is left behind then.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    if args.copy.exists() {
        return Err(Failure::usage(format!("{} is there already", args.copy.display())));
    }
    let Backend::Sqlite(file) = &config.store.backend else {
        return Err(Failure::usage(
            "the store is PostgreSQL, which has its own means: pg_dump, or an archive of its log",
        ));
    };
    SqliteStore::back_up(file, &args.copy).map_err(|error| Failure::unavailable(error.to_string()))?;
    println!("{}", args.copy.display());
    Ok(())
}
