//! Telling people: statuses and the event log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::core::Core;
use super::entry::Entry;
use super::intake::Slot;
use crate::engine::{ContainerSummary, Engine};
use crate::model::event::{Details, Event, EventFilter, EventReason, EventRecord, EventType, Occurrence};
use crate::model::status::{Condition, ConditionStatus, ConditionType, Reason, Status, StatusMetadata};
use crate::model::{Name, labels};
use crate::plan::status::nameless;
use crate::plan::{Acceptance, Plan, Reach, View, status};
use crate::tracker::{Remaining, Tracked};

/// How many events a status shows.
const EVENTS_SHOWN: usize = 10;

impl<E: Engine> Core<E> {
    /// Adds to the event log.
    pub(super) fn log(&mut self, name: &Name, occurrence: Occurrence) {
        let reason = occurrence.reason;
        if occurrence.kind == EventType::Warning {
            tracing::warn!(workspace = %name, ?reason, "{}", occurrence.message);
        } else {
            // What was done has been logged when it was begun.
            tracing::debug!(workspace = %name, ?reason, "{}", occurrence.message);
        }
        self.log_about(Some(name), occurrence);
    }

    /// Adds to the event log what is about a workspace, or about all, and tells it to those who listen.
    pub(super) fn log_about(&self, workspace: Option<&Name>, occurrence: Occurrence) {
        let now = self.now().wall;
        let event = self.store.append(workspace, occurrence.clone(), now).unwrap_or_else(|error| {
            tracing::error!(?workspace, "event not remembered: {error}");
            Event::of(None, workspace, EventRecord::of(occurrence, now.into()))
        });
        self.options.hub.tell(event);
    }

