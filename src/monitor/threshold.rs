//! When an alert is raised and cleared. Pure.
//!
//! ```text
//!              above                    for `for`
//!   quiet ───────────────► rising ───────────────────► raised      one change each way, however long it lasts
//!     ▲                      │                           │
//!     └──── not above ───────┘                           │
//!     └───────────────── below `clearBelow` ─────────────┘
//! ```

use std::time::Duration;

use jiff::Timestamp;

use super::Capacity;
use crate::engine::Limits;
use crate::model::metrics::{AlertChange, Usage};
use crate::model::spec::{Threshold, ThresholdMetric};

/// One threshold of one workspace, and how its alert stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    threshold: Threshold,
    state: State,
}

/// How an alert stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Not above, as far as is known.
    Quiet,
    /// Above since then, and not for long enough. Monotonic time decides; the other is told.
    Rising { at: Duration, since: Timestamp },
    /// The alert stands.
    Raised { since: Timestamp },
}

impl Watch {
    /// A threshold whose alert does not stand, or has stood since a time.
    pub fn new(threshold: Threshold, raised: Option<Timestamp>) -> Self {
        let state = raised.map_or(State::Quiet, |since| State::Raised { since });
        Self { threshold, state }
    }

    /// What it is about.
    pub fn metric(&self) -> ThresholdMetric {
        self.threshold.metric
    }

    /// The threshold.
    pub fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// Takes another threshold for the same metric. An alert that stands goes on, and is cleared by the new level.
    pub fn change(&mut self, threshold: Threshold) {
        if self.threshold != threshold {
            self.threshold = threshold;
            if matches!(self.state, State::Rising { .. }) {
                self.state = State::Quiet;
            }
        }
    }

    /// Takes note of a value, read at a monotonic time; `None`: it is not known, which changes nothing. What comes of it is told
    /// once.
    pub fn observe(&mut self, value: Option<f64>, at: Duration, time: Timestamp) -> Option<AlertChange> {
        let value = value?;
        let is_above = value > self.threshold.above.value();
        match self.state {
            State::Raised { since } if value < self.threshold.clears_below().value() => {
                self.state = State::Quiet;
                Some(self.cleared(Some(value), since))
            }
            State::Raised { .. } => None,
            State::Quiet | State::Rising { .. } if !is_above => {
                self.state = State::Quiet;
                None
            }
            State::Quiet => self.rise(value, at, at, time),
            State::Rising { at: began, since } => self.rise(value, began, at, since),
        }
    }

    /// Above since `began`: raises the alert if that is long enough.
    fn rise(&mut self, value: f64, began: Duration, at: Duration, since: Timestamp) -> Option<AlertChange> {
        if at.saturating_sub(began) < self.threshold.lasting.duration() {
            self.state = State::Rising { at: began, since };
            return None;
        }
        self.state = State::Raised { since };
        let Threshold { metric, above, .. } = self.threshold;
        Some(AlertChange { metric, raised: true, value: Some(value), level: above.to_string(), since: since.into() })
    }

    /// There is nothing to measure any more, or nobody asks: an alert that stands is cleared.
    pub fn end(&mut self) -> Option<AlertChange> {
        let State::Raised { since } = std::mem::replace(&mut self.state, State::Quiet) else { return None };
        Some(self.cleared(None, since))
    }

    fn cleared(&self, value: Option<f64>, since: Timestamp) -> AlertChange {
        let level = self.threshold.clears_below().to_string();
        AlertChange { metric: self.metric(), raised: false, value, level, since: since.into() }
    }
}

/// What a threshold compares: percent of the limit or of the machine, or bytes a second in both directions. `None` when it is not
/// known.
pub fn compared(metric: ThresholdMetric, usage: &Usage, limits: &Limits, capacity: &Capacity) -> Option<f64> {
    match metric {
        ThresholdMetric::Cpu => {
            let limit = limits.cpu.map(|cpu| number(cpu.nanos()) / 1e9);
            // The usage is in percent of one core.
            limit.or(capacity.cores).map(|cores| usage.cpu_percent / cores)
        }
        ThresholdMetric::Memory => {
            let limit = usage.memory_limit_bytes.or(capacity.memory_bytes)?;
            Some(percent(usage.memory_bytes, limit))
        }
        ThresholdMetric::Network => Some(usage.network_rx_rate + usage.network_tx_rate),
        ThresholdMetric::Block => Some(usage.block_read_rate + usage.block_write_rate),
        ThresholdMetric::Pids => {
            let limit = limits.pids.map(u64::from).or(capacity.pids)?;
            Some(percent(usage.pids, limit))
        }
        ThresholdMetric::Disk => usage.disk_percent,
    }
}

