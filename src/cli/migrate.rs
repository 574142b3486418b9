//! `vezne migrate`: brings the store's schema up to date.

use super::{Failure, Operator};
use crate::audit::Action;
use crate::config::Config;
use crate::startup::migrate_store;
use crate::store::SharedStore;
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
    let (store, applied) = migrate_store(&config)?;
    record(&store, &applied)?;
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

/// Says so in the audit trail, which the schema may have had no place for before.
fn record(store: &SharedStore, applied: &[u32]) -> Result<(), Failure> {
    let Some(newest) = applied.last() else { return Ok(()) };
    let operator = Operator::here();
    let count = i64::try_from(applied.len()).unwrap_or(i64::MAX);
    let note = operator.note(Action::StoreMigrated).on(&newest.to_string()).count(count);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(async {
        store.append_audit(vec![note]).await?;
        operator.close(store).await
    })
}
