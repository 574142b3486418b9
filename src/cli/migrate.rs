//! `vezne migrate`: brings the store's schema up to date.

use super::Failure;
use crate::config::Config;
use crate::startup::migrate_store;
use clap::ValueHint;
use std::path::PathBuf;

/// Bring the store's schema up to date, before the first start and before each new version's.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

/// Migrates, and says what that took. Any number of processes may do so at the same time.
///
/// # Errors
/// [`Failure`]; the schema is what it was before.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    let (_, applied) = migrate_store(&config)?;
    match applied.as_slice() {
        [] => println!("the schema is up to date"),
        [number] => println!("applied migration {number}"),
        numbers => {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            println!("applied migrations {}", numbers.join(", "));
        }
    }
    Ok(())
}
