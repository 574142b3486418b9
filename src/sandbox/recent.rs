//! What the sandbox remembers: signatures it has seen and conversations it has
//! answered with "stale". Bounded; the oldest entry makes room.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// A set of the last `capacity` values.
pub struct RecentSet<T> {
    capacity: usize,
    order: VecDeque<T>,
    values: HashSet<T>,
}

impl<T: Clone + Eq + Hash> RecentSet<T> {
    /// An empty set that will hold at most `capacity` values.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, order: VecDeque::new(), values: HashSet::new() }
    }

    /// Adds a value; whether it was not there before.
    pub fn insert(&mut self, value: T) -> bool {
        if !self.values.insert(value.clone()) {
            return false;
        }
        self.order.push_back(value);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_new_once_and_the_oldest_makes_room() {
        let mut set = RecentSet::new(2);
        assert!(set.insert(1) && set.insert(2));
        assert!(!set.insert(1));
        assert!(set.insert(3));
        assert_eq!(set.values.len(), 2);
        assert!(!set.insert(2) && set.insert(1));
    }
}
