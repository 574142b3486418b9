//! Telling whether chains are as they were written.

use super::{Action, ChainId, ChainRecord, Entry, Hash, Head, Outcome, anchors_digest};
use std::fmt;

/// Something that is not as it was written, or cannot be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// An entry's hash is not that of what stands in it.
    Changed(Place),
    /// An entry stands in the place of another.
    Moved {
        /// Where it stands.
        place: Place,
        /// Where it was written.
        from: i64,
    },
    /// An entry does not name the hash of the one before: one of the two was written anew.
    Unlinked(Place),
    /// Entries are not there, the last one included.
    Missing {
        /// The first of them.
        first: Place,
        /// The number of the last.
        last: i64,
    },
    /// The chain ends before a head that was seen of it.
    Truncated {
        /// The first entry that is not there.
        first: Place,
        /// The number of that head.
        head: i64,
        /// Where the head was seen: in the log, or in the store.
        exported: bool,
    },
    /// An entry is not the one whose head was seen.
    HeadDiffers {
        /// Which entry.
        place: Place,
        /// Where the head was seen: in the log, or in the store.
        exported: bool,
    },
    /// A chain whose head is in the log, or whose entries are there, has no record.
    ChainMissing(ChainId),
    /// The places where chains were pruned are not those that pruning has left.
    AnchorsForged,
}

/// An entry's place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its chain.
    pub chain: ChainId,
    /// Its number there.
    pub number: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.chain, self.number)
    }
}

impl Finding {
    /// One word for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Changed(_) => "changed",
            Self::Moved { .. } => "moved",
            Self::Unlinked(_) => "unlinked",
            Self::Missing { .. } => "missing",
            Self::Truncated { .. } => "truncated",
            Self::HeadDiffers { .. } => "head-differs",
            Self::ChainMissing(_) => "chain-missing",
            Self::AnchorsForged => "anchors-forged",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = |exported: &bool| if *exported { "the log" } else { "the store's record of the chain" };
        match self {
            Self::Changed(place) => write!(formatter, "{place}: changed"),
            Self::Moved { place, from } => write!(formatter, "{place}: was written as number {from}"),
            Self::Unlinked(place) => {
                write!(formatter, "{place}: does not follow the entry before it: one of the two was written anew")
            }
            Self::Missing { first, last } if first.number == *last => write!(formatter, "{first}: missing"),
            Self::Missing { first, last } => write!(formatter, "{first} to {last}: missing"),
            Self::Truncated { first, head, exported } => {
                write!(formatter, "{first} to {head}: cut off; {} knows number {head}", seen(exported))
            }
            Self::HeadDiffers { place, exported } => {
                write!(formatter, "{place}: is not the entry that {} knows", seen(exported))
            }
            Self::ChainMissing(chain) => write!(formatter, "{chain}: its record is missing"),
            Self::AnchorsForged => {
                formatter.write_str("the places where chains were pruned are not those that the last pruning has left")
            }
        }
    }
}

/// Goes through one chain, entry by entry, in the order of their numbers.
pub struct ChainCheck<'a> {
    record: ChainRecord,
    exported: Vec<&'a Head>,
    number: i64,
    hash: Hash,
    is_closed: bool,
    changed: Vec<Entry>,
    findings: Vec<Finding>,
}

/// Changed entries that are compared with one another's places.
const MOST_MOVED: usize = 64;

impl<'a> ChainCheck<'a> {
    /// Starts where the chain was pruned, or at its first entry. `exported` may hold
    /// heads of other chains, too.
    #[must_use]
    pub fn new(record: ChainRecord, exported: &'a [Head]) -> Self {
        let exported = exported.iter().filter(|head| head.chain == record.head.chain).collect();
        let (number, hash) = (record.anchor_number, record.anchor_hash);
        Self { record, exported, number, hash, is_closed: false, changed: Vec::new(), findings: Vec::new() }
    }

    /// Looks at the next entry.
    pub fn entry(&mut self, entry: &Entry) {
        let place = self.place(entry.number);
        if entry.number > self.number + 1 {
            self.findings.push(Finding::Missing { first: self.place(self.number + 1), last: entry.number - 1 });
        } else if entry.previous != self.hash {
            self.findings.push(Finding::Unlinked(place.clone()));
        }
        if !entry.is_whole() {
            self.changed.push(entry.clone());
        }
        let known = self.exported.iter().map(|head| (*head, true)).chain([(&self.record.head, false)]);
        for (head, exported) in known {
            if head.number == entry.number && head.hash != entry.hash {
                self.findings.push(Finding::HeadDiffers { place: place.clone(), exported });
            }
        }
        self.number = entry.number;
        self.hash = entry.hash;
        self.is_closed = entry.action == Action::ChainClosed.name();
    }

    /// Whether the chain's process has written its last entry.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// What is not as it was written.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        for entry in self.changed.iter().take(MOST_MOVED) {
            let places = self.changed.iter().take(MOST_MOVED).map(|other| other.number);
            let from = places.clone().find(|&number| Entry { number, ..entry.clone() }.is_whole());
            let place = Place { chain: entry.chain.clone(), number: entry.number };
            // What was moved does not follow its neighbours either; that is one finding.
            self.findings.retain(|finding| *finding != Finding::Unlinked(place.clone()) || from.is_none());
            self.findings.push(match from {
                Some(from) => Finding::Moved { place, from },
                None => Finding::Changed(place),
            });
        }
        for entry in self.changed.iter().skip(MOST_MOVED) {
            self.findings.push(Finding::Changed(Place { chain: entry.chain.clone(), number: entry.number }));
        }
        if self.record.head.number == 0 {
            self.findings.push(Finding::ChainMissing(self.record.head.chain.clone()));
        }
        let farthest = self.exported.iter().map(|head| head.number).max().unwrap_or(0);
        let (head, exported) =
            if farthest > self.record.head.number { (farthest, true) } else { (self.record.head.number, false) };
        if head > self.number {
            self.findings.push(Finding::Truncated { first: self.place(self.number + 1), head, exported });
        }
        self.findings
    }

    fn place(&self, number: i64) -> Place {
        Place { chain: self.record.head.chain.clone(), number }
    }
}

/// Finds the latest pruning, which names all anchors.
#[derive(Default)]
pub struct Anchors {
    latest: Option<(i64, ChainId, i64, String)>,
}

impl Anchors {
    /// What a pruning's detail begins with, before the digest.
    pub const DETAIL: &'static str = "anchors=";

    /// Looks at an entry.
    pub fn entry(&mut self, entry: &Entry) {
        if entry.action != Action::AuditPruned.name() || entry.outcome != Outcome::Done.name() || !entry.is_whole() {
            return;
        }
        let this = (entry.at, entry.chain.clone(), entry.number, entry.detail.clone());
        if self.latest.as_ref().is_none_or(|latest| (latest.0, &latest.1, latest.2) < (this.0, &this.1, this.2)) {
            self.latest = Some(this);
        }
    }

    /// Whether the chains start where that pruning has left them.
    #[must_use]
    pub fn finish(self, chains: &[ChainRecord]) -> Option<Finding> {
        let is_any = chains.iter().any(|chain| chain.anchor_number > 0);
        let expected = format!("{}{}", Self::DETAIL, anchors_digest(chains));
        let is_known = self.latest.as_ref().map(|latest| latest.3.split(' ').any(|part| part == expected));
        (is_known == Some(false) || (is_any && is_known.is_none())).then_some(Finding::AnchorsForged)
    }
}
