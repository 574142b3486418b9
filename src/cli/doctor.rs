//! `vezne doctor`: examines what the window needs, the way the window uses it.

use super::hardening_self_test::achieved;
use super::keys::{Census, Sealing};
use super::{Failure, residue};
use crate::config::{CardTokenConfig, Config, HardeningMode};
use crate::egress::{Connector, Resolver};
use crate::hardening::process::Outcome;
use crate::health::DAYS_TO_RENEW;
use crate::provider::card_token;
use crate::server::ReloadingCertificate;
use clap::ValueHint;
use std::path::{Path, PathBuf};

/// Examine files, store, certificate and provider, and say what is wrong.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    #[command(flatten)]
    residue: residue::Args,
}

/// One line for each examination; fails when one of them failed.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    println!("ok    configuration");
    if let Some(pid) = args.residue.process() {
        return residue::run(&config, &args.residue, pid);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    let local = tokio::task::LocalSet::new();
    let failed = local.block_on(&runtime, examine(&config, args.config.as_deref()));
    match failed {
        0 => Ok(()),
        count => Err(Failure::unavailable(format!("{count} of the examinations failed"))),
    }
}

async fn examine(config: &Config, file: Option<&Path>) -> u32 {
    let mut findings = Findings(0);
    match Sealing::open(config) {
        Ok(sealing) => {
            Findings::good("master key and store");
            match sealing.census().await {
                Ok(census) => findings.sealed(&census),
                Err(failure) => findings.bad("sealed records", &failure.to_string()),
            }
        }
        Err(failure) => findings.bad("master key and store", &failure.to_string()),
    }
    if let (Some(certificate), Some(key)) = (&config.server.certificate, &config.server.private_key) {
        match ReloadingCertificate::load(certificate, key) {
            Ok(pair) => findings.certificate(&pair),
            Err(error) => findings.bad("certificate and its key", &error.to_string()),
        }
    }
    for (mode, upstream) in [("test", &config.provider.test), ("live", &config.provider.live)] {
        let what = format!("provider of {mode} mode");
        match upstream {
            None => println!("--    {what}: not configured"),
            Some(upstream) => match reach(config, upstream).await {
                Ok(()) => Findings::good(&format!("{what}: TLS to {}", upstream.url.origin().ascii_serialization())),
                Err(why) => findings.bad(&what, &why),
            },
        }
    }
    examine_hardening(config, file, &mut findings);
    for warning in config.warnings() {
        println!("warn  {warning}");
    }
    findings.0
}

/// Hardens another process, as whoever runs this, and tells how far that got.
fn examine_hardening(config: &Config, file: Option<&Path>, findings: &mut Findings) {
    let measures = match achieved(config, file) {
        Ok(measures) => measures,
        Err(error) => return findings.bad("hardening", &error.to_string()),
    };
    for (outcome, measure) in measures {
        match outcome {
            Outcome::Achieved | Outcome::Partial => Findings::good(&format!("hardening: {measure}")),
            Outcome::Missing if config.hardening == HardeningMode::Require => findings.bad("hardening", &measure),
            Outcome::Missing => println!("warn  hardening: {measure}"),
        }
    }
}

/// Connects to the provider and shakes hands; sends nothing.
async fn reach(config: &Config, upstream: &CardTokenConfig) -> Result<(), String> {
    let connector = Connector {
        resolver: Resolver::new(&config.egress).map_err(|error| error.to_string())?,
        guard: None,
        tls: card_token::tls(upstream).map_err(|error| error.to_string())?,
        timeout: upstream.connect_timeout,
    };
    connector.connect(&upstream.url).await.map(drop).map_err(|error| error.to_string())
}

struct Findings(u32);

impl Findings {
    fn good(what: &str) {
        println!("ok    {what}");
    }

    /// What is in use has to open; what rests under the previous key opens today.
    fn sealed(&mut self, census: &Census) {
        if let Some(why) = census.unopened() {
            self.bad("sealed records", &why);
        } else {
            Self::good(&format!("all {} sealed records open", census.in_use()));
        }
        match census.under_previous() {
            0 => {}
            count => println!("warn  {count} sealed records are under the previous master key: vezne keys rotate"),
        }
    }

    /// A certificate that is over is refused by every browser.
    fn certificate(&mut self, pair: &ReloadingCertificate) {
        let what = "certificate and its key";
        match pair.days_left() {
            Some(..0) => self.bad(what, "the certificate is over"),
            Some(days @ 0..DAYS_TO_RENEW) => println!("warn  {what}: {days} days left"),
            Some(days) => Self::good(&format!("{what}, {days} days left")),
            None => Self::good(what),
        }
    }

    fn bad(&mut self, what: &str, why: &str) {
        self.0 += 1;
        println!("FAIL  {what}: {why}");
    }
}
