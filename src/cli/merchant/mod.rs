//! `vezne merchant …`: create, show and change merchants.

mod admin;
#[cfg(feature = "sandbox")]
mod demo;
mod print;
mod theme;

pub use admin::{Admin, CreatedMerchant, Secrets};
#[cfg(feature = "sandbox")]
pub use demo::create_demo;

use super::Failure;
use crate::config::Config;
use crate::hardening::SecretText;
use crate::id::{KeyId, MerchantId};
use crate::merchant::Mode;
use clap::{Args, Subcommand, ValueHint};
use std::io::Read;
use std::path::{Path, PathBuf};
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
    /// Create a merchant; prints its keys and secrets this once
    Create {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// What cardholders read on the page
        #[arg(long)]
        name: String,
        /// A URL prefix that may be a returnUrl, cancelUrl or callbackUrl; repeat for more
        #[arg(long = "allow", value_name = "URL", required = true)]
        allow: Vec<String>,
    },
    /// List every merchant
    List {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
    },
    /// Show one merchant, without secrets
    Show {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
    },
    /// Change a merchant's settings; what is not named stays
    Update {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
        /// What cardholders read on the page
        #[arg(long)]
        name: Option<String>,
        /// The new allow-list, replacing the old one; repeat for more entries
        #[arg(long = "allow", value_name = "URL")]
        allow: Vec<String>,
        /// Whether a redirect carries the card token itself
        #[arg(long, value_name = "true|false")]
        token_in_redirect: Option<bool>,
        /// Switch a disabled merchant on again
        #[arg(long)]
        enable: bool,
        /// How its pages look
        #[command(flatten)]
        theme: Box<theme::ThemeArgs>,
    },
    /// Set the keys that the payment provider gave to this merchant
    SetProvider {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
        /// Which mode's provider
        #[arg(long, value_parser = mode, value_name = "test|live")]
        mode: Mode,
        /// The provider's public key
        #[arg(long)]
        public_key: String,
        /// The provider's number for this merchant
        #[arg(long)]
        merchant_number: String,
        /// A file with the secret key; standard input is read without it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        secret_key_file: Option<PathBuf>,
    },
    /// Make a new API key; the one before lives on for the grace time
    RotateKey {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
        /// Which mode's key
        #[arg(long, value_parser = mode, value_name = "test|live", default_value = "test")]
        mode: Mode,
        /// How many hours the key before goes on working
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(0..=720))]
        grace_hours: u64,
    },
    /// Make a new secret for results, or with --webhook for callbacks
    RotateSigningSecret {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
        /// The secret of callbacks (whsec_…) instead of the one of results (vzsig_…)
        #[arg(long)]
        webhook: bool,
        /// How many hours callbacks are signed with the secret before, too
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(0..=720))]
        grace_hours: u64,
    },
    /// End the key or secret before at once, not at the end of its grace time
    Retire {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
        /// key_…, as `show` lists it
        key: String,
    },
    /// Switch a merchant off: no API, no pages; callbacks that wait are delivered
    Disable {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// mer_…
        id: String,
    },
}

impl Verb {
    fn common(&self) -> &Common {
        match self {
            Self::Create { common, .. }
            | Self::List { common }
            | Self::Show { common, .. }
            | Self::Update { common, .. }
            | Self::SetProvider { common, .. }
            | Self::RotateKey { common, .. }
            | Self::RotateSigningSecret { common, .. }
            | Self::Retire { common, .. }
            | Self::Disable { common, .. } => common,
        }
    }
}

/// Does what was asked and prints it.
///
/// # Errors
/// [`Failure`]; nothing has changed then.
pub fn run(verb: Verb) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(dispatch(verb))
}

/// Opens the store, does it, and closes the chain of its entries.
async fn dispatch(verb: Verb) -> Result<(), Failure> {
    let admin = open(verb.common())?;
    let done = act(&admin, verb).await;
    let closed = admin.close().await;
    done.and(closed)
}

async fn act(admin: &Admin, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create { common, name, allow } => {
            let created = admin.create(&name, &allow).await?;
            print::created(&created, common.json);
        }
        Verb::List { common } => print::list(&admin.all().await?, common.json),
        Verb::Show { common, id } => {
            let merchant = admin.find(&parse_id(&id)?).await?;
            print::shown(&merchant, &admin.overview(&merchant).await?, common.json);
        }
        Verb::Update { common, id, name, allow, token_in_redirect, enable, theme } => {
            let mut merchant = admin.find(&parse_id(&id)?).await?;
            admin::change(&mut merchant, name, &allow, token_in_redirect, enable)?;
            theme.apply(&mut merchant)?;
            admin.save(&merchant).await?;
            print::shown(&merchant, &admin.overview(&merchant).await?, common.json);
        }
        Verb::SetProvider { common, id, mode, public_key, merchant_number, secret_key_file } => {
            let secret_key = read_secret(secret_key_file.as_deref())?;
            let id = parse_id(&id)?;
            admin.set_provider(&id, mode, &public_key, &secret_key, &merchant_number).await?;
            print::done(&id, "provider credentials set", common.json);
        }
        Verb::RotateKey { common, id, mode, grace_hours } => {
            let id = parse_id(&id)?;
            let key = admin.rotate_key(&id, mode, hours(grace_hours)).await?;
            print::secret(&id, "apiKey", key.expose(), common.json);
        }
        Verb::RotateSigningSecret { common, id, webhook, grace_hours } => {
            let id = parse_id(&id)?;
            let secret = admin.rotate_secret(&id, webhook, hours(grace_hours)).await?;
            print::secret(&id, if webhook { "webhookSecret" } else { "signingSecret" }, secret.expose(), common.json);
        }
        Verb::Retire { common, id, key } => {
            let id = parse_id(&id)?;
            let key =
                KeyId::parse(&key).ok_or_else(|| Failure::usage("a key's id looks like key_ and 26 characters"))?;
            admin.retire(&id, &key).await?;
            print::done(&id, "ended", common.json);
        }
        Verb::Disable { common, id } => {
            let id = parse_id(&id)?;
            admin.disable(&id).await?;
            print::done(&id, "disabled", common.json);
        }
    }
    Ok(())
}

fn open(common: &Common) -> Result<Admin, Failure> {
    let config = Config::load(common.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    Admin::open(&config)
}

fn parse_id(text: &str) -> Result<MerchantId, Failure> {
    MerchantId::parse(text).ok_or_else(|| Failure::usage("a merchant's id looks like mer_ and 26 characters"))
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "test" => Ok(Mode::Test),
        "live" => Ok(Mode::Live),
        _ => Err("must be test or live".to_owned()),
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// A secret from a file or standard input: never an argument, which every
/// process of the machine can read.
fn read_secret(file: Option<&Path>) -> Result<SecretText, Failure> {
    const LONGEST: u64 = 4096;
    let mut text = zeroize::Zeroizing::new(String::with_capacity(4096));
    let read = match file {
        Some(path) => std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)),
        None => std::io::stdin().take(LONGEST).read_to_string(&mut text),
    };
    read.map_err(|error| Failure::unavailable(format!("the secret key cannot be read: {error}")))?;
    Ok(SecretText::new(text.trim().to_owned()))
}
