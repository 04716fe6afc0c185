//! What happens at a time that is known beforehand.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is due when, with times since the engine's construction.
#[derive(Debug)]
pub(super) struct Timers<T> {
    /// By due time, then in the order of setting.
    waiting: BTreeMap<(Duration, u64), T>,
    set: u64,
}

impl<T> Timers<T> {
    pub(super) const fn new() -> Self {
        Self { waiting: BTreeMap::new(), set: 0 }
    }

    pub(super) fn set(&mut self, due: Duration, timer: T) {
        self.set += 1;
        self.waiting.insert((due, self.set), timer);
    }

    /// When the next timer is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the next timer that is due by `limit`.
    pub(super) fn take_due(&mut self, limit: Duration) -> Option<(Duration, T)> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= limit)?;
        let ((due, _), timer) = entry.remove_entry();
        Some((due, timer))
    }
}
