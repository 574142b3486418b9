//! The table, and what it comes to.

use crate::controls::Controls;
use crate::search::{Copies, Row};

/// The most faults of one scenario that are printed.
const FAULTS: usize = 3;

/// Prints the scenarios and their faults.
pub fn table(rows: &[Row]) {
    println!(
        "\n{:<28}{:>7}{:>9}{:>11}{:>6}{:>7}{:>9}",
        "scenario", "cards", "memory", "registers", "log", "store", "answers"
    );
    for Row { name, cards, copies, faults, .. } in rows {
        let Copies { memory, registers, log, store, answers } = copies;
        println!("{name:<28}{cards:>7}{memory:>9}{registers:>11}{log:>6}{store:>7}{answers:>9}");
        for fault in faults.iter().take(FAULTS) {
            println!("    {fault}");
        }
        if faults.len() > FAULTS {
            println!("    … and {} more", faults.len() - FAULTS);
        }
    }
}

/// Prints what the controls showed.
pub fn controls(controls: &Controls) {
    if let Some([reading, forwarding]) = controls.in_flight {
        println!("\n{:<52}{:>6} copies", "control: while a form comes in", reading);
        println!("{:<52}{:>6} copies", "control: while the provider has the card", forwarding);
    }
    for (part, rows) in &controls.left_out {
        let total = total(rows);
        println!("{:<52}{total:>6} copies", format!("control: without {part}"));
        for row in rows.iter().filter(|row| row.copies.total() > 0) {
            println!("    {:<48}{:>6}", row.name, row.copies.total());
        }
        if total == 0 {
            println!("    NOTHING SHOWED: no scenario here needs this part");
        }
    }
}

/// Prints the closing line. Whether everything is as it has to be.
pub fn verdict(rows: &[Row], controls: &Controls, is_long: bool) -> bool {
    let copies = total(rows);
    let cards: usize = rows.iter().map(|row| row.cards).sum();
    let faults = rows.iter().map(|row| row.faults.len()).sum::<usize>();
    let blind = controls.in_flight.is_some_and(|found| found.contains(&0));
    let idle: Vec<&str> =
        controls.left_out.iter().filter(|(_, rows)| total(rows) == 0).map(|(part, _)| *part).collect();
    let mut said = vec![format!("residue: {} scenarios, {cards} cards, {copies} copies; controls:", rows.len())];
    if let Some([reading, forwarding]) = controls.in_flight {
        said.push(format!("{reading} and {forwarding} copies in flight"));
    }
    said.extend(controls.left_out.iter().map(|(part, rows)| format!("{} without {part}", total(rows))));
    println!("\n{}", said.join(", ").replacen(":,", ":", 1));
    if faults > 0 {
        println!("FAILED: {faults} requests went another way than they should");
    }
    if blind {
        println!("FAILED: the search does not find cards that are there");
    }
    if is_long && !idle.is_empty() {
        println!("FAILED: nothing needs {}", idle.join(", "));
    }
    copies == 0 && faults == 0 && !blind && (!is_long || idle.is_empty())
}

fn total(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.copies.total()).sum()
}
