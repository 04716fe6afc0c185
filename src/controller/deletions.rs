//! When missing manifests are judged. Nobody deletes many files at one instant: `rm`, `rsync --delete` and `git checkout`
//! take them away one after the other, and what is judged one by one is never too many.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Name;

/// Deletions that were decided this recently count as part of the same change of the source.
const WINDOW: Duration = Duration::from_secs(10);

/// Waits until no further manifest goes missing, and remembers what was decided a moment ago.
#[derive(Debug)]
pub(super) struct Deletions {
    settle: Duration,
    missing: BTreeSet<Name>,
    /// When the missing ones are judged; `None` when they have been, or when none is missing.
    due: Option<Instant>,
    decided: VecDeque<Instant>,
}

impl Deletions {
    /// `settle`: how long no further manifest may go missing before those that are missing are judged.
    pub(super) fn new(settle: Duration) -> Self {
        Self { settle, missing: BTreeSet::new(), due: None, decided: VecDeque::new() }
    }

    /// Takes in which workspaces are missing now; returns whether they may be judged.
    pub(super) fn may_judge(&mut self, missing: &BTreeSet<Name>, now: Instant) -> bool {
        if !missing.is_subset(&self.missing) {
            self.due = Some(now + self.settle);
        }
        self.missing.clone_from(missing);
        if missing.is_empty() || self.due.is_none_or(|due| due <= now) {
            self.due = None;
        }
        self.due.is_none()
    }

    /// Forgets what was missing: the source cannot be read, so nothing can be said.
    pub(super) fn reset(&mut self) {
        self.missing.clear();
        self.due = None;
    }

    /// When to judge.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// How many deletions were decided a moment ago.
    pub(super) fn recent(&mut self, now: Instant) -> usize {
        self.decided.retain(|time| now.duration_since(*time) < WINDOW);
        self.decided.len()
    }

    /// Notes a deletion that was decided.
    pub(super) fn note(&mut self, now: Instant) {
        self.decided.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> BTreeSet<Name> {
        text.split_whitespace().map(|name| name.parse().expect("a name")).collect()
    }

    #[test]
    fn each_further_one_that_goes_missing_postpones_the_judgement() {
        let mut deletions = Deletions::new(Duration::from_secs(1));
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(deletions.may_judge(&names(""), at(0)));
        assert!(!deletions.may_judge(&names("a"), at(0)));
        assert!(!deletions.may_judge(&names("a b"), at(900)));
        assert!(!deletions.may_judge(&names("a b"), at(1800)));
        assert!(deletions.may_judge(&names("a b"), at(1900)));
        assert!(deletions.may_judge(&names("a b"), at(1950)), "judged again without waiting again");
        assert!(deletions.may_judge(&names("a"), at(1960)), "one that comes back changes nothing");
        assert!(!deletions.may_judge(&names("a b"), at(1970)), "one that goes again does");
    }

    #[test]
    fn decisions_count_for_a_while() {
        let mut deletions = Deletions::new(Duration::ZERO);
        let start = Instant::now();
        deletions.note(start);
        deletions.note(start + Duration::from_secs(6));
        assert_eq!(deletions.recent(start + Duration::from_secs(9)), 2);
        assert_eq!(deletions.recent(start + Duration::from_secs(11)), 1);
        assert!(deletions.may_judge(&names("a"), start), "no time to settle: at once");
    }
}
