//! When a repository is asked next. Pure.

use std::time::Duration;

/// Failures lengthen the time between two attempts to this many intervals...
const LONGEST_FACTOR: u32 = 8;
/// ...but not beyond this, unless the interval itself is longer: somebody waits for the server to be back.
const LONGEST: Duration = Duration::from_secs(600);

/// How long to wait after a sync: `interval`, twice as long after each failure in a row up to eight intervals or ten minutes
/// (whichever is shorter), and never less often than asked for by an interval that is longer itself.
///
/// A tenth is added or taken off by `seed`, so that many machines do not ask one server at once; equal seeds give equal times.
pub fn delay(interval: Duration, failures: u32, seed: u64) -> Duration {
    let longest = interval.saturating_mul(LONGEST_FACTOR).min(LONGEST).max(interval);
    let factor = 1_u32.checked_shl(failures.min(LONGEST_FACTOR)).unwrap_or(u32::MAX);
    let delay = interval.saturating_mul(factor).min(longest);
    let tenth = delay / 10;
    // Between 0 and 2 tenths, in thousandths: the seed's bits are mixed, because seeds may be counted up.
    let share = u32::try_from(mixed(seed ^ u64::from(failures)) % 2_001).unwrap_or_default();
    delay.saturating_sub(tenth).saturating_add(tenth.saturating_mul(share) / 1_000)
}

/// The finaliser of `SplitMix64`.
fn mixed(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_success_is_followed_by_the_interval_within_a_tenth() {
        let delays: Vec<_> = (0..1_000).map(|seed| delay(MINUTE, 0, seed)).collect();
        assert!(delays.iter().all(|delay| (54..=66).contains(&delay.as_secs())), "{delays:?}");
        assert!(delays.iter().any(|delay| delay.as_secs() < 56) && delays.iter().any(|delay| delay.as_secs() > 64));
        assert_eq!(delay(MINUTE, 0, 7), delay(MINUTE, 0, 7));
    }

    #[test]
    fn failures_double_it_up_to_the_longest() {
        let about = |delay: Duration, seconds: u64| delay.as_secs().abs_diff(seconds) <= seconds / 10;
        for (failures, seconds) in [(1, 120), (2, 240), (3, 480), (4, 480), (1_000, 480)] {
            assert!(about(delay(MINUTE, failures, 3), seconds), "{failures}: {:?}", delay(MINUTE, failures, 3));
        }
        assert!(about(delay(5 * MINUTE, 9, 3), 600));
        assert!(about(delay(60 * MINUTE, 9, 3), 3_600));
    }

    #[test]
    fn no_interval_overflows() {
        for interval in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            assert!(delay(interval, u32::MAX, u64::MAX) <= Duration::MAX);
        }
    }
}
