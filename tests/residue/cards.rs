//! The cards of a run: each is sent once, and its place in the list is the
//! label under which a search reports it.

use crate::Outcome;
use std::collections::HashSet;
use vezne::residue::{Needles, RandomCards, Secret};

/// A card that belongs to nobody.
#[derive(Clone)]
pub struct Card {
    pub number: String,
    /// Three digits. Too short to be told from other digits by itself: it is
    /// looked for inside its form field.
    pub code: String,
    /// Eight digits, the most that the form's field takes, for whoever sends a
    /// code that no card has. Looked for wherever it may be.
    pub long_code: String,
}

/// Short ones: two cards are not to share nine digits in a row.
const PREFIXES: [&str; 8] = ["4", "4", "4", "51", "52", "53", "54", "55"];
/// Codes of three digits, less those that make the process panic.
const CODES: usize = 990;

/// All cards so far, and whose they are.
pub struct Cards {
    random: RandomCards,
    needles: Needles,
    owners: Vec<usize>,
    codes: HashSet<String>,
}

impl Cards {
    pub fn new() -> Self {
        let random = RandomCards::new().with_prefixes(&PREFIXES);
        Self { random, needles: Needles::new(), owners: Vec::new(), codes: HashSet::new() }
    }

    /// New cards for this owner, a row of the report.
    pub fn deal(&mut self, count: usize, owner: usize) -> Outcome<Vec<Card>> {
        (0..count).map(|_| self.one(owner)).collect()
    }

    /// What to look for.
    pub fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Whose card has this label.
    pub fn owner(&self, label: usize) -> usize {
        self.owners[label]
    }

    fn one(&mut self, owner: usize) -> Outcome<Card> {
        let label = self.owners.len();
        let card = Card {
            number: String::from_utf8(self.random.number().to_vec())?,
            code: self.code()?,
            long_code: String::from_utf8(self.random.distinctive_code()[..8].to_vec())?,
        };
        self.needles.add_number(label, card.number.as_bytes())?;
        self.needles.add_code(label, card.code.as_bytes())?;
        self.needles.add_field(label, Secret::Code, card.long_code.as_bytes())?;
        self.owners.push(owner);
        Ok(card)
    }

    /// One that no other card has, as long as there are any, and none that
    /// makes the process panic.
    fn code(&mut self) -> Outcome<String> {
        if self.codes.len() == CODES {
            self.codes.clear();
        }
        loop {
            let code = String::from_utf8(self.random.code().to_vec())?;
            if !code.starts_with("00") && self.codes.insert(code.clone()) {
                return Ok(code);
            }
        }
    }
}
