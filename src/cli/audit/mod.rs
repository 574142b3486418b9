//! `vezne audit …`: reading, verifying and pruning the audit trail.

mod list;
mod verify;

use super::{Failure, Operator};
use crate::audit::{Action, Entry};
use crate::config::Config;
use crate::startup::open_store;
use crate::store::{AuditQuery, SharedStore};
use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// What every subcommand takes.
#[derive(Args)]
pub struct Common {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Verb {
    /// List entries, newest first
    List {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// Only by this API key (key_…), account (`root(0)`), or kind: `operator`, `api_key`, `system`
        #[arg(long)]
        who: Option<String>,
        /// Only this action, such as merchant.created
        #[arg(long, value_parser = action)]
        action: Option<String>,
        /// Only on this id
        #[arg(long, value_name = "ID")]
        on: Option<String>,
        /// Only of this chain
        #[arg(long)]
        chain: Option<String>,
        /// Not before this moment, such as 2026-11-22T00:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        /// Before this moment
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Look for entries that were changed, moved, taken out or cut off
    Verify {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// The service's log, kept elsewhere: its `audit head` lines tell where chains had come to
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        heads: Option<PathBuf>,
    },
    /// Delete old entries, and leave where each chain goes on
    Prune {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// Entries older than so many days
        #[arg(long, value_name = "DAYS")]
        older_than: u32,
        /// Also less than 365 days, which PCI DSS 10.5.1 asks for
        #[arg(long)]
        danger_less_than_a_year: bool,
    },
}

/// PCI DSS 10.5.1: twelve months.
const LEAST_DAYS: u32 = 365;
/// Entries of one transaction of pruning.
const PRUNED_AT_ONCE: u32 = 2000;

/// Does what was asked and prints it.
///
/// # Errors
/// [`Failure`]; with exit code 1 when something is not as it was written.
pub fn run(verb: Verb) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(async {
        match verb {
            Verb::List { common, who, action, on, chain, since, until, limit } => {
                let query = AuditQuery { chain, who, action, subject: on, since, until, limit };
                let (reader, store) = open(&common)?;
                let entries = reader.read(&store, "list", async |store| Ok(store.audit_entries(query).await?)).await?;
                list::print(&entries, common.json);
                Ok(())
            }
            Verb::Verify { common, heads } => verify::run(&common, heads.as_deref()).await,
            Verb::Prune { common, older_than, danger_less_than_a_year } => {
                prune(&common, older_than, danger_less_than_a_year).await
            }
        }
    })
}

fn open(common: &Common) -> Result<(Operator, SharedStore), Failure> {
    let config = Config::load(common.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    let store = open_store(&config)?;
    Ok((Operator::here(), store))
}

impl Operator {
    /// Reads the trail, which is an entry in it (PCI DSS 10.2.1.3): written first.
    async fn read<T>(
        &self,
        store: &SharedStore,
        how: &str,
        read: impl AsyncFnOnce(&SharedStore) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let note = self.note(Action::AuditRead).detail(&format!("command={how}"));
        store.append_audit(vec![note]).await?;
        let found = read(store).await;
        self.close(store).await?;
        found
    }
}

async fn prune(common: &Common, days: u32, danger_less_than_a_year: bool) -> Result<(), Failure> {
    if days < LEAST_DAYS && !danger_less_than_a_year {
        return Err(Failure::usage(format!(
            "--older-than must be {LEAST_DAYS} days or more (PCI DSS 10.5.1), but for --danger-less-than-a-year"
        )));
    }
    let (operator, store) = open(common)?;
    let age = Duration::from_hours(24) * days;
    let mut pruned: u64 = 0;
    loop {
        let batch = store.prune_audit(operator.note(Action::AuditPruned), age, PRUNED_AT_ONCE).await?;
        if batch == 0 {
            break;
        }
        pruned += u64::from(batch);
    }
    operator.close(&store).await?;
    if common.json {
        println!("{}", json!({ "pruned": pruned }));
    } else {
        println!("{pruned} entries deleted");
    }
    Ok(())
}

fn action(text: &str) -> Result<String, String> {
    let names = Action::ALL.iter().map(|action| action.name());
    match names.clone().find(|name| *name == text) {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("must be one of {}", names.collect::<Vec<_>>().join(", "))),
    }
}

/// When an entry was written; its number where that is no moment.
fn time(entry: &Entry) -> String {
    Timestamp::from_millisecond(entry.at).map_or_else(|_| entry.at.to_string(), |at| format!("{at:.3}"))
}
