//! Retry delays; the only user of the `backoff` crate, which is asked for the next delay and nothing else.
//!
//! Its jitter is not used: it is added after the cap and comes from a global random source. Ours comes from a seed, so
//! that a run can be repeated, and stays within floor and cap.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use ::backoff::ExponentialBackoffBuilder;
use ::backoff::backoff::Backoff as _;

use crate::model::spec::Backoff;

/// Beyond this many doublings every delay is the longest one.
const STEPS: u32 = 64;

/// How long to wait before the next attempt, after so many failures in a row.
///
/// The first retry follows at once. Then: `initial`, each further one `factor` times longer, at most `max`; up to a tenth is
/// taken off by `seed` so that workspaces that failed together do not retry together.
pub(crate) fn delay(policy: &Backoff, failures: u32, seed: u64) -> Duration {
    let Some(step) = failures.checked_sub(2) else { return Duration::ZERO };
    let (floor, cap) = (policy.initial.duration(), policy.max.duration());
    let mut delays = ExponentialBackoffBuilder::new()
        .with_initial_interval(floor)
        .with_max_interval(cap)
        .with_multiplier(f64::from(policy.factor))
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    let mut delay = floor;
    for _ in 0..=step.min(STEPS) {
        delay = delays.next_backoff().unwrap_or(cap);
    }
    let delay = delay.min(cap);
    delay.saturating_sub(jitter(delay, failures, seed)).max(floor.min(cap))
}

/// Up to a tenth of the delay.
fn jitter(delay: Duration, failures: u32, seed: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (seed, failures).hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    delay / 10 * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::period::Period;

    #[test]
    fn the_first_retry_is_at_once_and_the_rest_grow_to_the_cap() {
        let policy = Backoff { initial: Period::from_secs(1), max: Period::from_secs(10), factor: 2 };
        assert_eq!(delay(&policy, 0, 7), Duration::ZERO);
        assert_eq!(delay(&policy, 1, 7), Duration::ZERO);
        let expected = [1, 2, 4, 8, 10, 10];
        for (failures, seconds) in (2..).zip(expected) {
            let exact = Duration::from_secs(seconds);
            for seed in 0..50 {
                let delay = delay(&policy, failures, seed);
                assert!(
                    delay <= exact && delay >= exact.mul_f64(0.9).max(Duration::from_secs(1)),
                    "{failures}: {delay:?}"
                );
            }
        }
        assert!(delay(&policy, u32::MAX, 7) <= Duration::from_secs(10));
    }

    #[test]
    fn a_cap_below_the_floor_wins() {
        let policy = Backoff { initial: Period::from_secs(10), max: Period::from_secs(3), factor: 2 };
        assert_eq!(delay(&policy, 5, 7), Duration::from_secs(3));
    }

    #[test]
    fn different_seeds_spread() {
        let policy = Backoff::default();
        let spread: std::collections::BTreeSet<Duration> = (0..20).map(|seed| delay(&policy, 6, seed)).collect();
        assert!(spread.len() > 10, "{spread:?}");
    }
}
