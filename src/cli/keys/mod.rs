//! `vezne keys …`: master keys, and what rests under which.

mod census;
mod rotate;
mod sealing;

pub use census::{Census, Tally};
pub use rotate::Rotation;
pub use sealing::Sealing;

use super::Failure;
use crate::config::Config;
use crate::hardening::{MasterKey, key_file};
use clap::{Args, Subcommand, ValueHint};
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What the subcommands that open the store take.
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
    /// Write a new master key into a new file that only its owner can read
    Generate {
        /// The file; one that is there already is never replaced
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Seal everything under the master key that is still under the previous one
    Rotate {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
    },
    /// Count what is sealed under which master key
    Status {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
    },
}

/// Does what was asked and prints it.
///
/// # Errors
/// [`Failure`]. What was sealed anew before it stays so.
pub fn run(verb: Verb) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(async {
        match verb {
            Verb::Generate { file } => generate(&file),
            Verb::Status { common } => {
                let census = open(&common)?.census().await?;
                print(common.json, &census.to_json(), &census.to_string());
                Ok(())
            }
            Verb::Rotate { common } => {
                let rotation = open(&common)?.rotate().await?;
                print(common.json, &rotation.to_json(), &rotation.to_string());
                rotation.verdict()
            }
        }
    })
}

fn open(common: &Common) -> Result<Sealing, Failure> {
    let config = Config::load(common.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    Sealing::open(&config)
}

fn generate(file: &Path) -> Result<(), Failure> {
    let text = MasterKey::generate();
    let key = MasterKey::parse(text.expose()).map_err(|error| Failure::internal(error.to_string()))?;
    key_file::create(file, &text).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!("{}: there is a file already", file.display())),
        _ => Failure::unavailable(format!("{}: {error}", file.display())),
    })?;
    say(&format!("{}: master key {}. Keep a copy apart from the database.", file.display(), key.id()));
    Ok(())
}

fn print(as_json: bool, json: &Value, text: &str) {
    if as_json { say(&json.to_string()) } else { say(text) }
}

/// A reader that has gone away (`| head`) is no failure.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
