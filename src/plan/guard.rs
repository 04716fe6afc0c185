//! The deletion guard: nothing is deleted because something could not be read, and not many at once by accident.

use std::collections::BTreeSet;

use crate::model::Name;

/// Why the deletion of a suspended workspace is held.
pub const SUSPENDED: &str =
    "spec.suspend was true when its manifest went away; put the manifest back, or run `wharf prune --confirm`";

/// Why nothing is deleted of a source that is not configured any more.
pub const NOT_CONFIGURED: &str = "its source is not configured any more, so nothing was read that says it is to go; configure the source again, or run `wharf prune --confirm`";

/// How many deletions one reading of the source may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxDeletes {
    /// The larger of three and a fifth of the known workspaces.
    Default,
    /// This many.
    Exactly(usize),
}

/// What a deletion is judged by.
#[derive(Clone, Debug)]
pub struct Judgement<'a> {
    /// Workspaces that are known and no longer declared.
    pub missing: &'a BTreeSet<Name>,
    /// How many deletions were decided a moment ago, as part of the same change of the source.
    pub recent: usize,
    /// How many workspaces are known, those included.
    pub known: usize,
    /// Whether the source has no manifest at all.
    pub source_is_empty: bool,
    /// The limit.
    pub max_deletes: MaxDeletes,
    /// Workspaces whose deletion was confirmed by a person.
    pub confirmed: &'a BTreeSet<Name>,
}

impl MaxDeletes {
    /// The limit for so many known workspaces.
    pub fn limit(self, known: usize) -> usize {
        match self {
            Self::Default => (known / 5).max(3),
            Self::Exactly(limit) => limit,
        }
    }
}

/// Why the unconfirmed deletions among `missing` are held, all of them; `None`: they may go ahead.
pub fn held(judgement: &Judgement<'_>) -> Option<String> {
    let unconfirmed = judgement.missing.difference(judgement.confirmed).count();
    let limit = judgement.max_deletes.limit(judgement.known);
    let confirm = "put the manifests back, or run `wharf prune --confirm`";
    if unconfirmed == 0 {
        None
    } else if judgement.source_is_empty {
        Some(format!("the source has suddenly no manifests at all; {confirm}"))
    } else if unconfirmed + judgement.recent > limit {
        Some(format!(
            "{} of {} workspaces would be deleted at once, more than the {limit} that --max-deletes allows; {confirm}",
            unconfirmed + judgement.recent,
            judgement.known
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> BTreeSet<Name> {
        (0..count).map(|index| format!("w{index}").parse().expect("a name")).collect()
    }

    fn verdict(missing: usize, known: usize, empty: bool, confirmed: usize) -> bool {
        verdict_after(0, missing, known, empty, confirmed)
    }

    fn verdict_after(recent: usize, missing: usize, known: usize, empty: bool, confirmed: usize) -> bool {
        let (missing, confirmed) = (names(missing), names(confirmed));
        let judgement = Judgement {
            missing: &missing,
            recent,
            known,
            source_is_empty: empty,
            max_deletes: MaxDeletes::Default,
            confirmed: &confirmed,
        };
        held(&judgement).is_some()
    }

    #[test]
    fn few_deletions_go_ahead_and_many_are_held() {
        assert!(!verdict(3, 4, false, 0));
        assert!(verdict(4, 5, false, 0));
        assert!(!verdict(20, 100, false, 0));
        assert!(verdict(21, 100, false, 0));
    }

    #[test]
    fn an_emptied_source_holds_even_one_deletion() {
        assert!(verdict(1, 1, true, 0));
        assert!(!verdict(0, 0, true, 0));
    }

    #[test]
    fn what_was_deleted_a_moment_ago_counts() {
        assert!(!verdict_after(2, 1, 5, false, 0));
        assert!(verdict_after(3, 1, 5, false, 0));
        assert!(!verdict_after(30, 1, 5, false, 1));
    }

    #[test]
    fn confirmed_deletions_do_not_count() {
        assert!(!verdict(5, 5, true, 5));
        assert!(!verdict(6, 10, false, 3));
        assert!(verdict(5, 5, true, 4));
    }
}
