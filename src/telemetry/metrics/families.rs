//! Metrics with labels. A label's value is `&'static str`: what comes in from
//! outside, be it a merchant's text or a card number, has no way to become one.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Upper bounds of a time's buckets, in seconds: from a read of the store to the
/// longest call of a provider.
const SECONDS: [f64; 14] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

type Labels<const N: usize> = [(&'static str, &'static str); N];

fn labels<const N: usize>(names: [&'static str; N], values: [&'static str; N]) -> Labels<N> {
    std::array::from_fn(|place| (names[place], values[place]))
}

/// Things counted, told apart by N labels. Clones count together.
#[derive(Clone, Debug)]
pub struct Counts<const N: usize> {
    names: [&'static str; N],
    family: Family<Labels<N>, Counter>,
}

impl<const N: usize> Counts<N> {
    /// Counters with these labels.
    #[must_use]
    pub fn new(names: [&'static str; N]) -> Self {
        Self { names, family: Family::default() }
    }

    /// Counts one.
    pub fn one(&self, values: [&'static str; N]) {
        self.more(values, 1);
    }

    /// Counts so many; none makes the counter visible as 0.
    pub fn more(&self, values: [&'static str; N], count: u64) {
        self.family.get_or_create(&labels(self.names, values)).inc_by(count);
    }

    /// Shows it under a name, to which `_total` is added.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.family.clone());
    }
}

/// How long things took, told apart by N labels.
#[derive(Clone, Debug)]
pub struct Timings<const N: usize> {
    names: [&'static str; N],
    family: Family<Labels<N>, Histogram, fn() -> Histogram>,
}

impl<const N: usize> Timings<N> {
    /// Histograms with these labels.
    #[must_use]
    pub fn new(names: [&'static str; N]) -> Self {
        Self { names, family: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }

    /// Takes one time in.
    pub fn took(&self, values: [&'static str; N], time: Duration) {
        self.family.get_or_create(&labels(self.names, values)).observe(time.as_secs_f64());
    }

    /// Shows it under a name, which should end in `_seconds`.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.family.clone());
    }
}

/// What is so at the moment, told apart by N labels.
#[derive(Clone, Debug)]
pub struct Levels<const N: usize> {
    names: [&'static str; N],
    family: Family<Labels<N>, Gauge<f64, AtomicU64>>,
}

impl<const N: usize> Levels<N> {
    /// Gauges with these labels.
    #[must_use]
    pub fn new(names: [&'static str; N]) -> Self {
        Self { names, family: Family::default() }
    }

    /// It is so much now.
    pub fn set(&self, values: [&'static str; N], level: f64) {
        self.family.get_or_create(&labels(self.names, values)).set(level);
    }

    /// One of these is so, the others are not.
    pub fn choose(&self, all: impl IntoIterator<Item = [&'static str; N]>, chosen: [&'static str; N]) {
        for values in all {
            self.set(values, f64::from(u8::from(values == chosen)));
        }
    }

    /// Shows it under a name.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.family.clone());
    }
}

/// How long one kind of thing took.
#[derive(Clone, Debug)]
pub struct Timing(Histogram);

impl Default for Timing {
    fn default() -> Self {
        Self(Histogram::new(SECONDS))
    }
}

impl Timing {
    /// Takes one time in.
    pub fn took(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }

    /// Shows it under a name, which should end in `_seconds`.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.0.clone());
    }
}

/// What is so at the moment.
#[derive(Clone, Debug, Default)]
pub struct Level(Gauge<f64, AtomicU64>);

impl Level {
    /// It is so much now; nothing where nobody knows.
    pub fn set(&self, level: Option<f64>) {
        self.0.set(level.unwrap_or(f64::NAN));
    }

    /// Whether it is so.
    pub fn is(&self, so: bool) {
        self.0.set(f64::from(u8::from(so)));
    }

    /// Shows it under a name.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.0.clone());
    }
}

/// How many there are at the moment.
#[derive(Clone, Debug, Default)]
pub struct Present(Gauge);

impl Present {
    /// One more for as long as what is returned lives.
    #[must_use]
    pub fn one_more(&self) -> PresentGuard {
        self.0.inc();
        PresentGuard(self.0.clone())
    }

    /// Shows it under a name.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.0.clone());
    }
}

/// One of those that are present.
pub struct PresentGuard(Gauge);

impl Drop for PresentGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
