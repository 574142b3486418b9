//! `vezne page-manifest`: the inventory of the page's scripts (PCI DSS 6.4.3).

use crate::page::{Inventory, Item, Kind, Pages};
use serde_json::{Value, json};
use std::fmt;
use std::io::Write;

/// Print the inventory of every script and style that a page can carry.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Who authorised this release's scripts and when, for your records
    #[arg(long, value_name = "TEXT")]
    authorised_by: Option<String>,
}

/// Prints what this very program serves.
pub fn run(args: &Args) {
    let inventory = Pages::new().inventory();
    let built_in = format!("built into vezne {}; by the operator: not recorded", inventory.version);
    let authorised_by = args.authorised_by.as_deref().unwrap_or(&built_in);
    if args.json {
        let items: Vec<Value> = inventory.items.iter().map(|item| entry(item, &inventory, authorised_by)).collect();
        say(format_args!("{}", json!({ "version": inventory.version, "items": items })));
        return;
    }
    say(format_args!("Scripts and styles of the payment page, vezne {}", inventory.version));
    say(format_args!("Authorised by: {authorised_by}"));
    for item in &inventory.items {
        print(item);
    }
}

fn entry(item: &Item, inventory: &Inventory, authorised_by: &str) -> Value {
    let mut entry = json!(item);
    entry["version"] = json!(inventory.version);
    entry["authorisedBy"] = json!(authorised_by);
    entry
}

fn print(item: &Item) {
    let kind = match item.kind {
        Kind::Script => "script",
        Kind::Style => "style",
        Kind::Data => "data",
    };
    let bytes = item.bytes.map_or_else(|| "each merchant's own".to_owned(), |bytes| format!("{bytes} bytes"));
    say(format_args!("\n{}  {kind}, {bytes}", item.name));
    for (label, value) in [("SHA-384", &item.sha384), ("in policy", &item.csp)] {
        if let Some(value) = value {
            say(format_args!("  {label:<9}  {value}"));
        }
    }
    say(format_args!("  purpose    {}", item.purpose));
}

/// One line. A reader that has gone away (`| head`) is no failure.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
