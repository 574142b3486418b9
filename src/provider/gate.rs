//! The breaker of one mode, shared by the workers of this process: who asks is
//! let through or not, and each change is logged once.

use super::ProviderError;
use super::breaker::{Admission, Breaker, BreakerSettings, BreakerState};
use crate::hardening::secret::fill_random;
use crate::merchant::Mode;
use crate::telemetry::Metrics;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One mode's way to its provider.
pub struct Gate {
    mode: Mode,
    breaker: Mutex<Breaker>,
    metrics: Arc<Metrics>,
}

impl Gate {
    /// A gate that is open, as long as the provider answers.
    #[must_use]
    pub fn new(mode: Mode, settings: BreakerSettings, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.breaker_refusals.more([mode.name()], 0);
        let gate = Arc::new(Self { mode, breaker: Mutex::new(Breaker::new(settings)), metrics });
        gate.show(BreakerState::Closed);
        gate
    }

    /// Lets one call through, or nothing: then the provider is not to be asked.
    #[must_use]
    pub fn pass(self: &Arc<Self>) -> Option<Pass> {
        let admission = self.change(|breaker| breaker.admit(Instant::now()));
        if admission == Admission::Refused {
            self.metrics.breaker_refusals.one([self.mode.name()]);
            return None;
        }
        Some(Pass { gate: Arc::clone(self), admission: Some(admission) })
    }

    /// Where the breaker stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.lock().state()
    }

    fn change<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.lock();
        let before = breaker.state();
        let outcome = act(&mut breaker);
        let after = breaker.state();
        drop(breaker);
        if before != after {
            self.tell(after);
        }
        outcome
    }

    fn tell(&self, state: BreakerState) {
        let (mode, name) = (self.mode.name(), state.name());
        self.show(state);
        match state {
            BreakerState::Open => tracing::error!(mode, state = name, "the provider is not asked for a while"),
            BreakerState::HalfOpen => tracing::info!(mode, state = name, "one card finds out about the provider"),
            BreakerState::Closed => tracing::info!(mode, state = name, "the provider answers again"),
        }
    }

    fn show(&self, state: BreakerState) {
        let mode = self.mode.name();
        self.metrics.breaker.choose(BreakerState::ALL.map(|state| [mode, state.name()]), [mode, state.name()]);
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one call. Dropped without an outcome, it was not used.
#[must_use = "what becomes of the call must be told"]
pub struct Pass {
    gate: Arc<Gate>,
    admission: Option<Admission>,
}

impl Pass {
    /// Tells what became of the call: a refused card is an answer like a token.
    pub fn settle(mut self, error: Option<&ProviderError>) {
        let Some(admission) = self.admission.take() else { return };
        if error.is_some_and(ProviderError::is_of_the_provider) {
            self.gate.change(|breaker| breaker.failed(admission, Instant::now(), chance()));
        } else {
            self.gate.change(|breaker| breaker.answered(admission));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(admission) = self.admission {
            self.gate.change(|breaker| breaker.withdrawn(admission));
        }
    }
}

/// A number in [0, 1): spreads the probes of processes whose breakers opened together.
fn chance() -> f64 {
    let mut byte = [0; 1];
    fill_random(&mut byte);
    f64::from(byte[0]) / 256.0
}
