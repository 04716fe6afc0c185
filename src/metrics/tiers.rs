//! How finely history is kept, and for how long.

use std::time::Duration;

use crate::model::metrics::Tier;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// All tiers, the finest first.
pub(super) const TIERS: [Tier; 4] = [Tier::Raw, Tier::Minute, Tier::Hour, Tier::Day];

/// The tiers that readings are gathered in.
pub(super) const GATHERED: [Tier; 3] = [Tier::Minute, Tier::Hour, Tier::Day];

/// How long each tier is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Each reading. Default: an hour.
    pub raw: Duration,
    /// Minutes. Default: a day.
    pub minute: Duration,
    /// Hours. Default: 30 days.
    pub hour: Duration,
    /// Days. Default: 365 days.
    pub day: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw: Duration::from_secs(HOUR),
            minute: Duration::from_secs(DAY),
            hour: Duration::from_secs(30 * DAY),
            day: Duration::from_secs(365 * DAY),
        }
    }
}

impl Retention {
    /// In seconds.
    pub(super) fn of(&self, tier: Tier) -> i64 {
        let kept = match tier {
            Tier::Raw => self.raw,
            Tier::Minute => self.minute,
            Tier::Hour => self.hour,
            Tier::Day => self.day,
        };
        i64::try_from(kept.as_secs()).unwrap_or(i64::MAX)
    }

    /// Before this second nothing of a tier is kept. A record is kept until all of it is too old.
    pub(super) fn oldest(&self, tier: Tier, now: i64) -> i64 {
        begin(now.saturating_sub(self.of(tier)), width(tier))
    }

    /// The tier to answer from: the coarsest that is no coarser than a step, among those that reach back far enough. Where none
    /// does both, the finest that reaches back, because an answer in larger steps is better than none.
    pub(super) fn choose(&self, from: i64, step: i64, now: i64) -> Tier {
        let reaches = |tier: &Tier| self.oldest(*tier, now) <= from;
        let fine_enough = |tier: &Tier| width(*tier) <= step;
        let fitting = TIERS.into_iter().filter(reaches).rfind(fine_enough);
        fitting.or_else(|| TIERS.into_iter().find(reaches)).unwrap_or(Tier::Day)
    }
}

/// How many seconds a record stands for. A reading stands for a moment, which is kept in whole seconds.
pub(super) const fn width(tier: Tier) -> i64 {
    match tier {
        Tier::Raw => 1,
        Tier::Minute => 60,
        Tier::Hour => 3_600,
        Tier::Day => 86_400,
    }
}

/// What stands for a tier in keys.
pub(super) const fn key(tier: Tier) -> u8 {
    match tier {
        Tier::Raw => 0,
        Tier::Minute => 1,
        Tier::Hour => 2,
        Tier::Day => 3,
    }
}

/// When the step begins that a second is in. Steps count from 1970 in UTC.
pub(super) const fn begin(second: i64, step: i64) -> i64 {
    second.saturating_sub(second.rem_euclid(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarsest_tier_that_suffices_answers() {
        let retention = Retention::default();
        let now = 1_800_000_000;
        let hours = |count: i64| now - count * 3_600;
        for (from, step, tier) in [
            (hours(1), 1, Tier::Raw),
            (hours(1), 30, Tier::Raw),
            (hours(1), 60, Tier::Minute),
            (hours(2), 1, Tier::Minute),
            (hours(24), 60, Tier::Minute),
            (hours(24), 3_600, Tier::Hour),
            (hours(25), 60, Tier::Hour),
            (hours(24 * 30), 7_200, Tier::Hour),
            (hours(24 * 31), 60, Tier::Day),
            (hours(24 * 7), 86_400, Tier::Day),
            (hours(24 * 4_000), 60, Tier::Day),
        ] {
            assert_eq!(retention.choose(from, step, now), tier, "{} s back, step {step}", now - from);
        }
    }

    #[test]
    fn steps_begin_before_1970_too() {
        assert_eq!((begin(119, 60), begin(120, 60), begin(-1, 60)), (60, 120, -60));
        assert_eq!(begin(i64::MIN, 60), i64::MIN);
    }
}