    /// Shows what a pass under way is at.
    pub(super) fn show_progress(&mut self, name: &Name, text: Option<String>) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        if text.is_some() && entry.progress.is_none() {
            let message = text.clone().unwrap_or_default();
            self.log(name, Occurrence::normal(EventReason::Pulling, message));
        }
        if let Some(entry) = self.entries.get_mut(name) {
            entry.progress = text;
        }
        self.publish(name);
    }

    /// Says once of each container that nothing declares it.
    pub(super) fn tell_orphans(&mut self) {
        if self.snapshot.is_none() {
            return;
        }
        let mut found = BTreeSet::new();
        let mut news = Vec::new();
        for (workspace, container) in self.orphans() {
            found.insert(container.id.clone());
            if !self.orphans_told.contains(&container.id) {
                let name = &container.name;
                let message = format!(
                    "container {name} belongs to no declared workspace; declare workspace {workspace} again, or remove it with `wharf gc`"
                );
                news.extend(workspace.parse::<Name>().ok().map(|name| (name, message)));
            }
        }
        self.orphans_told = found;
        for (name, message) in news {
            self.log(&name, Occurrence::warning(EventReason::Orphan, message));
        }
    }

    /// Containers of this instance that belong to no workspace, with the workspace they name.
    fn orphans(&self) -> impl Iterator<Item = (&str, &ContainerSummary)> {
        self.inventory.all().filter(|(workspace, container)| {
            let name = workspace.parse::<Name>().ok();
            let record = name.and_then(|name| self.entries.get(&name)).and_then(|entry| entry.record.as_ref());
            let uid = container.labels.get(labels::UID).map(String::as_str);
            record.is_none_or(|record| Some(record.uid.as_str()) != uid)
        })
    }

    /// The names of the orphans.
    pub(super) fn orphan_names(&self) -> Vec<String> {
        self.orphans().map(|(_, container)| container.name.clone()).collect()
    }

    /// Tells the status of one workspace, and wakes those that wait for it.
    pub(super) fn publish(&mut self, name: &Name) {
        let Some(manifest) = self.entries.get(name).and_then(manifest_of) else { return };
        self.publish_files([manifest]);
    }

    pub(super) fn publish_all(&mut self) {
        self.publish_files(self.manifests());
    }

    /// Every manifest that has a status file.
    pub(super) fn manifests(&self) -> BTreeSet<String> {
        self.entries.values().filter_map(manifest_of).chain(self.files.keys().cloned()).collect()
    }

    /// Tells the statuses of manifest files.
    pub(super) fn publish_files(&mut self, manifests: impl IntoIterator<Item = String>) {
        for manifest in manifests {
            let slots = self.slots(&manifest);
            // What an earlier run told stands until the first look: a start is no news.
            if !slots.iter().any(|slot| self.awaits_first_look(slot)) {
                let told: Vec<Tracked> = slots.into_iter().filter_map(|slot| self.document(&manifest, slot)).collect();
                let documents = told.iter().map(|told| told.document.clone()).collect();
                self.options.tracker.publish(&manifest, told);
                self.publisher.publish(manifest, documents);
            }
        }
    }

    /// Whether a workspace that was told of before this run will be looked at soon and has nothing else to tell.
    fn awaits_first_look(&self, slot: &Slot) -> bool {
        let Slot::Workspace(name) = slot else { return false };
        let entry = self.entries.get(name);
        let told = entry.and_then(|entry| entry.record.as_ref()).is_some_and(|record| !record.conditions.is_empty());
        let nothing_else = entry.is_some_and(|it| it.observed.is_none() && it.progress.is_none() && !it.looked);
        told && nothing_else && !matches!(self.reach, Reach::Silent(_))
    }

    /// What one status file shows: what the manifest does, then workspaces that it declared before.
    fn slots(&self, manifest: &str) -> Vec<Slot> {
        let slots = self.files.get(manifest).cloned().unwrap_or_default();
        let shown: BTreeSet<Name> = slots
            .iter()
            .filter_map(|slot| match slot {
                Slot::Workspace(name) => Some(name.clone()),
                Slot::Refused { .. } => None,
            })
            .collect();
        let is_old = |name: &&Name| {
            self.entries.contains_key(*name) && !shown.contains(*name) && !self.is_shown_elsewhere(name, manifest)
        };
        let old = self.links.declared_by(manifest).iter().filter(is_old);
        let old: Vec<Slot> = old.map(|name| Slot::Workspace(name.clone())).collect();
        slots.into_iter().chain(old).collect()
    }

    fn is_shown_elsewhere(&self, name: &Name, manifest: &str) -> bool {
        let declared = self.entries.get(name).and_then(|entry| entry.declared.as_ref());
        declared.is_some_and(|declared| declared.manifest != manifest)
    }

    fn document(&mut self, manifest: &str, slot: Slot) -> Option<Tracked> {
        match slot {
            Slot::Workspace(name) => self.status_of(manifest, &name),
            Slot::Refused { name, reason, message } => {
                let acceptance = Acceptance::Refused(reason, message);
                let metadata = nameless(name, manifest.to_owned());
                let document = status(&View::of_nothing(metadata, &acceptance, &self.reach, self.now().wall));
                Some(Tracked {
                    document,
                    workspace: None,
                    project: None,
                    remaining: Remaining::default(),
                    passes: 0,
                    usage: None,
                })
            }
        }
    }

    /// The status of a workspace; remembers its conditions, and wakes those that wait for it when it becomes Ready.
    fn status_of(&mut self, manifest: &str, name: &Name) -> Option<Tracked> {
        let plan = self.remaining(name);
        let now = self.now().wall;
        let entry = self.entries.get(name)?;
        let record = entry.record.as_ref();
        let acceptance = acceptance_of(entry);
        // Not in force yet, but valid: the engine has not been asked who was there before.
        let declared = entry.declared.as_ref().map(|declared| &*declared.workspace);
        let desired = entry.desired();
        let (requested, retry) = (entry.requested_status(), entry.retry_status());
        let mut document = status(&View {
            metadata: metadata_of(entry, manifest),
            workspace: desired.as_ref().or(declared),
            acceptance: &acceptance,
            reach: &self.reach,
            observed: entry.observed.as_ref(),
            last_known: record.and_then(|record| record.container.as_ref()),
            plan: plan.as_ref(),
            progress: entry.progress.as_deref(),
            held: entry.held.as_ref(),
            retry,
            restarts: record.map_or(0, |record| record.restart_count),
            last_action: record.and_then(|record| record.last_action.as_ref()),
            requested: requested.as_ref(),
            metrics: entry.metrics.as_ref(),
            alerts: record.map_or(&[], |record| &record.alerts),
            previous: record.map_or(&[], |record| &record.conditions),
            events: Vec::new(),
            now,
        });
        let project = self.project_of(name);
        self.note_ready(name, document.status.is(ConditionType::Ready));
        self.note_phase(name, &document.status);
        self.note_told(name, &document.status);
        document.status.events = self.events_shown(name);
        let remaining = plan.as_ref().map(remaining).unwrap_or_default();
        let passes = self.entries.get(name).map_or(0, |entry| entry.passes);
        Some(Tracked { document, workspace: desired.map(Arc::new), project, remaining, passes, usage: None })
    }

    /// The last events of a workspace, newest first. What its phase was, each of them says in its own words.
    fn events_shown(&self, name: &Name) -> Vec<EventRecord> {
        let except = vec![EventReason::PhaseChanged];
        let filter = EventFilter { workspace: Some(name.clone()), except, ..EventFilter::default() };
        let events = self.store.events(&filter, EVENTS_SHOWN).unwrap_or_default();
        events.into_iter().rev().map(|event| EventRecord { details: None, ..event.record }).collect()
    }

    /// Tells of a phase that is another one than before.
    fn note_phase(&mut self, name: &Name, told: &Status) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let old = entry.phase.replace(told.phase);
        // What an earlier run told is not told again.
        let is_known = entry.record.as_ref().is_some_and(|record| !record.conditions.is_empty());
        if old == Some(told.phase) || old.is_none() && is_known {
            return;
        }
        let reason = told.condition(ConditionType::Ready).map_or(Reason::Progressing, |ready| ready.reason);
        let message = old.map_or_else(|| format!("{:?}", told.phase), |old| format!("{old:?} to {:?}", told.phase));
        let details = Details::Phase { old, new: told.phase, reason };
        self.log(name, Occurrence::normal(EventReason::PhaseChanged, message).with(details));
    }

    fn project_of(&self, name: &Name) -> Option<PathBuf> {
        self.tools.subject(&self.job(name)?).project
    }

    /// Notes whether a workspace is Ready: others may wait for that, and people want to know.
    fn note_ready(&mut self, name: &Name, ready: bool) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        // What an earlier run told is not told again.
        let told = entry.record.as_ref().is_some_and(|record| is_ready(&record.conditions));
        if std::mem::replace(&mut entry.ready, ready) != ready {
            let now = self.now().instant;
            for name in self.links.dependents(name).to_vec() {
                self.enqueue(&name, now);
            }
        }
        if ready && !told {
            self.log(name, Occurrence::normal(EventReason::Ready, "ready"));
        }
    }

    /// Remembers what was told of conditions, so that their transition times outlive the controller, and of the container.
    fn note_told(&mut self, name: &Name, told: &Status) {
        let Some(record) = self.entries.get_mut(name).and_then(|entry| entry.record.as_mut()) else { return };
        if record.conditions != told.conditions || record.container != told.container {
            record.conditions.clone_from(&told.conditions);
            record.container.clone_from(&told.container);
            self.remember(name);
        }
    }
}

