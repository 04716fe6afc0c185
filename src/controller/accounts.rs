//! Accounting: what was admitted and done, for the audit log; and where sources stand, for readers.

use std::collections::BTreeMap;

use super::core::Core;
use super::intake::{Intake, Slot};
use super::readings::Changes;
use super::verdict::Verdict;
use crate::audit::{Deed, Outcome, What};
use crate::engine::Engine;
use crate::model::Name;
use crate::model::event::{Details, EventReason, Occurrence};
use crate::model::source::{SourceOutcome, SourceStatus};

impl<E: Engine> Core<E> {
    /// What one reading admitted, denied and held. `before`: what status files showed until now.
    pub(super) fn account_for_admissions(&self, changes: &Changes, before: &BTreeMap<String, Vec<Slot>>) {
        for (name, occurrence) in &changes.occurrences {
            if let Some(deed) = self.admission(name, occurrence) {
                self.options.audit_log.tell(deed);
            }
        }
        for name in &changes.deletions {
            // One that could not be recorded is not going to happen.
            let deletion = self.entries.get(name).and_then(|entry| entry.record.as_ref()?.deletion.as_ref());
            if let Some(deletion) = deletion {
                let deed = Deed::of_controller(What::Admission, "deletion", Outcome::Accepted);
                self.options.audit_log.tell(deed.about(name).because(&deletion.cause));
            }
        }
        for (path, slots) in &self.files {
            let shown = before.get(path);
            for slot in slots.iter().filter(|slot| shown.is_none_or(|shown| !shown.contains(slot))) {
                if let Slot::Refused { name, reason, message } = slot {
                    let deed = Deed::of_controller(What::Admission, path, Outcome::Denied);
                    let deed = deed.about_named(Some(name)).because(format!("{reason:?}: {message}"));
                    self.options.audit_log.tell(self.placed(deed, path));
                }
            }
        }
    }

    fn admission(&self, name: &Name, occurrence: &Occurrence) -> Option<Deed> {
        let entry = self.entries.get(name)?;
        let deed = |deed: &str, outcome| Deed::of_controller(What::Admission, deed, outcome).about(name);
        let deed = match occurrence.reason {
            EventReason::Accepted | EventReason::Adopted => deed(&occurrence.message, Outcome::Accepted),
            EventReason::Held => deed("deletion", Outcome::Held).because(&occurrence.message),
            EventReason::Refused => {
                let rule = entry.refused.as_ref().map(|(reason, _)| format!("{reason:?}: ")).unwrap_or_default();
                deed("manifest", Outcome::Denied).because(format!("{rule}{}", occurrence.message))
            }
            _ => return None,
        };
        let manifest = entry.record.as_ref().map(|record| record.manifest.as_str()).unwrap_or_default();
        Some(self.placed(deed, manifest))
    }

    /// With the source of a manifest, and its revision.
    fn placed(&self, deed: Deed, manifest: &str) -> Deed {
        match self.options.tracker.sources().of_manifest(manifest) {
            Some(source) => deed.at_revision(source.revision.map(|it| it.commit)).of_source(Some(source.name)),
            None => deed,
        }
    }

    /// Tells what came of each source's manifests.
    pub(super) fn tell_sources(&mut self, intake: &Intake) {
        let sources = self.options.tracker.sources().clone();
        let lost = self.snapshot.as_ref().map(|snapshot| &snapshot.lost);
        let names: Vec<String> = sources.list().into_iter().map(|status| status.name).collect();
        for name in &names {
            let why = lost.and_then(|lost| lost.iter().find(|(source, _)| source.as_str() == name)).map(|(_, why)| why);
            if let Some(why) = why {
                self.tell_source(name, |status| refuse(status, why));
                continue;
            }
            let is_of_it = |path: &str| names.len() == 1 || path.split('/').next() == Some(name.as_str());
            let verdict = Verdict::of(intake, is_of_it);
            self.tell_source(name, |status| verdict.write(status));
        }
        sources.list().iter().for_each(|status| self.tell_commit(status));
    }

    /// Tells once what came of a commit: for the log, and for whoever shows it beside the commit.
    fn tell_commit(&mut self, status: &SourceStatus) {
        let Some(revision) = &status.revision else { return };
        let details = Details::Source {
            source: status.name.clone(),
            revision: revision.commit.clone(),
            outcome: status.outcome,
            workspaces: status.workspaces,
            refused: status.refused,
        };
        let SourceStatus { name, outcome, message, .. } = status;
        let told = (details.clone(), message.clone());
        if self.commits_told.insert(name.clone(), told.clone()).as_ref() == Some(&told) {
            return;
        }
        let commit: String = revision.commit.chars().take(12).collect();
        let text = format!("source {name} at {commit}: {outcome}");
        let occurrence = match outcome {
            SourceOutcome::Applied => Occurrence::normal(EventReason::SourceSynced, text),
            _ => Occurrence::warning(EventReason::SourceSynced, format!("{text}: {message}")),
        };
        self.log_about(None, occurrence.with(details));
    }

    /// Tells that no source can be read. What was in force stays so.
    pub(super) fn tell_sources_lost(&self, why: &str) {
        for SourceStatus { name, .. } in self.options.tracker.sources().list() {
            self.tell_source(&name, |status| refuse(status, why));
        }
    }

    fn tell_source(&self, name: &str, change: impl FnOnce(&mut SourceStatus)) {
        if let Some(status) = self.options.tracker.sources().update(name, change) {
            self.options.audit_log.tell(of_source(status));
        }
    }
}

/// A source that cannot be read; what it declared stays in force.
fn refuse(status: &mut SourceStatus, why: &str) {
    status.outcome = SourceOutcome::Refused;
    why.clone_into(&mut status.message);
}

fn of_source(status: SourceStatus) -> Deed {
    let SourceStatus { name, outcome, message, workspaces, refused, revision, .. } = status;
    let ended = if outcome == SourceOutcome::Refused { Outcome::Denied } else { Outcome::Accepted };
    let deed = format!("{outcome}: {workspaces} accepted, {refused} refused");
    let deed = Deed::of_controller(What::Source, deed, ended).of_source(Some(name));
    deed.at_revision(revision.map(|it| it.commit)).because(message)
}
