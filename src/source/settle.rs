//! When a change on disk may be believed.
//!
//! Saving a file is often not one step. A writer that truncates it and fills it again shows nothing at all in between; an
//! editor that renames the old file away and writes a new one shows no file. Either, read at the wrong moment, looks like
//! a deletion. So the last reading stands until the writer is known to be done, or has been quiet for long enough.

use std::time::{Duration, SystemTime};

use super::observer::Activity;

/// Without a watch nobody says that a writer is done: this much quiet does.
const QUIET: Duration = Duration::from_millis(200);
/// A writer that keeps the file open may just be slow. This long without a write, it has forgotten to close it.
const SLOW_WRITER: Duration = Duration::from_secs(5);
/// How long a file must be missing before it counts as gone.
pub(super) const MISSING: Duration = Duration::from_millis(200);
/// A file that never becomes quiet is believed as it is after this long, so that its changes are not held back for ever.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// When to look again at what is not settled.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Whether the writer of a file is done, as far as can be told at `now`.
pub(super) fn is_settled(activity: Option<Activity>, modified: SystemTime, now: SystemTime) -> bool {
    let quiet_for = |least: Duration| {
        // A time in the future says nothing: the file came with it, or a clock is wrong.
        now.duration_since(modified).map_or(true, |age| age >= least)
    };
    match activity {
        // Saved again since, and that event is still on its way: not this save.
        Some(Activity::Finished(at)) => modified <= at || quiet_for(QUIET),
        Some(Activity::Writing) => quiet_for(SLOW_WRITER),
        None => quiet_for(QUIET),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_finished_save_needs_no_quiet() {
        assert!(is_settled(Some(Activity::Finished(at(1))), at(0), at(1)));
    }

    #[test]
    fn a_write_after_the_last_save_waits_for_quiet() {
        let finished = Some(Activity::Finished(at(0)));
        assert!(!is_settled(finished, at(1), at(2)));
        assert!(is_settled(finished, at(1), at(201)));
    }

    #[test]
    fn a_writer_that_keeps_the_file_open_is_given_longer_than_an_unknown_one() {
        assert!(!is_settled(None, at(0), at(199)));
        assert!(is_settled(None, at(0), at(200)));
        assert!(!is_settled(Some(Activity::Writing), at(0), at(4_999)));
        assert!(is_settled(Some(Activity::Writing), at(0), at(5_000)));
    }

    #[test]
    fn a_time_in_the_future_holds_nothing_back() {
        assert!(is_settled(None, at(1), at(0)));
        assert!(is_settled(Some(Activity::Writing), at(1), at(0)));
    }
}
