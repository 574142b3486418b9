//! Where each run of nine digits stands in the numbers that are looked for: an
//! open-addressing table of single words, because a scan asks it millions of times.

use zeroize::Zeroizing;

/// Digits that a lookup takes.
pub(super) const WINDOW: usize = 9;
/// A window's value: one nibble a digit.
pub(super) const WINDOW_MASK: u64 = (1 << (4 * WINDOW)) - 1;

const NEEDLE_BITS: u32 = 23;
const OFFSET_BITS: u32 = 5;
const KEY_SHIFT: u32 = NEEDLE_BITS + OFFSET_BITS;
/// As many needles as an entry can name.
pub(super) const MAX_NEEDLES: usize = 1 << NEEDLE_BITS;

/// From a key of 36 bits to (needle, offset), several for one key.
pub(super) struct Index {
    /// Key, needle and offset in one word; zero is an empty slot.
    slots: Zeroizing<Vec<u64>>,
    used: usize,
}

impl Index {
    pub fn new() -> Self {
        Self { slots: Zeroizing::new(vec![0; 64]), used: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds an entry. The key is not zero, the needle below [`MAX_NEEDLES`], the offset below 32.
    pub fn insert(&mut self, key: u64, needle: usize, offset: usize) {
        // Half full at most: a lookup that finds nothing ends after a step or two.
        if (self.used + 1) * 2 > self.slots.len() {
            let bigger = Zeroizing::new(vec![0; self.slots.len() * 4]);
            let old = std::mem::replace(&mut self.slots, bigger);
            old.iter().filter(|&&entry| entry != 0).for_each(|&entry| self.place(entry));
        }
        self.place(key << KEY_SHIFT | (needle as u64) << OFFSET_BITS | offset as u64);
        self.used += 1;
    }

    fn place(&mut self, entry: u64) {
        let mut slot = self.first_slot(entry >> KEY_SHIFT);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = entry;
    }

    /// Every (needle, offset) under a key.
    #[inline]
    pub fn lookup(&self, key: u64, mut found: impl FnMut(usize, usize)) {
        let mut slot = self.first_slot(key);
        while self.slots[slot] != 0 {
            let entry = self.slots[slot];
            if entry >> KEY_SHIFT == key {
                let place = (entry & ((1 << KEY_SHIFT) - 1)) as usize;
                found(place >> OFFSET_BITS, place & ((1 << OFFSET_BITS) - 1));
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Multiplicative hashing: the product's top bits.
    #[inline]
    fn first_slot(&self, key: u64) -> usize {
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // The number of slots is a power of two, far below 2³².
        (hash as usize) >> (32 - self.slots.len().trailing_zeros())
    }
}
