//! Card numbers that look right and belong to nobody: test prefixes, digits
//! from a seed, and the check digit (ISO/IEC 7812-1 annex B). The same seed
//! gives the same cards, so that two runs do the same work.

use super::index::WINDOW;
use super::needles::is_distinctive;
use crate::card::passes_luhn;
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Prefixes of test cards; none begins one of the sandbox's magic numbers.
const PREFIXES: [&[u8]; 3] = [b"411111", b"555555", b"979200"];
const LENGTH: usize = 16;

/// An endless row of card numbers. No nine digits of any of them are regular,
/// so that a search does not take a constant table for a card.
pub struct RandomCards {
    state: u64,
    made: usize,
    prefixes: Vec<Vec<u8>>,
}

impl RandomCards {
    /// The row that belongs to a seed, with prefixes of test cards.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { state: seed, made: 0, prefixes: PREFIXES.map(<[u8]>::to_vec).to_vec() }
    }

    /// A row that no other run has, as far as the system's randomness goes.
    #[must_use]
    pub fn new() -> Self {
        let mut seed = [0; 8];
        // Numbers of nobody's cards need no secrecy: a failing source makes a dull row, not a weak one.
        let _ = rand::fill(&mut seed);
        Self::from_seed(u64::from_ne_bytes(seed))
    }

    /// Takes the numbers from these ranges in turn: up to ten leading digits each.
    /// Without any, or with one that has anything but digits, nothing changes.
    #[must_use]
    pub fn with_prefixes(mut self, prefixes: &[&str]) -> Self {
        let fits = |prefix: &&str| (1..=10).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
        if !prefixes.is_empty() && prefixes.iter().all(fits) {
            self.prefixes = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
        }
        self
    }

    /// The next number: 16 ASCII digits.
    pub fn number(&mut self) -> Zeroizing<Vec<u8>> {
        let prefix = self.made % self.prefixes.len();
        self.made += 1;
        loop {
            let mut number = Zeroizing::new(Vec::with_capacity(LENGTH));
            number.extend_from_slice(&self.prefixes[prefix]);
            while number.len() < LENGTH - 1 {
                let digit = self.digit();
                number.push(digit);
            }
            number.push(b'0');
            while !passes_luhn(&number) {
                number[LENGTH - 1] += 1;
            }
            if number.windows(WINDOW).all(is_distinctive) {
                return number;
            }
        }
    }

    /// A security code of three digits.
    pub fn code(&mut self) -> Zeroizing<Vec<u8>> {
        self.digits(3)
    }

    /// A code of ten digits, more than any card has: one that can be told from
    /// anything else wherever it is found.
    pub fn distinctive_code(&mut self) -> Zeroizing<Vec<u8>> {
        loop {
            let code = self.digits(10);
            if code.windows(WINDOW).all(is_distinctive) {
                return code;
            }
        }
    }

    fn digits(&mut self, count: usize) -> Zeroizing<Vec<u8>> {
        let mut digits = Zeroizing::new(Vec::with_capacity(count));
        digits.extend((0..count).map(|_| self.digit()));
        digits
    }

    fn digit(&mut self) -> u8 {
        b'0' + (self.random() % 10) as u8
    }

    /// The generator `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Default for RandomCards {
    fn default() -> Self {
        Self::new()
    }
}