/// A plan in words.
fn remaining(plan: &Plan) -> Remaining {
    Remaining {
        steps: plan.steps.iter().map(|step| (step.action.to_string(), step.cause.to_string())).collect(),
        blocked: plan.blocked.as_ref().map(ToString::to_string),
        held: plan.hold.as_ref().map(ToString::to_string),
    }
}

fn is_ready(conditions: &[Condition]) -> bool {
    conditions.iter().any(|it| it.kind == ConditionType::Ready && it.status == ConditionStatus::True)
}

fn manifest_of(entry: &Entry) -> Option<String> {
    let declared = entry.declared.as_ref().map(|declared| declared.manifest.clone());
    declared.or_else(|| entry.record.as_ref().map(|record| record.manifest.clone()))
}

fn acceptance_of(entry: &Entry) -> Acceptance {
    match &entry.refused {
        _ if entry.is_being_deleted() => Acceptance::Deleted,
        Some((reason, message)) => Acceptance::Refused(*reason, message.clone()),
        None => match entry.observed.as_ref().and_then(|observed| observed.denied.as_ref()) {
            Some(denied) => Acceptance::Refused(Reason::PolicyDenied, denied.message.clone()),
            None => Acceptance::Valid,
        },
    }
}

fn metadata_of(entry: &Entry, manifest: &str) -> StatusMetadata {
    let declared = entry.declared.as_ref().map(|declared| &declared.workspace.metadata);
    let metadata = entry.workspace().map(|workspace| &workspace.metadata).or(declared);
    StatusMetadata {
        name: entry.name.to_string(),
        uid: entry.record.as_ref().map(|record| record.uid.clone()),
        generation: entry.record.as_ref().map_or(0, |record| record.generation),
        labels: metadata.map(|metadata| metadata.labels.clone()).unwrap_or_default(),
        manifest: manifest.to_owned(),
        creation_timestamp: entry.record.as_ref().map(|record| record.created_at),
    }
}
