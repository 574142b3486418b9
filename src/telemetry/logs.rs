//! The subscriber: levels, fields of spans and events, one line each.

use super::fields::Fields;
use super::line;
use crate::config::{LogConfig, LogFormat};
use jiff::Timestamp;
use std::io::Write;
use std::panic::PanicHookInfo;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

/// From here on events go to standard output and a panic is logged by its
/// place alone: its text could hold anything. Only the first call counts.
///
/// Records of the crate `log` have no listener: what some libraries say there
/// at their finest level shows what they carry (`deny.toml` bans the bridge).
pub fn init(config: &LogConfig) {
    if set_global_default(Registry::default().with(layer(config, std::io::stdout))).is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// The layer that [`init`] puts in place, writing to `sink`.
pub fn layer<S, W>(config: &LogConfig, sink: W) -> impl Layer<S> + use<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    LogLayer { level: config.level, format: config.format, sink }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    tracing::error!(location, thread, "panic");
}

/// Writes every event of interest as one line, with the fields of the spans around it.
struct LogLayer<W> {
    level: Level,
    format: LogFormat,
    sink: W,
}

impl<W> LogLayer<W> {
    /// vezne's own events by the configured level, others' from `warn` up:
    /// their debugging output shows what they carry.
    fn allows(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_own = target.strip_prefix("vezne").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let most = if is_own { self.level } else { self.level.min(Level::WARN) };
        *metadata.level() <= most
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.allows(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.allows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.extend(outer);
            }
        }
        event.record(&mut fields);
        let line = match self.format {
            LogFormat::Json => line::json(Timestamp::now(), event.metadata(), &fields),
            LogFormat::Text => line::text(Timestamp::now(), event.metadata(), &fields),
        };
        // Nobody is left to tell when the log itself cannot be written.
        let _ = self.sink.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{dropped, scrubbed};
    use serde_json::Value;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// What was written, readable from the test.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, format: LogFormat, speak: impl FnOnce()) -> String {
        let written = Sink::default();
        let sink = written.clone();
        let layer = LogLayer { level, format, sink: move || sink.clone() };
        tracing::subscriber::with_default(Registry::default().with(layer), speak);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn objects(lines: &str) -> Vec<Value> {
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_one_flat_object() {
        let lines = logged(Level::INFO, LogFormat::Json, || {
            tracing::info!(status = 201, outcome = %"made", duration_ms = 1.5, live = false, "answered \"well\"\n");
        });
        let object = &objects(&lines)[0];
        assert_eq!(lines.matches('\n').count(), 1);
        assert_eq!(object["level"], "info");
        assert_eq!(object["target"], "vezne::telemetry::logs::tests");
        assert_eq!(object["message"], "answered \"well\"\n");
        assert_eq!((&object["status"], &object["outcome"]), (&201.into(), &"made".into()));
        assert_eq!((&object["duration_ms"], &object["live"]), (&1.5.into(), &false.into()));
        let timestamp = object["timestamp"].as_str().unwrap();
        assert!(timestamp.parse::<Timestamp>().is_ok() && timestamp.len() == "2026-11-21T22:25:31.123Z".len());
    }

    #[test]
    fn fields_off_the_list_are_dropped_and_counted() {
        let before = dropped();
        let lines = logged(Level::INFO, LogFormat::Json, || {
            tracing::info!(cvv = "123", card_number = "not even masked", status = 200, "answered");
        });
        let object = &objects(&lines)[0];
        assert_eq!(object["status"], 200);
        assert!(object.get("cvv").is_none() && object.get("card_number").is_none());
        assert!(!lines.contains("not even masked"));
        assert!(dropped() >= before + 2);
    }

    #[test]
    fn spans_speak_for_the_events_inside_them() {
        let lines = logged(Level::INFO, LogFormat::Json, || {
            let outer = tracing::info_span!("request", request_id = "r1", status = tracing::field::Empty);
            let _outer = outer.enter();
            outer.record("status", 404);
            let _inner = tracing::info_span!("call", attempt = 2, secret = "hidden").entered();
            tracing::info!("inherits");
            tracing::info!(status = 200, "overrides");
        });
        let objects = objects(&lines);
        assert_eq!((&objects[0]["request_id"], &objects[0]["attempt"]), (&"r1".into(), &2.into()));
        assert_eq!((&objects[0]["status"], &objects[1]["status"]), (&404.into(), &200.into()));
        assert!(!lines.contains("hidden"));
    }

    #[test]
    fn card_numbers_are_masked_wherever_they_stand() {
        let before = scrubbed();
        let lines = logged(Level::INFO, LogFormat::Json, || {
            let error = io::Error::other("bad 4355-0930-0077-7068");
            let _span = tracing::info_span!("request", path = "/c/4355093000777068").entered();
            tracing::info!(
                error = &error as &(dyn std::error::Error + 'static),
                value = ?"4355 0930 0077 7068",
                code = 4_355_093_000_777_068_u64,
                "refused {}",
                "4355093000777068"
            );
        });
        assert!(!lines.contains("4355") && !lines.contains("7068"), "{lines}");
        assert!(scrubbed() >= before + 5);
    }

    #[test]
    fn long_values_are_cut() {
        let lines = logged(Level::INFO, LogFormat::Json, || {
            tracing::info!(reason = "ğ".repeat(1000), "{}", "x".repeat(1000));
        });
        let object = &objects(&lines)[0];
        assert_eq!(object["reason"].as_str().unwrap().chars().count(), 300);
        assert_eq!(object["message"].as_str().unwrap().len(), 300);
    }

    #[test]
    fn others_speak_from_warn_up() {
        let lines = logged(Level::DEBUG, LogFormat::Json, || {
            tracing::info!(target: "hyper::client", "other info");
            tracing::warn!(target: "hyper::client", "other warn");
            tracing::info!(target: "veznedar", "not ours");
            tracing::debug!(target: "vezne::store", "own debug");
            tracing::trace!(target: "vezne::store", "own trace");
        });
        let heard: Vec<Value> = objects(&lines).iter().map(|object| object["message"].clone()).collect();
        assert_eq!(heard, ["other warn", "own debug"]);
        let lines = logged(Level::ERROR, LogFormat::Json, || tracing::warn!(target: "hyper::client", "other warn"));
        assert_eq!(lines, "");
    }

    #[test]
    fn text_stays_on_its_line() {
        let lines = logged(Level::INFO, LogFormat::Text, || {
            tracing::warn!(reason = "a b\nERROR forged\u{1b}[2J", status = 200, method = "GET", "said\r\nERROR");
        });
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert!(lines.contains(" WARN  vezne::telemetry::logs::tests: said\\r\\nERROR "), "{lines}");
        assert!(lines.ends_with(" status=200 method=GET\n"), "{lines}");
        assert!(!lines.contains('\u{1b}'));
    }

    /// Run in a process of its own by the test below: the hook and the subscriber are global.
    #[test]
    #[ignore = "panics on purpose"]
    #[should_panic(expected = "the card was")]
    fn panic_after_init() {
        let config = LogConfig { level: Level::INFO, format: LogFormat::Json };
        init(&config);
        init(&config);
        panic!("the card was {}", "4355 0930 0077 7068");
    }

    #[test]
    fn a_panic_is_logged_by_its_place_alone() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "telemetry::logs::tests::panic_after_init"])
            .output()
            .unwrap();
        let (written, errors) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
        let start = written.find('{').unwrap();
        let line = written[start..].lines().next().unwrap();
        let object: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&object["level"], &object["message"]), (&"error".into(), &"panic".into()));
        assert!(object["location"].as_str().unwrap().contains("logs.rs:"));
        assert!(!format!("{written}{errors}").contains("the card was"), "{written}{errors}");
    }
}
