//! How long is tried, and how often.

use std::time::Duration;

use crate::model::random::Random;

/// How long is tried to bring an event, and how many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long one attempt may take, the answer included.
    pub timeout: Duration,
    /// How many attempts an event gets.
    pub attempts: u32,
    /// The pause after the first failed attempt; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// The longest pause that a receiver may ask for by `Retry-After`.
    pub longest_asked: Duration,
    /// How many events may wait for one receiver; with one more, the oldest is given up.
    pub pending: usize,
    /// How long what waits is still tried, once each, when the controller ends. Less than a daemon waits for what is around its controller.
    pub grace: Duration,
}

impl Default for Policy {
    /// Ten attempts within about six to nine minutes, unless the receiver asks for more patience.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempts: 10,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
            longest_asked: Duration::from_secs(3600),
            pending: 1000,
            grace: Duration::from_secs(4),
        }
    }
}

impl Policy {
    /// The pause after so many failed attempts: half of it fixed and half drawn, so that many who failed together do not come back
    /// together ("equal jitter", <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>). At least what the receiver asked for.
    pub(super) fn pause(&self, failed: u32, asked: Option<Duration>, random: &mut Random) -> Duration {
        let doubled = self.first_pause.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        let half = doubled.min(self.longest_pause) / 2;
        let drawn = random.below(u64::try_from(half.as_millis()).unwrap_or(u64::MAX).saturating_add(1));
        let pause = half.saturating_add(Duration::from_millis(drawn));
        pause.max(asked.unwrap_or_default().min(self.longest_asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_five_minutes_and_never_fall_below_half() {
        let (policy, mut random) = (Policy::default(), Random::new(1, 1));
        for (failed, full) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (40, 300), (u32::MAX, 300)] {
            let full = Duration::from_secs(full);
            for _ in 0..100 {
                let pause = policy.pause(failed, None, &mut random);
                assert!(pause >= full / 2 && pause <= full, "{failed}: {pause:?}");
            }
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_patience_up_to_an_hour() {
        let (policy, mut random) = (Policy::default(), Random::new(1, 1));
        let mut asked = |seconds| policy.pause(1, Some(Duration::from_secs(seconds)), &mut random).as_secs();
        assert_eq!([asked(7), asked(600), asked(100_000)], [7, 600, 3600]);
        assert!(asked(0) <= 1);
    }
}
