//! Which endpoints may be called now: a few calls of each at a time, and one by
//! one, with growing pauses, where the last ones failed. So a dead endpoint
//! keeps no place on the wire from the others, and its events wait without using
//! up their attempts.
//!
//! What is known here is this process's own and is lost with it: another one
//! finds out for itself.

use super::verdict::Health;
use crate::store::Endpoint;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Calls of one endpoint at a time, give or take one lease's worth.
pub(super) const PER_ENDPOINT: u32 = 6;
/// Failures in a row after which an endpoint is only probed.
const FAILURES: u32 = 5;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a failure is remembered without another call.
const MEMORY: Duration = Duration::from_hours(1);

/// Every endpoint that is being called or has failed lately.
#[derive(Default)]
pub(super) struct Endpoints(HashMap<Endpoint, Record>);

struct Record {
    under_way: u32,
    failures: u32,
    /// Pauses so far; none while the endpoint is called as any other.
    pauses: u32,
    /// When it may be probed.
    probe_at: Instant,
    probing: bool,
    heard_of: Instant,
}

impl Record {
    fn is_broken(&self) -> bool {
        self.pauses > 0
    }

    /// Calls it off for a while, longer each time.
    fn pause(&mut self, now: Instant) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(8)).min(LONGEST_PAUSE);
        self.probe_at = now + pause;
        self.pauses += 1;
    }
}

impl Endpoints {
    /// A call begins.
    pub fn begin(&mut self, endpoint: &Endpoint, now: Instant) {
        let new = Record { under_way: 0, failures: 0, pauses: 0, probe_at: now, probing: false, heard_of: now };
        let record = self.0.entry(endpoint.clone()).or_insert(new);
        record.under_way += 1;
        record.probing |= record.is_broken();
        record.heard_of = now;
    }

    /// A call has ended. Says whether the endpoint is only probed from now on.
    pub fn end(&mut self, endpoint: &Endpoint, health: Health, now: Instant) -> bool {
        let Some(record) = self.0.get_mut(endpoint) else { return false };
        record.under_way = record.under_way.saturating_sub(1);
        record.heard_of = now;
        let was_probe = std::mem::take(&mut record.probing);
        match health {
            Health::Answers => (record.failures, record.pauses) = (0, 0),
            Health::Fails if was_probe => record.pause(now),
            // Of calls that began before the first pause, the end says nothing new.
            Health::Fails if record.is_broken() => {}
            Health::Fails => {
                record.failures += 1;
                if record.failures >= FAILURES {
                    record.pause(now);
                    return true;
                }
            }
            Health::Unknown => {}
        }
        if record.under_way == 0 && record.failures == 0 {
            self.0.remove(endpoint);
        }
        false
    }

