//! What a run has found, as a table.

use crate::hand::Strikes;
use crate::ledger::{Books, Loss, Record};
use std::collections::HashSet;

/// One window's part of a run.
#[derive(Clone)]
pub struct Row {
    pub name: String,
    pub strikes: Strikes,
    pub books: Books,
    pub losses: Vec<Loss>,
}

const HEAD: [&str; 12] = [
    "",
    "sessions",
    "tokens",
    "completed",
    "other ends",
    "open",
    "dropped tokens",
    "events",
    "repeated",
    "kills",
    "of the database",
    "losses",
];

/// All rows, then every loss.
pub fn table(rows: &[Row]) {
    let cells: Vec<Vec<String>> =
        std::iter::once(HEAD.map(str::to_owned).to_vec()).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in &cells {
        let first = format!("{:<width$}", row[0], width = width(0));
        let rest = (1..row.len()).map(|column| format!("  {:>width$}", row[column], width = width(column)));
        println!("{first}{}", rest.collect::<String>());
    }
    for row in rows {
        for loss in &row.losses {
            println!("LOSS {}: {:?}: {}", row.name, loss.promise, loss.what);
        }
    }
}

fn cells(row: &Row) -> Vec<String> {
    let Row { name, strikes, books, losses } = row;
    let count = |is: fn(&Record) -> bool| books.records.iter().filter(|record| is(record)).count();
    let completed = count(Record::is_completed);
    let events: HashSet<&str> = books.received.iter().map(|receipt| &*receipt.event).collect();
    let numbers = [
        books.records.len(),
        books.issued.len(),
        completed,
        count(|record| record.has_ended() && !record.is_completed()),
        count(|record| !record.has_ended()),
        books.issued.len().saturating_sub(completed),
        events.len(),
        books.received.len() - events.len(),
        strikes.processes,
        strikes.databases,
        losses.len(),
    ];
    std::iter::once(name.clone()).chain(numbers.iter().map(usize::to_string)).collect()
}
