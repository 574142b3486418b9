//! How many callbacks ended how, since the process started.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that only grow, and one gauge; for metrics.
#[derive(Default)]
pub struct CallbackCounts {
    delivered: AtomicU64,
    failed: AtomicU64,
    abandoned: AtomicU64,
    interrupted: AtomicU64,
    endpoints_disabled: AtomicU64,
    endpoints_paused: AtomicU64,
    paused_now: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CallbackTally {
    /// Callbacks that were answered 2xx.
    pub delivered: u64,
    /// Attempts that failed and are followed by another.
    pub failed: u64,
    /// Events given up: the schedule is used up.
    pub abandoned: u64,
    /// Attempts that a shutdown cut short and handed back.
    pub interrupted: u64,
    /// How often an endpoint was disabled by its answer 410.
    pub endpoints_disabled: u64,
    /// How often an endpoint failed so many times in a row that it is only probed.
    pub endpoints_paused: u64,
    /// How many endpoints are only probed right now.
    pub paused_now: u64,
}

impl CallbackCounts {
    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> CallbackTally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallbackTally {
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            abandoned: read(&self.abandoned),
            interrupted: read(&self.interrupted),
            endpoints_disabled: read(&self.endpoints_disabled),
            endpoints_paused: read(&self.endpoints_paused),
            paused_now: read(&self.paused_now),
        }
    }

    pub(super) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn interrupted(&self) {
        self.interrupted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn endpoint_disabled(&self) {
        self.endpoints_disabled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn endpoint_paused(&self) {
        self.endpoints_paused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn paused_now(&self, count: usize) {
        self.paused_now.store(count as u64, Ordering::Relaxed);
    }
}
