//! What was sent and what was found, for people.

use super::cardholder::Way;
use crate::residue::{Report, Secret};
use std::collections::BTreeMap;

/// How many cards went which way, and how they were answered.
#[derive(Default)]
pub struct Sent(Vec<(Way, Option<u16>)>);

impl Sent {
    /// Counts one.
    pub fn count(&mut self, way: Way, status: Option<u16>) {
        self.0.push((way, status));
    }
}

/// One look at everything.
#[derive(Default)]
pub struct Looked {
    pub memory: Report,
    pub log: Option<Report>,
    pub store: Option<Report>,
}

impl Looked {
    /// Every report.
    pub fn all(&self) -> impl Iterator<Item = &Report> {
        [Some(&self.memory), self.log.as_ref(), self.store.as_ref()].into_iter().flatten()
    }

    /// Copies in all of them.
    pub fn copies(&self) -> usize {
        self.all().map(Report::copies).sum()
    }

    /// One line for each copy, and what each look covered.
    pub fn print_findings(&self, with_context: bool) {
        for report in self.all() {
            if with_context {
                println!("{report:#}");
            } else {
                println!("{report}");
            }
        }
    }
}

/// Prints both tables.
pub fn print(sent: &Sent, looks: &[(&str, &Looked)]) {
    println!("\n{:<30} {:>6}  answered", "sent", "cards");
    for way in Way::ALL {
        let mut answers: BTreeMap<Option<u16>, usize> = BTreeMap::new();
        sent.0
            .iter()
            .filter(|(sent, _)| *sent == way)
            .for_each(|(_, status)| *answers.entry(*status).or_default() += 1);
        let text = |(status, count): (&Option<u16>, &usize)| match status {
            Some(status) => format!("{status} ({count})"),
            None => format!("not waited for ({count})"),
        };
        let count: usize = answers.values().sum();
        if count > 0 {
            println!("{:<30} {count:>6}  {}", way.name(), answers.iter().map(text).collect::<Vec<_>>().join(", "));
        }
    }
    print!("\n{:<30}", "copies found");
    for (name, _) in looks {
        print!(" {name:>10}");
    }
    println!();
    row("memory and registers: numbers", looks, |look| Some(look.memory.copies_of(Secret::Number)));
    row("memory and registers: codes", looks, |look| Some(look.memory.copies_of(Secret::Code)));
    row("log", looks, |look| look.log.as_ref().map(Report::copies));
    row("store", looks, |look| look.store.as_ref().map(Report::copies));
    println!();
}

fn row(name: &str, looks: &[(&str, &Looked)], copies: impl Fn(&Looked) -> Option<usize>) {
    print!("{name:<30}");
    for (_, look) in looks {
        print!(" {:>10}", copies(look).map_or_else(|| "-".to_owned(), |copies| copies.to_string()));
    }
    println!();
}
