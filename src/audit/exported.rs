//! Heads of chains as they were written to the log, out of reach of whoever can
//! change the store.

use super::{ChainId, Hash, Head};
use serde_json::Value;

/// What marks a line that has a head.
const MARK: &str = "audit head";

/// The heads in a log, in its JSON or its text form, among whatever other lines.
#[must_use]
pub fn exported_heads(log: &str) -> Vec<Head> {
    log.lines().filter(|line| line.contains(MARK)).filter_map(head).collect()
}

fn head(line: &str) -> Option<Head> {
    let from_json = |name: &str| match &serde_json::from_str::<Value>(line).ok()?[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let from_text = |name: &str| {
        let (_, rest) = line.split_once(&format!("{name}="))?;
        Some(rest.split([' ', '\u{1b}']).next()?.trim_matches('"').to_owned())
    };
    let field = |name: &str| from_json(name).or_else(|| from_text(name));
    Some(Head {
        chain: ChainId::from_store(field("chain")?),
        number: field("number")?.parse().ok()?,
        hash: Hash::parse(&field("hash")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_in_both_forms_of_the_log() {
        let hash = Hash::of("x");
        let log = format!(
            "{{\"level\":\"info\",\"message\":\"audit head\",\"chain\":\"chn_a\",\"number\":7,\"hash\":\"{hash}\"}}\n\
             2026-11-22T05:00:00Z INFO audit head chain=chn_b number=8 hash={hash}\n\
             {{\"message\":\"request\",\"number\":9}}\n\
             audit head that says nothing\n"
        );
        let heads: Vec<_> =
            exported_heads(&log).into_iter().map(|head| (head.chain.to_string(), head.number)).collect();
        assert_eq!(heads, [("chn_a".to_owned(), 7), ("chn_b".to_owned(), 8)]);
        assert_eq!(exported_heads(&log)[1].hash, hash);
    }
}
