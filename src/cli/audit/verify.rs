//! `vezne audit verify`: whether the trail is as it was written.

use super::{Common, open};
use crate::audit::{Anchors, ChainCheck, ChainId, Finding, Head, exported_heads};
use crate::cli::Failure;
use crate::store::SharedStore;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// Entries that are in memory at a time.
const PAGE: u32 = 1000;

/// What was gone through and what was found.
#[derive(Default)]
struct Report {
    chains: usize,
    entries: u64,
    heads: usize,
    unclosed: Vec<ChainId>,
    findings: Vec<Finding>,
}

pub(super) async fn run(common: &Common, heads: Option<&Path>) -> Result<(), Failure> {
    let heads = match heads {
        Some(file) => {
            let log =
                std::fs::read(file).map_err(|error| Failure::unavailable(format!("{}: {error}", file.display())))?;
            exported_heads(&String::from_utf8_lossy(&log))
        }
        None => Vec::new(),
    };
    let (operator, store) = open(common)?;
    let own = operator.note(crate::audit::Action::AuditRead);
    let report = operator.read(&store, "verify", async |store| verify(store, &heads, own.chain()).await).await?;
    let text = if common.json { report.to_json().to_string() } else { report.to_text() };
    let _ = writeln!(std::io::stdout(), "{text}");
    match report.findings.len() {
        0 => Ok(()),
        count => Err(Failure::differs(format!("the audit trail is not as it was written: {count} findings"))),
    }
}

async fn verify(store: &SharedStore, heads: &[Head], own: &ChainId) -> Result<Report, Failure> {
    let mut report = Report { heads: heads.len(), ..Report::default() };
    let mut anchors = Anchors::default();
    let chains = store.audit_chains().await?;
    for record in &chains {
        let chain = record.head.chain.clone();
        let mut check = ChainCheck::new(record.clone(), heads);
        let mut after = record.anchor_number;
        loop {
            let page = store.audit_chain(chain.clone(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            report.entries += page.len() as u64;
            for entry in &page {
                check.entry(entry);
                anchors.entry(entry);
            }
        }
        if !check.is_closed() && chain != *own && record.anchor_number != record.head.number {
            report.unclosed.push(chain);
        }
        report.findings.extend(check.finish());
    }
    let known: BTreeSet<&ChainId> = chains.iter().map(|record| &record.head.chain).collect();
    let lost: BTreeSet<&ChainId> =
        heads.iter().map(|head| &head.chain).filter(|chain| !known.contains(chain)).collect();
    report.findings.extend(lost.into_iter().cloned().map(Finding::ChainMissing));
    report.findings.extend(anchors.finish(&chains));
    report.chains = chains.len();
    Ok(report)
}

impl Report {
    fn to_text(&self) -> String {
        let mut lines =
            vec![format!("{} entries in {} chains, compared with {} heads", self.entries, self.chains, self.heads)];
        let unclosed = self.unclosed.iter();
        lines.extend(unclosed.map(|chain| format!("note  {chain}: unclosed; its process runs, or was killed")));
        lines.extend(self.findings.iter().map(|finding| format!("FAIL  {finding}")));
        if self.findings.is_empty() {
            lines.push("ok    every entry is as it was written".to_owned());
        }
        lines.join("\n")
    }

    fn to_json(&self) -> Value {
        let finding = |finding: &Finding| json!({ "kind": finding.name(), "text": finding.to_string() });
        json!({
            "chains": self.chains,
            "entries": self.entries,
            "heads": self.heads,
            "unclosed": self.unclosed.iter().map(ChainId::as_str).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}
