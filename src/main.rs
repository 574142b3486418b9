//! Parses the command line, runs the command, exits with its code.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match vezne::cli::Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("vezne: {failure}");
            failure.exit_code()
        }
    }
}
