//! What this process logs: through the service's own layer, which masks and
//! counts, and raw, as any code said it at its finest level.

use std::fmt::{Debug, Display, Write as _};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use vezne::config::{LogConfig, LogFormat};
use vezne::telemetry;

static RAW: Mutex<String> = Mutex::new(String::new());
static MASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static IS_KEPT: AtomicBool = AtomicBool::new(false);
static INSTALLED: Once = Once::new();

/// Puts the log in place that the service would have at `trace`, so that all
/// that a test makes it say is searched for card numbers.
pub fn install_log() {
    INSTALLED.call_once(|| {
        let config = LogConfig { level: Level::TRACE, format: LogFormat::Json };
        let service = telemetry::layer(&config, || Masked);
        set_global_default(Registry::default().with(Both { service })).unwrap();
        log::set_logger(&Records).unwrap();
    });
}

/// From now on every event, span and record of whatever code is kept as it is,
/// before anything is dropped or masked.
pub fn keep_log() {
    install_log();
    IS_KEPT.store(true, Ordering::SeqCst);
    log::set_max_level(log::LevelFilter::Trace);
}

/// What was kept so far: lines that begin with the module's name and the level.
pub fn logged() -> String {
    RAW.lock().unwrap().clone()
}

/// # Panics
/// When the service's log held what looks like a card number: it was masked,
/// and should not have come that far.
pub fn assert_nothing_was_masked() {
    let lines = MASKED.lock().unwrap();
    assert_eq!(telemetry::scrubbed(), 0, "a log line held what looks like a card number: {lines:?}");
}

/// The service's lines as written: those are kept in which something was masked.
struct Masked;

impl io::Write for Masked {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.windows(4).any(|part| part == b"****") {
            MASKED.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The service's layer, which decides for itself what it hears, and the raw one.
struct Both<L> {
    service: L,
}

impl<S: Subscriber, L: Layer<S>> Layer<S> for Both<L> {
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        keep(metadata.target(), metadata.level(), |line| attributes.record(line));
        self.service.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        keep("span", &Level::TRACE, |line| values.record(line));
        self.service.on_record(id, values, context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        keep(event.metadata().target(), event.metadata().level(), |line| event.record(line));
        if self.service.enabled(event.metadata(), context.clone()) {
            self.service.on_event(event, context);
        }
    }
}

/// The listener for libraries that use the crate `log`.
struct Records;

impl log::Log for Records {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(record.target(), &record.level(), |line| line.push("message", record.args()));
    }

    fn flush(&self) {}
}

fn keep(target: &str, level: &dyn Display, record: impl FnOnce(&mut Line)) {
    if IS_KEPT.load(Ordering::SeqCst) {
        let mut line = Line(format!("{target} {level}"));
        record(&mut line);
        let mut raw = RAW.lock().unwrap();
        raw.push_str(&line.0.replace('\n', "\\n"));
        raw.push('\n');
    }
}

struct Line(String);

impl Line {
    fn push(&mut self, name: &str, value: &dyn Debug) {
        let _ = write!(self.0, " {name}={value:?}");
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field.name(), value);
    }
}
