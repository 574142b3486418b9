//! Whether it is worth asking the provider now.
//!
//! ```text
//!            failures in a row                    pause over
//! closed ─────────────────────▶ open ────────────────────────▶ half open: one probe
//!    ▲                           ▲   a longer pause              │        │
//!    │                           └───────────────────────────────┘ failed │
//!    └────────────────────────────────────────────────────────────────────┘ answered
//! ```
//!
//! Pure: the caller brings the time and the chance.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// When a breaker opens and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row that open it; 0: it never opens.
    pub failures: u32,
    /// Time within which they must happen.
    pub window: Duration,
    /// The first pause.
    pub pause: Duration,
    /// What the pause doubles up to with each probe that fails.
    pub longest_pause: Duration,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// No call goes through until the pause is over.
    Open,
    /// The pause is over: one call at a time finds out.
    HalfOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The name in logs, metrics and `/readyz`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What a call may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// Go ahead.
    Call,
    /// Go ahead: everybody waits for what becomes of it.
    Probe,
    /// Do not ask.
    Refused,
}

/// Counts failures in a row and remembers what follows from them.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    phase: Phase,
    /// When the latest failures in a row happened, oldest first.
    failures: VecDeque<Instant>,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Instant, pause: Duration },
    HalfOpen { pause: Duration, is_probing: bool },
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, phase: Phase::Closed, failures: VecDeque::new() }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Asks for one call. What becomes of it must be told, or that it was
    /// [`withdrawn`](Self::withdrawn).
    pub fn admit(&mut self, now: Instant) -> Admission {
        match self.phase {
            Phase::Closed => return Admission::Call,
            Phase::Open { until, .. } if now < until => return Admission::Refused,
            Phase::HalfOpen { is_probing: true, .. } => return Admission::Refused,
            Phase::Open { pause, .. } | Phase::HalfOpen { pause, .. } => {
                self.phase = Phase::HalfOpen { pause, is_probing: true };
            }
        }
        Admission::Probe
    }

    /// The provider answered, whatever it said of the card.
    pub fn answered(&mut self, admission: Admission) {
        match (admission, &self.phase) {
            (Admission::Probe, Phase::HalfOpen { .. }) => self.phase = Phase::Closed,
            (Admission::Call, Phase::Closed) => {}
            // The answer to a call from before it opened says nothing of now.
            _ => return,
        }
        self.failures.clear();
    }

    /// The provider did not answer, or not in a way that is believed. `chance`
    /// is from 0 to 1 and moves the pause by a fifth at most, so that many
    /// processes do not probe together.
    pub fn failed(&mut self, admission: Admission, now: Instant, chance: f64) {
        match (admission, &self.phase) {
            (Admission::Probe, Phase::HalfOpen { pause, .. }) => self.open(now, *pause * 2, chance),
            (Admission::Call, Phase::Closed) if self.settings.failures > 0 => {
                let window = self.settings.window;
                self.failures.push_back(now);
                self.failures.retain(|&failure| now.saturating_duration_since(failure) <= window);
                if self.failures.len() >= self.settings.failures as usize {
                    self.open(now, self.settings.pause, chance);
                }
            }
            _ => {}
        }
    }

    /// A call that was admitted is not made: if it was the probe, the next one is.
    pub fn withdrawn(&mut self, admission: Admission) {
        if let (Admission::Probe, Phase::HalfOpen { is_probing, .. }) = (admission, &mut self.phase) {
            *is_probing = false;
        }
    }

    fn open(&mut self, now: Instant, pause: Duration, chance: f64) {
        let longest = self.settings.longest_pause;
        let pause = pause.min(longest);
        let moved = pause.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0)).min(longest);
        self.failures.clear();
        self.phase = Phase::Open { until: now + moved, pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        failures: 3,
        window: Duration::from_secs(10),
        pause: Duration::from_secs(2),
        longest_pause: Duration::from_secs(6),
    };

    /// A breaker and a clock that is moved by hand; no jitter.
    struct Scene {
        breaker: Breaker,
        now: Instant,
    }

    impl Scene {
        fn new(settings: BreakerSettings) -> Self {
            Self { breaker: Breaker::new(settings), now: Instant::now() }
        }

        fn pass(&mut self, milliseconds: u64) {
            self.now += Duration::from_millis(milliseconds);
        }

        fn admit(&mut self) -> Admission {
            self.breaker.admit(self.now)
        }

        fn fail(&mut self) {
            let admission = self.admit();
            self.breaker.failed(admission, self.now, 0.5);
        }

        fn opened() -> Self {
            let mut scene = Self::new(SETTINGS);
            (0..3).for_each(|_| scene.fail());
            assert_eq!(scene.breaker.state(), BreakerState::Open);
            scene
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_starts_the_row_anew() {
        let mut scene = Scene::new(SETTINGS);
        scene.fail();
        scene.fail();
        scene.breaker.answered(Admission::Call);
        scene.fail();
        scene.fail();
        assert_eq!(scene.breaker.state(), BreakerState::Closed);
        scene.fail();
        assert_eq!(scene.breaker.state(), BreakerState::Open);
        assert_eq!(scene.admit(), Admission::Refused);
    }

    #[test]
    fn failures_that_are_far_apart_do_not_open_it() {
        let mut scene = Scene::new(SETTINGS);
        for _ in 0..20 {
            scene.fail();
            scene.pass(5001);
        }
        assert_eq!(scene.breaker.state(), BreakerState::Closed);
        assert!(scene.breaker.failures.len() <= 3, "what is kept is bounded");
    }

    #[test]
    fn after_the_pause_one_call_at_a_time_finds_out() {
        let mut scene = Scene::opened();
        scene.pass(1999);
        assert_eq!(scene.admit(), Admission::Refused);
        scene.pass(1);
        assert_eq!(scene.admit(), Admission::Probe);
        assert_eq!(scene.breaker.state(), BreakerState::HalfOpen);
        assert_eq!((scene.admit(), scene.admit()), (Admission::Refused, Admission::Refused));
        scene.breaker.answered(Admission::Probe);
        assert_eq!(scene.breaker.state(), BreakerState::Closed);
        assert_eq!((scene.admit(), scene.admit()), (Admission::Call, Admission::Call));
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_the_longest() {
        let mut scene = Scene::opened();
        for pause in [2000, 4000, 6000, 6000] {
            scene.pass(pause - 1);
            assert_eq!(scene.admit(), Admission::Refused, "{pause}");
            scene.pass(1);
            assert_eq!(scene.admit(), Admission::Probe, "{pause}");
            scene.breaker.failed(Admission::Probe, scene.now, 0.5);
            assert_eq!(scene.breaker.state(), BreakerState::Open);
        }
        scene.pass(6000);
        assert_eq!(scene.admit(), Admission::Probe);
        scene.breaker.answered(Admission::Probe);
        (0..3).for_each(|_| scene.fail());
        scene.pass(2000);
        assert_eq!(scene.admit(), Admission::Probe, "the pause starts anew");
    }

    #[test]
    fn chance_moves_the_pause_within_bounds() {
        for (chance, milliseconds) in [(0.0, 1600), (1.0, 2400), (7.0, 2400)] {
            let mut scene = Scene::new(SETTINGS);
            for _ in 0..3 {
                scene.breaker.failed(Admission::Call, scene.now, chance);
            }
            scene.pass(milliseconds - 1);
            assert_eq!(scene.admit(), Admission::Refused, "{chance}");
            scene.pass(2);
            assert_eq!(scene.admit(), Admission::Probe, "{chance}");
        }
        let mut scene = Scene::opened();
        scene.pass(2000);
        for _ in 0..3 {
            assert_eq!(scene.admit(), Admission::Probe);
            scene.breaker.failed(Admission::Probe, scene.now, 1.0);
            scene.pass(6000);
        }
    }

    #[test]
    fn a_probe_that_is_not_made_leaves_its_place_to_the_next() {
        let mut scene = Scene::opened();
        scene.pass(2000);
        assert_eq!(scene.admit(), Admission::Probe);
        scene.breaker.withdrawn(Admission::Probe);
        assert_eq!(scene.admit(), Admission::Probe);
        assert_eq!(scene.admit(), Admission::Refused);
    }

    #[test]
    fn calls_from_before_it_opened_change_nothing() {
        let mut scene = Scene::opened();
        scene.breaker.answered(Admission::Call);
        scene.breaker.failed(Admission::Call, scene.now, 0.5);
        scene.breaker.withdrawn(Admission::Call);
        assert_eq!(scene.breaker.state(), BreakerState::Open);
        scene.pass(2000);
        assert_eq!(scene.admit(), Admission::Probe);
        scene.breaker.answered(Admission::Call);
        assert_eq!(scene.breaker.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn with_no_number_of_failures_it_never_opens() {
        let mut scene = Scene::new(BreakerSettings { failures: 0, ..SETTINGS });
        (0..100).for_each(|_| scene.fail());
        assert_eq!(scene.admit(), Admission::Call);
        assert!(scene.breaker.failures.is_empty());
    }
}
