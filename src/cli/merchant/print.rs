//! Merchants on the terminal, as text or JSON.

use super::admin::Overview;
use super::{CreatedMerchant, theme};
use crate::handoff::result::rfc3339;
use crate::id::MerchantId;
use crate::merchant::{Merchant, Mode};
use crate::store::SecretKind;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt;
use std::io::Write;

/// A new merchant, with its secrets.
pub(super) fn created(created: &CreatedMerchant, as_json: bool) {
    let keys = created.api_keys.iter();
    if as_json {
        let keys: serde_json::Map<String, Value> =
            keys.map(|key| (key.mode().name().to_owned(), json!(key.expose()))).collect();
        print_json(&json!({
            "id": created.merchant.id,
            "apiKeys": keys,
            "signingSecret": created.secrets.signing.expose(),
            "webhookSecret": created.secrets.webhook.expose(),
        }));
        return;
    }
    say(format_args!("merchant        {}", created.merchant.id));
    for key in keys {
        say(format_args!("API key ({})  {}", key.mode().name(), key.expose()));
    }
    say(format_args!("signing secret  {}", created.secrets.signing.expose()));
    say(format_args!("webhook secret  {}", created.secrets.webhook.expose()));
    say(format_args!(""));
    say(format_args!(
        "Keep these now: they are not shown again. Next: vezne merchant set-provider {}",
        created.merchant.id
    ));
}

/// All merchants, a line each.
pub(super) fn list(merchants: &[Merchant], as_json: bool) {
    if as_json {
        let merchants: Vec<Value> = merchants.iter().map(settings).collect();
        print_json(&json!({ "merchants": merchants }));
        return;
    }
    for merchant in merchants {
        say(format_args!("{}  {}  {}", merchant.id, state(merchant), merchant.name));
    }
}

/// One merchant, without secrets.
pub(super) fn shown(merchant: &Merchant, overview: &Overview, as_json: bool) {
    if as_json {
        let mut body = settings(merchant);
        body["apiKeys"] = overview.api_keys.iter().map(|key| json!({
            "id": key.id, "mode": key.mode, "createdAt": rfc3339(key.created_at), "retiresAt": key.retires_at.map(rfc3339),
        })).collect();
        body["signingSecrets"] = overview
            .signing
            .iter()
            .map(|(kind, secret)| {
                json!({
                    "id": secret.id, "signs": signs(*kind), "createdAt": rfc3339(secret.created_at),
                    "retiresAt": secret.retires_at.map(rfc3339),
                })
            })
            .collect();
        body["providers"] = json!(overview.providers);
        body["cardwall"] = json!(overview.cardwall);
        print_json(&body);
        return;
    }
    say(format_args!("merchant           {}", merchant.id));
    say(format_args!("name               {}", merchant.name));
    say(format_args!("state              {}", state(merchant)));
    say(format_args!("created            {}", rfc3339(merchant.created_at)));
    say(format_args!("token in redirect  {}", merchant.token_in_redirect));
    say(format_args!("theme              {}", theme::as_text(&merchant.theme)));
    for entry in merchant.allow_list.entries() {
        say(format_args!("allows             {entry}"));
    }
    for key in &overview.api_keys {
        let life = life(key.created_at, key.retires_at);
        say(format_args!("API key            {} ({}), {life}", key.id, key.mode.name()));
    }
    for (kind, secret) in &overview.signing {
        let life = life(secret.created_at, secret.retires_at);
        say(format_args!("signing secret     {} ({}), {life}", secret.id, signs(*kind)));
    }
    say(format_args!("provider keys for  {}", modes(&overview.providers)));
    say(format_args!("CardWall keys for  {}", modes(&overview.cardwall)));
}

fn modes(modes: &[Mode]) -> String {
    let names: Vec<&str> = modes.iter().copied().map(Mode::name).collect();
    if names.is_empty() { "no mode yet".to_owned() } else { names.join(", ") }
}

/// A new key or secret.
pub(super) fn secret(id: &MerchantId, name: &str, secret: &str, as_json: bool) {
    if as_json {
        return print_json(&json!({ "id": id, name: secret }));
    }
    say(format_args!("{secret}"));
    eprintln!("New {name} of {id}. Keep it now: it is not shown again.");
}

/// A change without anything to show.
pub(super) fn done(id: &MerchantId, what: &str, as_json: bool) {
    if as_json {
        return print_json(&json!({ "id": id, "done": what }));
    }
    say(format_args!("{id}: {what}"));
}

fn settings(merchant: &Merchant) -> Value {
    json!({
        "id": merchant.id,
        "name": merchant.name,
        "allow": merchant.allow_list.entries().collect::<Vec<_>>(),
        "tokenInRedirect": merchant.token_in_redirect,
        "theme": theme::as_json(&merchant.theme),
        "disabledAt": merchant.disabled_at.map(rfc3339),
        "createdAt": rfc3339(merchant.created_at),
    })
}

fn signs(kind: SecretKind) -> &'static str {
    if kind == SecretKind::Webhook { "callbacks" } else { "results" }
}

fn life(made: Timestamp, retires_at: Option<Timestamp>) -> String {
    let end = retires_at.map(|at| format!(", ends {}", rfc3339(at))).unwrap_or_default();
    format!("made {}{end}", rfc3339(made))
}

fn state(merchant: &Merchant) -> &'static str {
    if merchant.disabled_at.is_some() { "disabled" } else { "active" }
}

fn print_json(value: &Value) {
    say(format_args!("{value}"));
}

/// One line. A reader that has gone away (`| head`) is no failure.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
