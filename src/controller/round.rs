//! A round: from the moment when everything is compared with the engine, or the source has changed, until nothing is left to do now.

use super::entry::Moment;
use crate::model::event::Details;

/// A round that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    began: Moment,
    passes: u64,
    actions: u64,
    failures: u64,
}

impl Round {
    pub(super) const fn new(began: Moment) -> Self {
        Self { began, passes: 0, actions: 0, failures: 0 }
    }

    /// A pass has ended.
    pub(super) fn count(&mut self, actions: u64, failed: bool) {
        self.passes += 1;
        self.actions += actions;
        self.failures += u64::from(failed);
    }

    /// Whether nothing was done, and nothing failed.
    pub(super) const fn found_nothing(&self) -> bool {
        self.actions == 0 && self.failures == 0
    }

    /// What it came to, at its end.
    pub(super) fn details(&self, now: Moment, workspaces: usize) -> Details {
        let millis = now.instant.saturating_duration_since(self.began.instant).as_millis();
        Details::Sync {
            millis: u64::try_from(millis).unwrap_or(u64::MAX),
            workspaces: u64::try_from(workspaces).unwrap_or(u64::MAX),
            passes: self.passes,
            actions: self.actions,
            failures: self.failures,
        }
    }
}
