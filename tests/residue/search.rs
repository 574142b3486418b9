//! What searches found, card by card counted for the scenario that sent it.

use crate::Outcome;
use crate::cards::{Card, Cards};
use crate::instance::Instance;
use std::collections::HashSet;
use vezne::residue::{Finding, Place, Registers, Report, scan_bytes, scan_folder, scan_process};

/// The copies of one scenario's cards that searches found, by where they were.
#[derive(Clone, Copy, Default)]
pub struct Copies {
    pub memory: usize,
    pub registers: usize,
    pub log: usize,
    pub store: usize,
    pub answers: usize,
}

impl Copies {
    pub fn total(self) -> usize {
        self.memory + self.registers + self.log + self.store + self.answers
    }

    fn count(&mut self, place: &Place) {
        *match place {
            Place::Memory { .. } => &mut self.memory,
            Place::Register { .. } => &mut self.registers,
            Place::File { path } if is_store(path) => &mut self.store,
            Place::File { .. } => &mut self.log,
            Place::Bytes => &mut self.answers,
        } += 1;
    }
}

/// The store's file and those that SQLite puts beside it.
fn is_store(path: &std::path::Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vezne.db"))
}

/// One scenario and what was found of its cards.
pub struct Row {
    pub name: String,
    pub cards: usize,
    pub copies: Copies,
    /// Those copies: one that is found again is no new one.
    seen: HashSet<(usize, u64, String)>,
    /// What went another way than it should.
    pub faults: Vec<String>,
    /// Its cards are under way: they are no residue yet.
    pub in_flight: bool,
}

/// All cards so far, and what became of them.
pub struct Search {
    cards: Cards,
    pub rows: Vec<Row>,
    debug: bool,
}

impl Search {
    /// With `debug`, every copy is printed with what is around it.
    pub fn new(debug: bool) -> Self {
        Self { cards: Cards::new(), rows: Vec::new(), debug }
    }

    /// A new row, and its cards.
    pub fn row(&mut self, name: &str, cards: usize) -> Outcome<Vec<Card>> {
        let owner = self.rows.len();
        let (copies, faults) = (Copies::default(), Vec::new());
        self.rows.push(Row { name: name.to_owned(), cards, copies, seen: HashSet::new(), faults, in_flight: false });
        self.cards.deal(cards, owner)
    }

    /// The same for cards that are under way until they have [`Self::landed`].
    pub fn fly(&mut self, name: &str, cards: usize) -> Outcome<Vec<Card>> {
        let cards = self.row(name, cards)?;
        self.rows.iter_mut().next_back().into_iter().for_each(|row| row.in_flight = true);
        Ok(cards)
    }

    /// From now on copies of these cards are residue.
    pub fn landed(&mut self, name: &str) {
        self.rows.iter_mut().filter(|row| row.name == name).for_each(|row| row.in_flight = false);
    }

    /// Notes against the last row what went wrong.
    pub fn note(&mut self, faults: Vec<String>) {
        if let Some(row) = self.rows.last_mut() {
            row.faults.extend(faults);
        }
    }

    /// Searches a process, all that it wrote, and these answers, for every card
    /// so far. Returns the copies of cards in flight.
    pub fn look(&mut self, instance: &Instance, answers: &[u8]) -> Outcome<usize> {
        let mut report = scan_process(instance.pid(), self.cards.needles())?;
        if let Registers::NotScanned(why) = &report.registers {
            return Err(format!("registers were not searched: {why}").into());
        }
        report.add(self.written(instance, answers)?);
        Ok(self.take_in(&report))
    }

    /// The same for a process that has ended.
    pub fn look_at_what_is_left(&mut self, instance: &Instance, answers: &[u8]) -> Outcome<()> {
        let report = self.written(instance, answers)?;
        self.take_in(&report);
        Ok(())
    }

    fn written(&self, instance: &Instance, answers: &[u8]) -> Outcome<Report> {
        let mut report = scan_folder(&instance.folder, self.cards.needles())?;
        report.add(scan_bytes(answers, self.cards.needles()));
        Ok(report)
    }

    fn take_in(&mut self, report: &Report) -> usize {
        let mut in_flight = 0;
        for finding in &report.findings {
            let owner = self.cards.owner(finding.label);
            let row = &mut self.rows[owner];
            if row.in_flight {
                in_flight += 1;
                continue;
            }
            let copy = (finding.label, finding.start, format!("{:?}", finding.place));
            if row.seen.insert(copy) {
                row.copies.count(&finding.place);
                self.show(finding, owner);
            }
        }
        in_flight
    }

    fn show(&self, finding: &Finding, owner: usize) {
        if self.debug {
            let latest = self.rows.last().map_or("nothing", |row| &row.name);
            println!("after “{latest}”, of “{}”: {finding}\n    {}", self.rows[owner].name, finding.context);
        }
    }
}
