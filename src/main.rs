//! Parses the command line, runs the command, exits with its code.

#![forbid(unsafe_code)]

use clap::Parser;
use std::alloc::System;
use std::process::ExitCode;
use vezne::hardening::WipingAllocator;

/// Card data is copied by every library that it passes through: what any of
/// them frees is wiped.
#[global_allocator]
static ALLOCATOR: WipingAllocator<System> = WipingAllocator(System);

fn main() -> ExitCode {
    match vezne::cli::Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("vezne: {failure}");
            failure.exit_code()
        }
    }
}
