//! `vezne page-verify`: looks at a running page from outside (PCI DSS 11.6.1).

use super::Failure;
use crate::config::EgressConfig;
use crate::egress::{self, Connector, Page, Resolver, Roots, client_config};
use crate::page::{Fetched, Pages, verify};
use clap::ValueHint;
use serde_json::json;
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Far more than a page has.
const MOST: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// Fetch a page and compare it with what this program would send.
#[derive(clap::Args)]
pub struct Args {
    /// A session's address, or the service's; - reads it from standard input
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    url: String,
    /// The certificate authorities to trust, as PEM, instead of the public ones
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Fails when the page is not this program's.
///
/// # Errors
/// [`Failure`]: differences (1), no https address (2), a page that cannot be fetched (4).
pub fn run(args: &Args) -> Result<(), Failure> {
    let url = address(&args.url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    let page = runtime.block_on(fetch(args, &url))?;
    let differences = verify(&Pages::new(), &as_fetched(&url, page));
    // The address itself opens the session: its origin is enough to know it by.
    let place = url.origin().ascii_serialization();
    if args.json {
        say(format_args!("{}", json!({ "origin": place, "version": version(), "differences": differences })));
    } else if differences.is_empty() {
        say(format_args!("ok  {place}: scripts, styles, markup and headers are those of vezne {}", version()));
    } else {
        for difference in &differences {
            say(format_args!("{difference}"));
        }
    }
    match differences.len() {
        0 => Ok(()),
        count => Err(Failure::differs(format!(
            "{place} differs from vezne {} in {count} places; is it of the same version?",
            version()
        ))),
    }
}

fn address(text: &str) -> Result<Url, Failure> {
    let mut read = String::new();
    if text == "-" {
        let input = std::io::stdin().take(4096).read_to_string(&mut read);
        input.map_err(|error| Failure::unavailable(format!("standard input cannot be read: {error}")))?;
    }
    let url = Url::parse(if text == "-" { read.trim() } else { text }).ok();
    url.filter(|url| url.scheme() == "https").ok_or_else(|| Failure::usage("the address must be an https URL"))
}

async fn fetch(args: &Args, url: &Url) -> Result<Page, Failure> {
    let roots = args.ca.as_deref().map_or(Roots::Public, Roots::Only);
    let connector = Connector {
        resolver: Resolver::new(&EgressConfig::default()).map_err(|error| Failure::internal(error.to_string()))?,
        guard: None,
        tls: client_config(roots, None).map_err(|error| Failure::usage(error.to_string()))?,
        timeout: PATIENCE,
    };
    let fetched = egress::fetch(&connector, url, MOST, PATIENCE).await;
    fetched.map_err(|error| Failure::unavailable(format!("the page cannot be fetched: {error}")))
}

fn as_fetched(url: &Url, page: Page) -> Fetched {
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    Fetched {
        status: page.status,
        headers: page.headers.iter().map(header).collect(),
        body: page.body,
        is_page: url.path().starts_with("/c/"),
        with_hsts: !is_loopback,
    }
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// One line. A reader that has gone away (`| head`) is no failure.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
