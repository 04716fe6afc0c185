//! Time: how long the engine exists, and what the calendar says.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The engine's time. It follows tokio's clock, which tests pause and which then moves only when everything waits.
#[derive(Debug)]
pub(super) struct Clock {
    constructed: Instant,
    epoch: Timestamp,
    now: Duration,
    last_event: Duration,
}

impl Clock {
    /// 2026-01-01T00:00:00Z: any fixed time would do.
    const EPOCH: i64 = 1_767_225_600;

    pub(super) fn new() -> Self {
        Self {
            constructed: Instant::now(),
            epoch: Timestamp::constant(Self::EPOCH, 0),
            now: Duration::ZERO,
            last_event: Duration::ZERO,
        }
    }

    pub(super) const fn set_epoch(&mut self, epoch: Timestamp) {
        self.epoch = epoch;
    }

    /// Time since the construction, as far as the world has been brought forward.
    pub(super) const fn now(&self) -> Duration {
        self.now
    }

    /// Time since the construction by tokio's clock.
    pub(super) fn elapsed(&self) -> Duration {
        self.constructed.elapsed()
    }

    pub(super) const fn move_to(&mut self, now: Duration) {
        self.now = now;
    }

    /// Tokio's instant of a time since the construction; `None` beyond what can be represented.
    pub(super) fn instant(&self, since: Duration) -> Option<Instant> {
        self.constructed.checked_add(since)
    }

    /// The calendar's time of a time since the construction.
    pub(super) fn timestamp(&self, since: Duration) -> Timestamp {
        SignedDuration::try_from(since)
            .ok()
            .and_then(|since| self.epoch.checked_add(since).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The time for the next event: no two events have the same.
    pub(super) fn event_time(&mut self) -> Duration {
        self.last_event = self.now.max(self.last_event + Duration::from_nanos(1));
        self.last_event
    }
}
