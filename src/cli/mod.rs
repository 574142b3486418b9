//! The command line: one file per command.

mod audit;
mod backup;
mod check_config;
#[cfg(feature = "sandbox")]
mod demo;
mod doctor;
mod events;
mod failure;
mod hardening_self_test;
pub mod keys;
pub mod merchant;
mod migrate;
mod operator;
mod page_manifest;
mod page_verify;
mod residue;
mod residue_plant;
#[cfg(feature = "sandbox")]
mod sandbox;
mod serve;
#[cfg(feature = "sandbox")]
mod shop;

pub use failure::Failure;
pub use operator::Operator;

use clap::{Parser, Subcommand};

/// The card window: takes a card on a hosted page, hands the merchant a token,
/// forgets the card.
#[derive(Parser)]
#[command(name = "vezne", version, after_help = EXIT_CODES)]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 failed inside, or a page differs · 2 wrong usage · 3 wrong configuration · \
    4 something needed is away (an address is taken, the store or a file cannot be opened)";

#[derive(Subcommand)]
enum Verb {
    /// Try it: the window, a sandbox provider and a small shop, ready to click
    #[cfg(feature = "sandbox")]
    Demo(demo::Args),
    /// Run the window
    Serve(serve::Args),
    /// Run an emulator of the provider's card-token service
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Args),
    /// Create, show and change merchants, their keys and their secrets
    #[command(subcommand)]
    Merchant(merchant::Verb),
    /// List, show, redeliver and follow what merchants are told
    #[command(subcommand)]
    Events(events::Verb),
    /// Make a master key, replace it, see what rests under which
    #[command(subcommand)]
    Keys(keys::Verb),
    /// List, verify and prune the audit trail
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Bring the store's schema up to date
    Migrate(migrate::Args),
    /// Copy the store into a new file, while the window goes on serving
    Backup(backup::Args),
    /// List every script and style of the page, with hash and purpose
    PageManifest(page_manifest::Args),
    /// Compare a running page with what this program would send
    PageVerify(page_verify::Args),
    /// Read a configuration and report every mistake in it
    CheckConfig(check_config::Args),
    /// Examine the surroundings: files, store, certificate, provider, hardening
    Doctor(doctor::Args),
    #[command(hide = true)]
    HardeningSelfTest(hardening_self_test::Args),
    /// Keep planted numbers in memory for the self-test of `doctor --residue`
    #[command(hide = true)]
    ResiduePlant,
    #[cfg(feature = "sandbox")]
    #[command(hide = true)]
    DemoShop(shop::Args),
}

impl Command {
    /// Does what was asked.
    ///
    /// # Errors
    /// [`Failure`], which knows its exit code.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            #[cfg(feature = "sandbox")]
            Verb::Demo(args) => demo::run(args),
            Verb::Serve(args) => serve::run(&args),
            #[cfg(feature = "sandbox")]
            Verb::Sandbox(args) => sandbox::run(args),
            Verb::Merchant(verb) => merchant::run(verb),
            Verb::Events(verb) => events::run(verb),
            Verb::Keys(verb) => keys::run(verb),
            Verb::Audit(verb) => audit::run(verb),
            Verb::Migrate(args) => migrate::run(&args),
            Verb::Backup(args) => backup::run(&args),
            Verb::PageManifest(args) => {
                page_manifest::run(&args);
                Ok(())
            }
            Verb::PageVerify(args) => page_verify::run(&args),
            Verb::CheckConfig(args) => check_config::run(args),
            Verb::Doctor(args) => doctor::run(&args),
            Verb::HardeningSelfTest(args) => hardening_self_test::run(&args),
            Verb::ResiduePlant => residue_plant::run(),
            #[cfg(feature = "sandbox")]
            Verb::DemoShop(args) => shop::run(args),
        }
    }
}
