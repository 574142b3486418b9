//! What an endpoint's answer means, and what follows from it. Pure.

use crate::config::CallbackConfig;
use crate::egress::{Answer, CallError, ConnectError};
use crate::store::DeliveryOutcome;
use std::time::Duration;

/// The longest wait that a `Retry-After` may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// What an attempt says of the endpoint's health.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Health {
    /// It answers, whatever it says.
    Answers,
    /// It does not, or says that it cannot.
    Fails,
    /// Nothing: the attempt ended before it was called.
    Unknown,
}

/// What one attempt came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Verdict {
    pub outcome: DeliveryOutcome,
    /// Why it failed, in one word; none when it did not.
    pub reason: Option<&'static str>,
    pub health: Health,
}

/// The attempt at hand.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub config: &'a CallbackConfig,
    /// Attempts of the present schedule that have failed before this one.
    pub failures: u32,
    /// In [0, 1): spreads retries of many callbacks that failed together.
    pub jitter: f64,
}

impl Turn<'_> {
    /// What an answer means. Only 2xx is success; a redirect is a failure and is
    /// never followed; 410 ends the endpoint; `Retry-After` can lengthen the
    /// wait, not shorten it.
    pub fn judge(self, answer: &Result<Answer, CallError>) -> Verdict {
        let (reason, asked, health) = match answer {
            Ok(answer) => match answer.status {
                200..300 => {
                    let outcome = DeliveryOutcome::Delivered;
                    return Verdict { outcome, reason: None, health: Health::Answers };
                }
                410 => {
                    let outcome = DeliveryOutcome::EndpointGone;
                    return Verdict { outcome, reason: Some("gone"), health: Health::Answers };
                }
                300..400 => ("redirect", None, Health::Answers),
                408 | 429 | 500.. => ("status", answer.retry_after, Health::Fails),
                _ => ("status", answer.retry_after, Health::Answers),
            },
            Err(error) => (reason_of(error), None, Health::Fails),
        };
        Verdict { health, ..self.failed(reason, asked) }
    }

    /// An attempt that ended before the endpoint was called.
    pub fn not_called(self, reason: &'static str) -> Verdict {
        self.failed(reason, None)
    }

    /// The schedule's next wait, or the end of the schedule.
    fn failed(self, reason: &'static str, asked: Option<Duration>) -> Verdict {
        let outcome = match self.config.retry.get(self.failures as usize) {
            Some(wait) => {
                let wait = wait.mul_f64(0.8 + 0.4 * self.jitter.clamp(0.0, 1.0));
                DeliveryOutcome::Retry { after: wait.max(asked.unwrap_or_default().min(MAX_RETRY_AFTER)) }
            }
            None => DeliveryOutcome::Abandoned,
        };
        Verdict { outcome, reason: Some(reason), health: Health::Unknown }
    }
}

fn reason_of(error: &CallError) -> &'static str {
    match error {
        CallError::Timeout | CallError::Connect(ConnectError::Timeout) => "timeout",
        CallError::Dropped(_) => "dropped",
        CallError::Connect(ConnectError::Refused(_)) => "address_refused",
        CallError::Connect(ConnectError::Port(_)) => "port_refused",
        CallError::Connect(ConnectError::Resolve(_)) => "name_not_found",
        CallError::Connect(ConnectError::Tls(_)) => "tls",
        CallError::Connect(_) => "connect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "what `judge` takes")]
    fn answered(status: u16, retry_after: Option<u64>) -> Result<Answer, CallError> {
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body: Vec::new() })
    }

    fn judge(failures: u32, answer: &Result<Answer, CallError>, jitter: f64) -> Verdict {
        let retry = vec![Duration::from_secs(10), Duration::from_secs(100)];
        let config = CallbackConfig { timeout: Duration::from_secs(1), ca_file: None, retry };
        Turn { config: &config, failures, jitter }.judge(answer)
    }

    /// The wait in seconds, and the reason.
    fn wait(failures: u32, answer: &Result<Answer, CallError>, jitter: f64) -> Option<(u64, &'static str)> {
        match judge(failures, answer, jitter) {
            Verdict { outcome: DeliveryOutcome::Retry { after }, reason, .. } => {
                Some((after.as_secs(), reason.unwrap()))
            }
            _ => None,
        }
    }

    #[test]
    fn only_2xx_is_success_and_410_is_the_end() {
        for status in [200, 202, 204, 299] {
            assert_eq!(judge(0, &answered(status, None), 0.5).outcome, DeliveryOutcome::Delivered);
        }
        assert_eq!(judge(0, &answered(410, Some(5)), 0.5).outcome, DeliveryOutcome::EndpointGone);
        assert_eq!(wait(0, &answered(302, None), 0.5), Some((10, "redirect")));
        assert_eq!(wait(0, &answered(404, None), 0.5), Some((10, "status")));
        assert_eq!(wait(0, &answered(500, None), 0.5), Some((10, "status")));
        assert_eq!(wait(0, &Err(CallError::Timeout), 0.5), Some((10, "timeout")));
    }

    #[test]
    fn waits_follow_the_schedule_with_jitter_and_end() {
        let failed = answered(500, None);
        assert_eq!(wait(0, &failed, 0.0), Some((8, "status")));
        assert_eq!(wait(0, &failed, 1.0), Some((12, "status")));
        assert_eq!(wait(1, &failed, 0.5), Some((100, "status")));
        let last = judge(2, &failed, 0.5);
        assert_eq!((last.outcome, last.reason), (DeliveryOutcome::Abandoned, Some("status")));
    }

    #[test]
    fn retry_after_lengthens_within_a_bound() {
        assert_eq!(wait(0, &answered(503, Some(60)), 0.5), Some((60, "status")));
        assert_eq!(wait(1, &answered(503, Some(60)), 0.5), Some((100, "status")));
        assert_eq!(wait(0, &answered(503, Some(10_000_000)), 0.5), Some((86_400, "status")));
        assert_eq!(wait(0, &answered(302, Some(60)), 0.5), Some((10, "redirect")));
    }

    #[test]
    fn an_endpoint_that_refuses_is_alive_and_one_that_cannot_is_not() {
        for status in [200, 204, 302, 400, 401, 404, 410, 422] {
            assert_eq!(judge(0, &answered(status, None), 0.5).health, Health::Answers, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 599] {
            assert_eq!(judge(0, &answered(status, None), 0.5).health, Health::Fails, "{status}");
        }
        assert_eq!(judge(0, &Err(CallError::Timeout), 0.5).health, Health::Fails);
    }
}
