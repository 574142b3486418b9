//! Parses the command line, runs the command, exits with its code.

#![forbid(unsafe_code)]

use clap::Parser;
use std::alloc::System;
use std::process::ExitCode;
use vezne::cli::{Command, Failure};
use vezne::hardening::{WipingAllocator, environment};

/// Card data is copied by every library that it passes through: what any of
/// them frees is wiped.
#[global_allocator]
static ALLOCATOR: WipingAllocator<System> = WipingAllocator(System);

fn main() -> ExitCode {
    // First of all: secrets leave the environment while there is one thread.
    let taken = environment::take_secrets().map_err(|error| Failure::internal(error.to_string()));
    match taken.and_then(|()| Command::parse().run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("vezne: {failure}");
            failure.exit_code()
        }
    }
}