    /// Those that are not for calls as usual: busy, or only probed.
    pub fn not_as_usual(&self) -> Vec<Endpoint> {
        let left_out = |record: &Record| record.is_broken() || record.under_way >= PER_ENDPOINT;
        self.0.iter().filter(|(_, record)| left_out(record)).map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// Up to `limit` of those whose pause is over, the longest waiting first. If
    /// nothing is due for one of them, it is asked for again after a while.
    pub fn next_probes(&mut self, limit: usize, now: Instant) -> Vec<Endpoint> {
        self.0.retain(|_, record| record.under_way > 0 || now - record.heard_of < MEMORY);
        let mut ready: Vec<(&Endpoint, &mut Record)> = self
            .0
            .iter_mut()
            .filter(|(_, record)| record.is_broken() && record.under_way == 0 && record.probe_at <= now)
            .collect();
        ready.sort_by_key(|(_, record)| record.probe_at);
        ready.truncate(limit);
        for (_, record) in &mut ready {
            record.probe_at = now + FIRST_PAUSE;
        }
        ready.into_iter().map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// Calls that are under way.
    pub fn under_way(&self) -> u32 {
        self.0.values().map(|record| record.under_way).sum()
    }

    /// Calls that are under way to endpoints that are only probed.
    pub fn probes(&self) -> usize {
        self.0.values().filter(|record| record.probing).count()
    }

    /// Endpoints that are only probed.
    pub fn broken(&self) -> Vec<Endpoint> {
        self.0.iter().filter(|(_, record)| record.is_broken()).map(|(endpoint, _)| endpoint.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MerchantId;
    use crate::merchant::{AllowList, Mode};

    fn endpoint(merchant: &MerchantId, url: &str) -> Endpoint {
        let list = AllowList::parse(&["https://shop.example/", "https://shop.example:8443/"]).unwrap();
        Endpoint::of(merchant, &list.check(url, Mode::Test).unwrap())
    }

    fn some_endpoint() -> Endpoint {
        endpoint(&MerchantId::generate(), "https://shop.example/hook")
    }

    fn call(endpoints: &mut Endpoints, endpoint: &Endpoint, health: Health, now: Instant) {
        endpoints.begin(endpoint, now);
        endpoints.end(endpoint, health, now);
    }

    fn broken(now: Instant) -> (Endpoints, Endpoint) {
        let (mut endpoints, endpoint) = (Endpoints::default(), some_endpoint());
        for _ in 0..FAILURES {
            assert!(endpoints.not_as_usual().is_empty());
            call(&mut endpoints, &endpoint, Health::Fails, now);
        }
        (endpoints, endpoint)
    }

    #[test]
    fn an_endpoint_is_a_merchant_s_origin() {
        let (one, other) = (MerchantId::generate(), MerchantId::generate());
        let at = |url| endpoint(&one, url);
        assert_eq!(at("https://shop.example/a"), at("https://shop.example:443/b?c"));
        assert_ne!(at("https://shop.example/a"), at("https://shop.example:8443/a"));
        assert_ne!(at("https://shop.example/a"), endpoint(&other, "https://shop.example/a"));
    }

    #[test]
    fn one_that_has_enough_under_way_is_left_alone() {
        let (mut endpoints, endpoint, now) = (Endpoints::default(), some_endpoint(), Instant::now());
        for _ in 0..PER_ENDPOINT {
            assert!(endpoints.not_as_usual().is_empty());
            endpoints.begin(&endpoint, now);
        }
        assert_eq!((endpoints.not_as_usual(), endpoints.under_way()), (vec![endpoint.clone()], PER_ENDPOINT));
        endpoints.end(&endpoint, Health::Answers, now);
        assert!(endpoints.not_as_usual().is_empty());
    }

    #[test]
    fn failures_in_a_row_lead_to_probes_with_growing_pauses() {
        let mut now = Instant::now();
        let (mut endpoints, endpoint) = broken(now);
        assert_eq!((endpoints.not_as_usual(), endpoints.broken().len()), (vec![endpoint.clone()], 1));
        for pause in [5, 10, 20, 40, 60, 60].map(Duration::from_secs) {
            assert!(endpoints.next_probes(9, now + pause.mul_f64(0.99)).is_empty(), "{pause:?}");
            now += pause;
            assert_eq!(endpoints.next_probes(9, now), vec![endpoint.clone()]);
            endpoints.begin(&endpoint, now);
            assert_eq!(endpoints.probes(), 1);
            assert!(endpoints.next_probes(9, now + LONGEST_PAUSE).is_empty(), "one at a time");
            endpoints.end(&endpoint, Health::Fails, now);
        }
        now += LONGEST_PAUSE;
        assert_eq!(endpoints.next_probes(9, now), vec![endpoint.clone()]);
        call(&mut endpoints, &endpoint, Health::Answers, now);
        assert!(endpoints.not_as_usual().is_empty() && endpoints.broken().is_empty(), "an answer ends it");
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let (mut endpoints, endpoint, now) = (Endpoints::default(), some_endpoint(), Instant::now());
        for health in [Health::Fails; 4].into_iter().chain([Health::Answers]).chain([Health::Fails; 4]) {
            call(&mut endpoints, &endpoint, health, now);
        }
        assert!(endpoints.broken().is_empty());
    }

    #[test]
    fn calls_that_were_under_way_already_do_not_lengthen_the_pause() {
        let (mut endpoints, endpoint, now) = (Endpoints::default(), some_endpoint(), Instant::now());
        (0..8).for_each(|_| endpoints.begin(&endpoint, now));
        let broke: Vec<bool> = (0..8).map(|_| endpoints.end(&endpoint, Health::Fails, now)).collect();
        assert_eq!(broke.iter().filter(|broke| **broke).count(), 1);
        assert_eq!(endpoints.next_probes(9, now + FIRST_PAUSE), [endpoint]);
    }

    #[test]
    fn probes_take_turns_and_what_is_long_past_is_forgotten() {
        let now = Instant::now();
        let (mut endpoints, first) = broken(now);
        let second = some_endpoint();
        let later = now + Duration::from_secs(1);
        (0..FAILURES).for_each(|_| call(&mut endpoints, &second, Health::Fails, later));
        let now = later + FIRST_PAUSE;
        assert_eq!(endpoints.next_probes(1, now), vec![first.clone()]);
        assert_eq!(endpoints.next_probes(1, now), [second], "nothing was due for the first one");
        assert!(endpoints.next_probes(1, now).is_empty());
        assert!(endpoints.next_probes(9, now + MEMORY).is_empty() && endpoints.not_as_usual().is_empty());
    }
}
