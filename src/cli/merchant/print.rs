//! Merchants on the terminal, as text or JSON.

use super::CreatedMerchant;
use super::admin::Overview;
use crate::handoff::result::rfc3339;
use crate::id::MerchantId;
use crate::merchant::{Merchant, Mode};
use serde_json::{Value, json};

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
    println!("merchant        {}", created.merchant.id);
    for key in keys {
        println!("API key ({})  {}", key.mode().name(), key.expose());
    }
    println!("signing secret  {}", created.secrets.signing.expose());
    println!("webhook secret  {}", created.secrets.webhook.expose());
    println!();
    println!("Keep these now: they are not shown again. Next: vezne merchant set-provider {}", created.merchant.id);
}

/// All merchants, a line each.
pub(super) fn list(merchants: &[Merchant], as_json: bool) {
    if as_json {
        let merchants: Vec<Value> = merchants.iter().map(settings).collect();
        print_json(&json!({ "merchants": merchants }));
        return;
    }
    for merchant in merchants {
        println!("{}  {}  {}", merchant.id, state(merchant), merchant.name);
    }
}

/// One merchant, without secrets.
pub(super) fn shown(merchant: &Merchant, overview: &Overview, as_json: bool) {
    if as_json {
        let mut body = settings(merchant);
        body["apiKeys"] = overview.api_keys.iter().map(|key| json!({
            "id": key.id, "mode": key.mode, "createdAt": rfc3339(key.created_at), "retiresAt": key.retires_at.map(rfc3339),
        })).collect();
        body["providers"] = json!(overview.providers);
        print_json(&body);
        return;
    }
    println!("merchant           {}", merchant.id);
    println!("name               {}", merchant.name);
    println!("state              {}", state(merchant));
    println!("created            {}", rfc3339(merchant.created_at));
    println!("token in redirect  {}", merchant.token_in_redirect);
    for entry in merchant.allow_list.entries() {
        println!("allows             {entry}");
    }
    for key in &overview.api_keys {
        let end = key.retires_at.map(|at| format!(", ends {}", rfc3339(at))).unwrap_or_default();
        println!("API key            {} ({}), made {}{end}", key.id, key.mode.name(), rfc3339(key.created_at));
    }
    let providers: Vec<&str> = overview.providers.iter().copied().map(Mode::name).collect();
    println!(
        "provider keys for  {}",
        if providers.is_empty() { "no mode yet".to_owned() } else { providers.join(", ") }
    );
}

/// A new key or secret.
pub(super) fn secret(id: &MerchantId, name: &str, secret: &str, as_json: bool) {
    if as_json {
        return print_json(&json!({ "id": id, name: secret }));
    }
    println!("{secret}");
    eprintln!("New {name} of {id}. Keep it now: it is not shown again.");
}

/// A change without anything to show.
pub(super) fn done(id: &MerchantId, what: &str, as_json: bool) {
    if as_json {
        return print_json(&json!({ "id": id, "done": what }));
    }
    println!("{id}: {what}");
}

fn settings(merchant: &Merchant) -> Value {
    json!({
        "id": merchant.id,
        "name": merchant.name,
        "allow": merchant.allow_list.entries().collect::<Vec<_>>(),
        "tokenInRedirect": merchant.token_in_redirect,
        "disabledAt": merchant.disabled_at.map(rfc3339),
        "createdAt": rfc3339(merchant.created_at),
    })
}

fn state(merchant: &Merchant) -> &'static str {
    if merchant.disabled_at.is_some() { "disabled" } else { "active" }
}

fn print_json(value: &Value) {
    println!("{value}");
}
