//! Requests per merchant and per client address, counted in this process (GCRA).

use crate::config::LimitsConfig;
use crate::telemetry::metrics::Counts;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Keys that are kept before idle ones are thrown out: bounds the memory that
/// an attacker with many addresses can make us spend (about 100 bytes a key).
const MAX_KEYS: usize = 100_000;

/// Reports of a client that are read in a minute. A page sends few, of one kind
/// each; they have a count of their own, so that they do not use up its pages.
const REPORTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();

/// The two limits of `[limits]`, and that of reports.
pub struct Limits {
    merchants: DefaultKeyedRateLimiter<String>,
    clients: DefaultKeyedRateLimiter<IpAddr>,
    reports: DefaultKeyedRateLimiter<IpAddr>,
    refused: Counts<1>,
}

/// Too many requests: how long to wait, at least one second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooMany {
    /// Whole seconds for `Retry-After` (RFC 9110 section 10.2.3).
    pub retry_after_seconds: u64,
}

impl Limits {
    /// Limits as configured, which has refused zeroes; counts what they refuse.
    #[must_use]
    pub fn new(config: &LimitsConfig, refused: Counts<1>) -> Self {
        let api = NonZeroU32::new(config.api_per_second).unwrap_or(NonZeroU32::MIN);
        let page = NonZeroU32::new(config.page_per_minute).unwrap_or(NonZeroU32::MIN);
        let burst = api.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        Self {
            merchants: RateLimiter::keyed(Quota::per_second(api).allow_burst(burst)),
            clients: RateLimiter::keyed(Quota::per_minute(page)),
            reports: RateLimiter::keyed(Quota::per_minute(REPORTS_PER_MINUTE)),
            refused,
        }
    }

    /// Counts an API call of a merchant (or of whoever presents a wrong key).
    pub fn merchant(&self, id: &str) -> Result<(), TooMany> {
        prune(&self.merchants);
        self.merchants.check_key(&id.to_owned()).map_err(|refusal| {
            self.refused.one(["api"]);
            tracing::info!(merchant = id, reason = "api", "over the limit");
            too_many(&refusal)
        })
    }

    /// Counts a page or form request of a client: an IPv4 address or an IPv6 /64.
    pub fn client(&self, address: IpAddr) -> Result<(), TooMany> {
        prune(&self.clients);
        self.check(&self.clients, "page", address)
    }

    /// Counts a report of a client's browser.
    pub fn report(&self, address: IpAddr) -> Result<(), TooMany> {
        prune(&self.reports);
        self.check(&self.reports, "reports", address)
    }

    fn check(
        &self,
        limiter: &DefaultKeyedRateLimiter<IpAddr>,
        limit: &'static str,
        address: IpAddr,
    ) -> Result<(), TooMany> {
        let client = subscriber(address);
        limiter.check_key(&client).map_err(|refusal| {
            self.refused.one([limit]);
            tracing::info!(peer_prefix = %client, reason = limit, "over the limit");
            too_many(&refusal)
        })
    }
}

fn prune<K: std::hash::Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>) {
    if limiter.len() > MAX_KEYS {
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}

fn too_many(refusal: &governor::NotUntil<<DefaultClock as Clock>::Instant>) -> TooMany {
    let wait = refusal.wait_time_from(DefaultClock::default().now()) + Duration::from_millis(999);
    TooMany { retry_after_seconds: wait.as_secs().max(1) }
}

/// The client that an address stands for: one subscriber has one IPv4 address
/// or one IPv6 /64 (RFC 6177).
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(&LimitsConfig { api_per_second: 2, page_per_minute: 3 }, Counts::new(["limit"]))
    }

    #[test]
    fn a_client_over_its_limit_hears_when_to_come_back() {
        let limits = limits();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let refused = (0..4).find_map(|_| limits.client(address).err()).unwrap();
        assert!((1..=20).contains(&refused.retry_after_seconds), "{refused:?}");
        assert!(limits.client("192.0.2.2".parse().unwrap()).is_ok());
    }

    #[test]
    fn an_ipv6_subscriber_is_one_client() {
        let limits = limits();
        let refused = (1..=4).find_map(|host| limits.client(format!("2001:db8::{host}").parse().unwrap()).err());
        assert!(refused.is_some());
        assert!(limits.client("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn merchants_do_not_share() {
        let limits = limits();
        assert!((0..5).any(|_| limits.merchant("mer_a").is_err()));
        assert!(limits.merchant("mer_b").is_ok());
    }
}
