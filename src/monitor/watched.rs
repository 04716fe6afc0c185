//! What is known of one workspace between its readings.

use std::time::Duration;

use jiff::Timestamp;

use super::Target;
use super::cgroup::Location;
use super::rates::{self, Reading};
use super::threshold::{Watch, compared};
use crate::model::metrics::{AlertChange, Usage};

/// After the first reading of a run, which says nothing by itself, the second one follows so soon, or after the interval if that
/// is shorter.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// How long a container whose files were not found is not looked for again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// An engine that fails for one container is asked about it less and less often: at most this many intervals apart.
const LONGEST_PAUSE: u32 = 16;

/// A workspace that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub target: Target,
    /// Where its files are, once they were found.
    pub location: Option<Location>,
    /// Not looked for before this time, because they were not found.
    not_before: Duration,
    last: Option<Reading>,
    watches: Vec<Watch>,
    /// When it is to be read next.
    pub due: Duration,
    /// Whether the engine was asked and has not answered.
    pub asking: bool,
    /// Failures in a row.
    failures: u32,
}

/// What came of a reading.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// `None`: there was nothing to compare it with.
    pub usage: Option<Usage>,
    pub alerts: Vec<AlertChange>,
}

impl Watched {
    /// One that was just seen: it is due at once.
    pub fn new(target: Target, at: Duration, now: Timestamp) -> Self {
        let watches = target.thresholds.iter().map(|threshold| {
            let stood = target.raised.contains(&threshold.metric);
            Watch::new(threshold.clone(), stood.then_some(now))
        });
        let watches = watches.collect();
        Self {
            target,
            location: None,
            not_before: Duration::ZERO,
            last: None,
            watches,
            due: at,
            asking: false,
            failures: 0,
        }
    }

    /// Takes over what is said of the same workspace now. Alerts of thresholds that are no more are cleared.
    pub fn follow(&mut self, target: Target, at: Duration, default: Duration) -> Vec<AlertChange> {
        if (&target.container, target.started_at) != (&self.target.container, self.target.started_at) {
            (self.location, self.last, self.not_before) = (None, None, Duration::ZERO);
        }
        let mut ended = Vec::new();
        if target.thresholds != self.target.thresholds {
            let mut former = std::mem::take(&mut self.watches);
            for threshold in &target.thresholds {
                let watch = former.iter().position(|watch| watch.metric() == threshold.metric);
                let mut watch = watch.map_or_else(|| Watch::new(threshold.clone(), None), |it| former.swap_remove(it));
                watch.change(threshold.clone());
                self.watches.push(watch);
            }
            ended = former.iter_mut().filter_map(Watch::end).collect();
        }
        let former = self.interval(default);
        self.target = target;
        let interval = self.interval(default);
        if interval < former {
            // Not only after the longer interval that was in force.
            self.due = self.due.min(next_multiple(at, interval));
        }
        ended
    }

    /// It is watched no more: what stands is cleared.
    pub fn end(&mut self) -> Vec<AlertChange> {
        self.watches.iter_mut().filter_map(Watch::end).collect()
    }

    /// How often it is read.
    pub fn interval(&self, default: Duration) -> Duration {
        self.target.interval.unwrap_or(default)
    }

    /// Whether its files are to be looked for.
    pub fn may_look(&self, at: Duration) -> bool {
        at >= self.not_before
    }

    /// Its files cannot be used: the engine is asked, and they are looked for again after a while.
    pub fn lost(&mut self, at: Duration) {
        self.location = None;
        self.not_before = at + LOOK_AGAIN_AFTER;
    }

    /// Takes note of a reading. The first of a run is kept to compare the next with.
    pub fn take(&mut self, reading: Reading, time: Timestamp, disk_percent: Option<f64>, default: Duration) -> Outcome {
        let usage = self.last.as_ref().and_then(|last| rates::usage(last, &reading, time, disk_percent));
        let interval = self.interval(default);
        self.due = match &usage {
            // A multiple of the interval, so that workspaces of one interval are read together.
            Some(_) => next_multiple(reading.at, interval),
            None => reading.at + interval.min(FIRST_AFTER),
        };
        (self.last, self.failures) = (Some(reading), 0);
        let Some(usage) = usage else { return Outcome::default() };
        let limits = &self.target.limits;
        let alerts = self.watches.iter_mut().filter_map(|watch| {
            watch.observe(compared(watch.metric(), &usage, limits, &reading.capacity), reading.at, time)
        });
        let alerts = alerts.collect();
        Outcome { usage: Some(usage), alerts }
    }

    /// Takes note that nobody could tell.
    pub fn failed(&mut self, at: Duration, default: Duration) {
        let interval = self.interval(default);
        self.due = next_multiple(at, interval) + interval * self.failures.min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
    }
}

/// The next time that is a whole number of intervals after the beginning.
fn next_multiple(at: Duration, interval: Duration) -> Duration {
    let interval = interval.as_nanos().max(1);
    let next = (at.as_nanos() / interval + 1).saturating_mul(interval);
    Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_share_their_wakeups() {
        let second = Duration::from_secs;
        for (at, interval, next) in [(0, 10, 10), (10, 10, 20), (13, 10, 20), (13, 5, 15), (59, 60, 60)] {
            assert_eq!(next_multiple(second(at), second(interval)), second(next), "{at} {interval}");
        }
        assert_eq!(next_multiple(second(1), Duration::ZERO), second(1) + Duration::from_nanos(1));
    }
}
