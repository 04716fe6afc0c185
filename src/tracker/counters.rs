//! What the controller's own work comes to, counted as it happens.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::statistics::{Durations, Statistics};
use crate::model::status::ErrorClass;
use crate::model::time::Time;

/// How many durations percentiles are made from.
const WINDOW: usize = 1000;

/// What the controller's own work comes to. Adding takes a lock for less than a microsecond.
#[derive(Debug, Default)]
pub struct Counters {
    inner: Mutex<Inner>,
}

/// What one pass came to.
#[derive(Clone, Copy, Debug)]
pub struct PassNote {
    /// How long it took.
    pub duration: Duration,
    /// Actions that were carried out.
    pub actions: u64,
    /// What failed.
    pub failure: Option<ErrorClass>,
}

#[derive(Debug, Default)]
struct Inner {
    started_at: Option<Time>,
    engine_reachable: bool,
    actions: u64,
    errors: BTreeMap<ErrorClass, u64>,
    queue_depth: u64,
    in_flight: u64,
    obstacles: Vec<String>,
    beat: Option<Instant>,
    passes: Window,
    lags: Window,
}

/// The last durations of something.
#[derive(Debug, Default)]
struct Window {
    count: u64,
    last: VecDeque<Duration>,
}

impl Counters {
    /// The controller begins its work.
    pub fn started(&self, time: Time) {
        self.inner().started_at = Some(time);
    }

    /// Whether the engine answers.
    pub fn engine_reachable(&self, reachable: bool) {
        self.inner().engine_reachable = reachable;
    }

    /// A pass has ended.
    pub fn pass(&self, note: PassNote) {
        let mut inner = self.inner();
        inner.passes.add(note.duration);
        inner.actions += note.actions;
        if let Some(class) = note.failure {
            *inner.errors.entry(class).or_default() += 1;
        }
    }

    /// An event of the engine was heard, so long after the engine says it happened.
    pub fn event_lag(&self, lag: Duration) {
        self.inner().lags.add(lag);
    }

    /// The controller's loop comes round: how many wait for a pass, and how many passes are under way.
    pub fn come_round(&self, depth: usize, in_flight: usize) {
        let mut inner = self.inner();
        inner.beat = Some(Instant::now());
        inner.queue_depth = u64::try_from(depth).unwrap_or(u64::MAX);
        inner.in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX);
    }

    /// What keeps the controller from its work, one line each.
    pub fn set_obstacles(&self, obstacles: Vec<String>) {
        self.inner().obstacles = obstacles;
    }

    /// As [`Self::set_obstacles`] was told last; before that, that it has not begun.
    pub fn obstacles(&self) -> Vec<String> {
        let inner = self.inner();
        let has_begun = inner.beat.is_some();
        if has_begun { inner.obstacles.clone() } else { vec!["the controller has not begun yet".to_owned()] }
    }

    /// When the controller's loop last came round; `None` before it began.
    pub fn beat(&self) -> Option<Instant> {
        self.inner().beat
    }

    /// All of it. Subscribers and the monitor are for others to add.
    pub fn statistics(&self) -> Statistics {
        let inner = self.inner();
        Statistics {
            started_at: inner.started_at,
            engine_reachable: inner.engine_reachable,
            passes: inner.passes.count,
            pass_duration: inner.passes.durations(),
            actions: inner.actions,
            errors: inner.errors.clone(),
            queue_depth: inner.queue_depth,
            in_flight: inner.in_flight,
            event_lag: inner.lags.durations(),
            engine_events: inner.lags.count,
            subscribers: 0,
            monitor: None,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn add(&mut self, duration: Duration) {
        self.count += 1;
        if self.last.len() == WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(duration);
    }

    fn durations(&self) -> Durations {
        let mut sorted: Vec<Duration> = self.last.iter().copied().collect();
        sorted.sort_unstable();
        let millis = |percent| percentile(&sorted, percent).map_or(0.0, |duration| duration.as_secs_f64() * 1000.0);
        Durations { count: self.count, p50_millis: millis(50), p99_millis: millis(99) }
    }
}

/// The smallest of the sorted values that so many percent of them do not exceed (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_thousand() {
        let counters = Counters::default();
        assert_eq!(counters.statistics().pass_duration, Durations::default());
        for millis in 0..3000 {
            let note = PassNote { duration: Duration::from_millis(millis), actions: 1, failure: None };
            counters.pass(note);
        }
        let told = counters.statistics();
        let expected = Durations { count: 3000, p50_millis: 2499.0, p99_millis: 2989.0 };
        assert_eq!((told.actions, told.pass_duration), (3000, expected));
    }

    #[test]
    fn failures_are_counted_by_class() {
        let counters = Counters::default();
        for failure in [None, Some(ErrorClass::Network), Some(ErrorClass::Network), Some(ErrorClass::Engine)] {
            counters.pass(PassNote { duration: Duration::ZERO, actions: 0, failure });
        }
        let expected = BTreeMap::from([(ErrorClass::Engine, 1), (ErrorClass::Network, 2)]);
        assert_eq!(counters.statistics().errors, expected);
    }
}
