//! What is counted and timed, for `/metrics` of the private listener
//! (`OpenMetrics` 1.0). Every metric is in docs/metrics.md; a test holds the two together.

mod families;

pub use families::{Counts, Level, Levels, Present, PresentGuard, Timing, Timings};

use super::{dropped, scrubbed};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::fmt;
use std::time::{Duration, SystemTime};

/// What the content type of `/metrics` is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric of this process. One for each start of the service, so that
/// tests beside each other do not count together.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Answers, by the route's template and the status.
    pub requests: Counts<2>,
    /// From a request's head to its answer's, by the route's template.
    pub request_seconds: Timings<1>,
    /// Requests that are being answered.
    pub requests_present: Present,
    /// What became of submitted cards, by mode and outcome.
    pub journeys: Counts<2>,
    /// Cards between claim and commit.
    pub cards_present: Present,
    /// Forms that were refused before a card was read from them, by reason.
    pub refusals: Counts<1>,
    /// Sessions opened, by mode.
    pub sessions_created: Counts<1>,
    /// Sessions that ended, by how.
    pub sessions_ended: Counts<1>,
    /// Outcomes that came after their lease and were dropped.
    pub late_outcomes: Counter,
    /// Calls of the provider, by mode and outcome.
    pub provider_calls: Counts<2>,
    /// How long they took, by mode.
    pub provider_seconds: Timings<1>,
    /// The breaker's state, by mode: 1 for the one that holds.
    pub breaker: Levels<2>,
    /// Cards that were not sent because the breaker was open, by mode.
    pub breaker_refusals: Counts<1>,
    /// Deliveries, by outcome and reason.
    pub callbacks: Counts<2>,
    /// How long they took.
    pub callback_seconds: Timing,
    /// Endpoints that fail, and are only probed.
    pub endpoints_paused: Level,
    /// Callbacks that are to be delivered still.
    pub outbox_pending: Level,
    /// For how long the oldest callback has been due.
    pub outbox_lateness: Level,
    store: StoreMeter,
    /// What connections do.
    pub traffic: Traffic,
    /// Requests over a limit, by limit.
    pub limited: Counts<1>,
    /// What browsers kept the page from doing, by directive and source.
    pub violations: Counts<2>,
    /// Until the certificate is over.
    pub certificate_left: Level,
    /// Measures of the process's hardening, by measure and outcome.
    pub hardening: Levels<2>,
    /// Whether this process is ready, and whether it drains.
    pub ready: Level,
    /// See `ready`.
    pub draining: Level,
    masked: Level,
    fields_dropped: Level,
}

/// What connections of a listener do.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Open ones.
    pub present: Present,
    /// Accepted ones.
    pub accepted: Counter,
    /// Closed before their first request, by reason.
    pub refused: Counts<1>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { present: Present::default(), accepted: Counter::default(), refused: Counts::new(["reason"]) }
    }
}

/// How long a store takes, and what it fails at.
#[derive(Clone, Debug)]
pub struct StoreMeter {
    seconds: Timings<1>,
    errors: Counts<1>,
}

impl Default for StoreMeter {
    fn default() -> Self {
        Self { seconds: Timings::new(["kind"]), errors: Counts::new(["kind"]) }
    }
}

