//! `vezne demo`: everything at once, with nothing configured.

use crate::cli::{Failure, merchant};
use crate::sandbox::demo::{self, DemoError, DemoOptions};
use crate::sandbox::production;
use std::path::PathBuf;

/// Try it: the window, a card-token sandbox and a shop, set up from nothing.
#[derive(clap::Args)]
pub struct Args {
    /// The window's port; 0 takes any free one
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// The shop's port [default: --port plus 1]
    #[arg(long)]
    shop_port: Option<u16>,
    /// The sandbox's port [default: --port plus 2]
    #[arg(long)]
    sandbox_port: Option<u16>,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "vezne-data")]
    data_dir: PathBuf,
    /// Print one JSON object when everything is up
    #[arg(long)]
    json: bool,
}

/// Runs until Ctrl-C.
///
/// # Errors
/// [`Failure`]: a taken port, unusable files, a process that died.
pub fn run(args: Args) -> Result<(), Failure> {
    production::refuse_live(None).map_err(Failure::config)?;
    let options = DemoOptions {
        port: args.port,
        shop_port: args.shop_port,
        sandbox_port: args.sandbox_port,
        data_dir: args.data_dir,
        json: args.json,
    };
    demo::run(&options, merchant::create_demo).map_err(|error| match error {
        DemoError::Usage(message) => Failure::usage(message),
        DemoError::Unavailable(message) => Failure::unavailable(message),
        DemoError::Io(error) => Failure::internal(error.to_string()),
    })
}
