//! Beginning and ending rounds.

use super::core::Core;
use super::entry::Moment;
use super::pass::Report;
use super::round::Round;
use crate::engine::Engine;
use crate::model::Name;
use crate::model::event::{Event, EventReason, EventRecord, Occurrence};
use crate::tracker::PassNote;

impl<E: Engine> Core<E> {
    /// A round begins, unless one is under way: that one then covers this, too.
    pub(super) fn begin_round(&mut self) {
        if self.round.is_some() {
            return;
        }
        self.round = Some(Round::new(self.now()));
        self.tell_only(Occurrence::normal(EventReason::SyncStarted, "comparing everything"));
    }

    /// Counts a pass for those who ask how the controller is doing.
    pub(super) fn count(&mut self, name: &Name, report: &Report, now: Moment) {
        let begun = self.begun.remove(name).unwrap_or(now.instant);
        let actions = u64::try_from(report.done.len()).unwrap_or(u64::MAX);
        let failure = report.failure.as_ref().map(|failure| failure.error.class());
        self.count_pass(actions, failure.is_some());
        if let Some(entry) = self.entries.get_mut(name) {
            entry.passes += 1;
        }
        let duration = now.instant.saturating_duration_since(begun);
        self.counters().pass(PassNote { duration, actions, failure });
    }

    /// A pass has ended.
    fn count_pass(&mut self, actions: u64, failed: bool) {
        if let Some(round) = &mut self.round {
            round.count(actions, failed);
        }
    }

    /// Ends the round when nothing is left to do now.
    pub(super) fn end_round(&mut self) {
        let Some(round) = self.round else { return };
        let now = self.now();
        if !self.passes.is_empty() || self.is_listing() || self.queue.is_busy(now.instant) {
            return;
        }
        self.round = None;
        let details = round.details(now, self.entries.len());
        let occurrence = Occurrence::normal(EventReason::SyncCompleted, "everything was compared").with(details);
        // A controller at rest compares everything every 30 seconds, and writes nothing.
        if round.found_nothing() {
            self.tell_only(occurrence);
        } else {
            self.log_about(None, occurrence);
        }
    }

    /// Tells subscribers of something that is not stored.
    fn tell_only(&self, occurrence: Occurrence) {
        let record = EventRecord::of(occurrence, self.now().wall.into());
        self.options.hub.tell(Event::of(None, None, record));
    }
}