impl StoreMeter {
    /// One operation of a kind (`read` or `write`) took so long.
    pub fn took(&self, kind: &'static str, time: Duration, has_failed: bool) {
        self.seconds.took([kind], time);
        if has_failed {
            self.errors.one([kind]);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::of(&StoreMeter::default())
    }
}

impl Metrics {
    /// The metrics of a service on a store.
    #[must_use]
    pub fn of(store: &StoreMeter) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Counts::new(["route", "status"]),
            request_seconds: Timings::new(["route"]),
            requests_present: Present::default(),
            journeys: Counts::new(["mode", "outcome"]),
            cards_present: Present::default(),
            refusals: Counts::new(["reason"]),
            sessions_created: Counts::new(["mode"]),
            sessions_ended: Counts::new(["end"]),
            late_outcomes: Counter::default(),
            provider_calls: Counts::new(["mode", "outcome"]),
            provider_seconds: Timings::new(["mode"]),
            breaker: Levels::new(["mode", "state"]),
            breaker_refusals: Counts::new(["mode"]),
            callbacks: Counts::new(["outcome", "reason"]),
            callback_seconds: Timing::default(),
            endpoints_paused: Level::default(),
            outbox_pending: Level::default(),
            outbox_lateness: Level::default(),
            store: store.clone(),
            traffic: Traffic::default(),
            limited: Counts::new(["limit"]),
            violations: Counts::new(["directive", "blocked"]),
            certificate_left: Level::default(),
            hardening: Levels::new(["measure", "outcome"]),
            ready: Level::default(),
            draining: Level::default(),
            masked: Level::default(),
            fields_dropped: Level::default(),
        };
        metrics.register();
        metrics.begin_at_zero();
        metrics
    }

    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> String {
        // Counted since the process started, in every log line of it.
        #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 defects")]
        {
            self.masked.set(Some(scrubbed() as f64));
            self.fields_dropped.set(Some(dropped() as f64));
        }
        let mut text = String::new();
        // Writing to a String does not fail.
        let _: fmt::Result = encode(&mut text, &self.registry);
        text
    }

    #[rustfmt::skip]
    fn register(&mut self) {
        let mut registry = Registry::with_prefix("vezne");
        let r = &mut registry;
        self.requests.register(r, "http_requests", "Answers, by route template and status");
        self.request_seconds.register(r, "http_request_seconds", "From a request's head to its answer's, by route template");
        self.requests_present.register(r, "http_requests_present", "Requests that are being answered");
        self.journeys.register(r, "journeys", "What became of submitted cards");
        self.cards_present.register(r, "cards_present", "Cards between their claim and their commit");
        self.refusals.register(r, "intake_refusals", "Forms refused before a card was read from them");
        self.sessions_created.register(r, "sessions_created", "Sessions opened");
        self.sessions_ended.register(r, "sessions_ended", "Sessions that ended, by how");
        r.register("late_outcomes", "Outcomes that came after their lease and were dropped", self.late_outcomes.clone());
        self.provider_calls.register(r, "provider_calls", "Calls of the provider, by outcome");
        self.provider_seconds.register(r, "provider_call_seconds", "How long a call of the provider took");
        self.breaker.register(r, "provider_breaker", "1 for the state that the breaker is in");
        self.breaker_refusals.register(r, "provider_breaker_refusals", "Cards not sent because the breaker was open");
        self.callbacks.register(r, "callbacks", "Deliveries of callbacks, by outcome");
        self.callback_seconds.register(r, "callback_seconds", "How long a delivery took");
        self.endpoints_paused.register(r, "callback_endpoints_paused", "Endpoints that fail, and are only probed");
        self.outbox_pending.register(r, "outbox_pending", "Callbacks that are to be delivered still");
        self.outbox_lateness.register(r, "outbox_oldest_due_seconds", "For how long the oldest callback has been due");
        self.store.seconds.register(r, "store_seconds", "How long the store took");
        self.store.errors.register(r, "store_errors", "Operations that the store failed at");
        self.traffic.present.register(r, "connections_present", "Open connections");
        r.register("connections", "Connections accepted", self.traffic.accepted.clone());
        self.traffic.refused.register(r, "connections_refused", "Connections closed before their first request");
        self.limited.register(r, "rate_limited", "Requests over a limit");
        self.violations.register(r, "csp_reports", "What browsers kept the page from doing");
        self.certificate_left.register(r, "certificate_left_seconds", "Until the certificate is over");
        self.hardening.register(r, "hardening", "1 for the outcome that a measure had");
        self.ready.register(r, "ready", "1 while this process should get traffic");
        self.draining.register(r, "draining", "1 while this process ends");
        self.masked.register(r, "log_masked", "What looked like a card number in log lines, masked: 0, or a defect");
        self.fields_dropped.register(r, "log_fields_dropped", "Fields dropped from log lines: 0, or a defect");
        let build = Levels::new(["version", "sandbox"]);
        build.set([env!("CARGO_PKG_VERSION"), if cfg!(feature = "sandbox") { "yes" } else { "no" }], 1.0);
        build.register(r, "build", "1, with what was built");
        let started = Level::default();
        started.set(Some(since_the_epoch()));
        started.register(r, "start_time_seconds", "When this process started, in Unix time");
        self.registry = registry;
    }

    /// A counter that does not exist cannot rise: what alerts watch is there from the start.
    fn begin_at_zero(&self) {
        for outcome in ["delivered", "retry", "abandoned", "endpoint_disabled", "interrupted"] {
            self.callbacks.more([outcome, ""], 0);
        }
        for kind in ["read", "write"] {
            self.store.errors.more([kind], 0);
        }
        for end in ["completed", "failed", "canceled", "expired"] {
            self.sessions_ended.more([end], 0);
        }
        for reason in ["tls", "handshakes", "proxy_protocol"] {
            self.traffic.refused.more([reason], 0);
        }
        for limit in ["api", "page", "reports"] {
            self.limited.more([limit], 0);
        }
    }
}

fn since_the_epoch() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Those, too, that have no value yet and are not in the text.
    #[test]
    fn every_registered_name_is_documented() {
        let code = include_str!("mod.rs").split("fn begin_at_zero").next().unwrap();
        let calls = code
            .split("register(")
            .skip(1)
            .filter_map(|call| call.split('"').nth(1).filter(|_| call.contains("\", \"")));
        let registered: BTreeSet<String> = calls.map(|name| format!("vezne_{name}")).collect();
        let document = include_str!("../../../docs/metrics.md");
        let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let documented: BTreeSet<String> = rows.map(|name| name.trim_end_matches("_total").to_owned()).collect();
        assert!(registered.len() > 25, "{registered:?}");
        assert_eq!(registered, documented);
    }

    #[test]
    fn what_is_present_is_no_more_when_it_is_dropped() {
        let metrics = Metrics::default();
        let (one, other) = (metrics.cards_present.one_more(), metrics.cards_present.one_more());
        assert!(metrics.text().contains("\nvezne_cards_present 2\n"), "{}", metrics.text());
        drop((one, other));
        assert!(metrics.text().contains("\nvezne_cards_present 0\n"));
    }

    #[test]
    fn of_several_states_one_holds() {
        let metrics = Metrics::default();
        let states = ["closed", "open"].map(|state| ["test", state]);
        metrics.breaker.choose(states, ["test", "open"]);
        metrics.breaker.choose(states, ["test", "closed"]);
        let text = metrics.text();
        assert!(text.contains("vezne_provider_breaker{mode=\"test\",state=\"closed\"} 1.0\n"), "{text}");
        assert!(text.contains("vezne_provider_breaker{mode=\"test\",state=\"open\"} 0.0\n"), "{text}");
    }
}
