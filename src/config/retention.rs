//! How long what is over is kept.

use super::reader::Reader;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// `[retention]`: how long what is over is kept.
#[derive(Clone, Debug)]
pub struct RetentionConfig {
    /// `events_days`: events after their delivery or its end. Default 30, 1 to
    /// 3650, and no shorter than the schedule of callbacks.
    pub events: Duration,
    /// `sessions_days`: sessions after their end, and as long as an event of
    /// theirs is kept. Default 30, 1 to 3650.
    pub sessions: Duration,
}

impl RetentionConfig {
    /// Reads `[retention]`. `retry` is the schedule of callbacks.
    pub(super) fn read(reader: &mut Reader<'_>, retry: &[Duration]) -> Self {
        let mut days = |key| DAY * reader.number(key, 30, 1..=3650, "days");
        let (events, sessions) = (days("retention.events_days"), days("retention.sessions_days"));
        let longest_schedule = retry.iter().sum::<Duration>().mul_f64(1.2);
        if events < longest_schedule {
            reader.refuse(
                "retention.events_days",
                "fewer days than callback.retry_seconds add up to",
                "as many days as an event may wait for its callback, or a shorter schedule",
            );
        }
        Self { events, sessions }
    }
}