fn percent(amount: u64, of: u64) -> f64 {
    number(amount) / number(of.max(1)) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more digits")]
fn number(amount: u64) -> f64 {
    amount as f64
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn declared(text: &str) -> Threshold {
        crate::yaml::from_str(text).expect("a threshold").remove(0)
    }

    /// Each line: seconds, the value (`-`: not known), and what comes of it.
    fn play(threshold: &str, raised: bool, story: &str) {
        let threshold = declared(threshold);
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let mut watch = Watch::new(threshold, raised.then_some(start));
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (given, expected) = line.split_once("->").expect("an arrow");
            let (second, value) = given.trim().split_once(' ').expect("a second and a value");
            let second: u32 = second.parse().expect("a second");
            let at = Duration::from_secs(second.into());
            let time = start + SignedDuration::from_secs(second.into());
            let change = match value.trim() {
                "end" => watch.end(),
                value => watch.observe(value.parse().ok(), at, time),
            };
            let told = change.map_or(String::new(), |change| {
                let since = change.since.timestamp().duration_since(start).as_secs();
                let value = change.value.map_or("nothing".to_owned(), |value| value.to_string());
                format!(
                    "{} at {value}, level {}, since {since}",
                    if change.raised { "raised" } else { "cleared" },
                    change.level
                )
            });
            assert_eq!(told, expected.trim(), "{line}");
        }
    }

    #[test]
    fn an_alert_is_raised_once_and_cleared_once() {
        play(
            "{metric: cpu, above: 90%, clearBelow: 80%}",
            false,
            "0 90 ->
             10 90.1 -> raised at 90.1, level 90%, since 10
             20 99 ->
             30 85 ->
             40 95 ->
             50 80 ->
             60 79.9 -> cleared at 79.9, level 80%, since 10
             70 50 ->
             80 91 -> raised at 91, level 90%, since 80",
        );
    }

    #[test]
    fn it_must_last() {
        play(
            "{metric: memory, above: 90%, for: 1m}",
            false,
            "0 95 ->
             50 95 ->
             55 90 ->
             60 95 ->
             110 95 ->
             119 95 ->
             120 95 -> raised at 95, level 90%, since 60
             130 85 ->
             140 80 -> cleared at 80, level 81%, since 60",
        );
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        play(
            "{metric: disk, above: 90%, for: 30s}",
            false,
            "0 95 ->
             10 - ->
             30 95 -> raised at 95, level 90%, since 0
             40 - ->
             50 10 -> cleared at 10, level 81%, since 0",
        );
    }

    #[test]
    fn an_alert_that_stood_is_not_raised_again_and_ends_with_what_is_measured() {
        play(
            "{metric: block, above: 10Mi}",
            true,
            "10 20000000 ->\n20 5 -> cleared at 5, level 9Mi, since 0\n30 end ->",
        );
        play(
            "{metric: block, above: 10Mi}",
            true,
            "10 20000000 ->\n20 end -> cleared at nothing, level 9Mi, since 0\n30 end ->",
        );
        play("{metric: block, above: 10Mi, for: 1m}", false, "10 20000000 ->\n20 end ->\n80 20000000 ->");
    }

    #[test]
    fn levels_may_be_changed_while_an_alert_stands() {
        let (at, time) = (Duration::ZERO, Timestamp::UNIX_EPOCH);
        let mut watch = Watch::new(declared("{metric: cpu, above: 50%}"), None);
        assert!(watch.observe(Some(60.0), at, time).is_some_and(|change| change.raised));
        watch.change(declared("{metric: cpu, above: 90%}"));
        let change = watch.observe(Some(60.0), at, time).expect("60 is below 81");
        assert_eq!((change.raised, change.level.as_str()), (false, "81%"));
    }

    #[test]
    fn percentages_are_of_the_limit_or_of_the_machine() {
        let usage = Usage {
            time: Timestamp::UNIX_EPOCH.into(),
            cpu_percent: 75.0,
            memory_bytes: 500,
            memory_limit_bytes: Some(1_000),
            network_rx_bytes: 0,
            network_tx_bytes: 0,
            block_read_bytes: 0,
            block_write_bytes: 0,
            network_rx_rate: 3.0,
            network_tx_rate: 4.0,
            block_read_rate: 5.0,
            block_write_rate: 6.0,
            pids: 64,
            disk_percent: None,
        };
        let machine = Capacity { cores: Some(2.0), memory_bytes: Some(2_000), pids: Some(640) };
        let limits = Limits { cpu: "500m".parse().ok(), memory: None, pids: Some(128) };
        let all = |usage: &Usage, limits: &Limits| {
            ThresholdMetric::ALL.map(|metric| compared(metric, usage, limits, &machine))
        };
        assert_eq!(all(&usage, &limits), [Some(150.0), Some(50.0), Some(7.0), Some(11.0), Some(50.0), None]);
        let free = Usage { memory_limit_bytes: None, disk_percent: Some(12.0), ..usage };
        assert_eq!(
            all(&free, &Limits::default()),
            [Some(37.5), Some(25.0), Some(7.0), Some(11.0), Some(10.0), Some(12.0)]
        );
        assert_eq!(compared(ThresholdMetric::Cpu, &free, &Limits::default(), &Capacity::default()), None);
    }
}
