//! Taking in what the source says: which workspaces there are, which specs changed, which are to be deleted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::Input;
use super::core::Core;
use super::entry::{Entry, Moment};
use super::intake::{Court, Declared, Intake, Remembered};
use super::links::Links;
use super::lives::Lives;
use crate::engine::{ContainerSummary, Engine};
use crate::model::event::{EventReason, Occurrence};
use crate::model::status::Reason;
use crate::model::{Name, Uid, labels};
use crate::plan::guard::{self, Judgement};
use crate::plan::{Origin, Reach};
use crate::source::{Reading, Snapshot};
use crate::store::{Deletion, Record, StoreError, forget_confirmed};

/// How long after a command has asked for a deletion the manifest may go missing because of it. A document that was put back, and goes
/// with all others much later, went by accident.
const DELETE_ASKED: SignedDuration = SignedDuration::from_mins(10);

impl<E: Engine> Core<E> {
    pub(super) fn take_in(&mut self, input: Input) {
        match input {
            Input::Reading(Reading::Complete(snapshot)) => {
                if self.source_lost.take().is_some() {
                    tracing::info!("the source can be read again");
                }
                self.follow_moves(&snapshot);
                self.snapshot = Some(snapshot);
                self.consider_snapshot();
            }
            Input::Reading(Reading::Lost(why)) => self.lose_source(why),
            Input::Confirmed(names) => {
                self.confirmed.extend(names);
                self.consider_snapshot();
            }
            Input::Request(request) => self.receive_request(request),
            Input::Measured(readings) => self.take_measured(readings),
            Input::Alerts(changes) => self.take_alerts(changes),
        }
    }

    /// A broken file says nothing of the workspaces that it declared; where it is moved as it is, they go with it.
    fn follow_moves(&mut self, snapshot: &Snapshot) {
        let Some(before) = &self.snapshot else { return };
        let moves = super::intake::moves_of_broken(before, snapshot);
        for (name, entry) in &mut self.entries {
            let Some(record) = &mut entry.record else { continue };
            if let Some(path) = moves.get(&record.manifest) {
                record.manifest.clone_from(path);
                self.unsaved.insert(name.clone());
            }
        }
    }

    /// A source that cannot be read declares nothing and deletes nothing: everything stays as it was last declared.
    fn lose_source(&mut self, why: String) {
        if self.source_lost.as_ref() == Some(&why) {
            return;
        }
        tracing::error!("the source cannot be read, everything stays as it is: {why}");
        for entry in self.entries.values_mut() {
            entry.held = Some((Reason::SourceLost, why.clone()));
        }
        self.tell_sources_lost(&why);
        self.source_lost = Some(why);
        self.deletions.reset();
        self.publish_all();
    }

    /// Brings what is known in line with the last complete reading. Doing it twice changes nothing.
    ///
    /// Waits for the engine's first answer (or its absence): who was there before decides about UIDs. And for a source that
    /// is lost: what it said before may not be so any more.
    pub(super) fn consider_snapshot(&mut self) {
        if self.reach == Reach::NotAsked || self.source_lost.is_some() {
            return;
        }
        let Some(snapshot) = &self.snapshot else { return };
        if self.lives.is_none() {
            // Before anything is told: when nothing is remembered, status files know of generations.
            let is_blank = self.entries.values().all(|entry| entry.record.is_none());
            let told = if is_blank { self.status_files.generations_told() } else { BTreeMap::new() };
            self.lives = Some(Lives::told_before(told));
        }
        let remembered = self.entries.values().filter_map(|entry| Some((&entry.name, entry.record.as_ref()?)));
        let known: Remembered<'_> = remembered.collect();
        let intake = super::intake::intake(snapshot, &self.options.places, &known, &self.court());
        let now = self.now();
        let mut changes = Changes::default();
        self.drop_unfounded(&intake, &mut changes);
        self.refuse(&intake, &mut changes);
        self.accept(&intake, now, &mut changes);
        self.lose_some(&intake, &mut changes);
        self.delete_missing(&intake, now, &mut changes);
        self.links = Links::of(self.entries.values().filter_map(|entry| entry.record.as_ref()));
        self.tell_sources(&intake);
        let before = std::mem::replace(&mut self.files, intake.files);
        self.record_changes(&changes);
        self.account_for_admissions(&changes, &before);
        // A file whose status shows something else now, be it one that is gone.
        let differs = |path: &&String| before.get(*path) != self.files.get(*path);
        let files: BTreeSet<String> = before.keys().chain(self.files.keys()).filter(differs).cloned().collect();
        if !changes.touched.is_empty() {
            self.begin_round();
        }
        for name in &changes.touched {
            self.revoke_pass(name);
            self.enqueue(name, now.instant);
        }
        self.publish_files(changes.files.into_iter().chain(files));
        if !std::mem::replace(&mut self.tidied, true) {
            // From now on, another place is news.
            self.status_files.have_moved();
            self.publisher.tidy(self.manifests());
        }
        self.sweep_secrets();
    }

    /// Removes the files of secrets of workspaces that are not there any more, as after a crash. Who is there is known when the
    /// engine has answered: what a container mounts stays, be it nobody's.
    fn sweep_secrets(&mut self) {
        if self.reach != Reach::Answers || !self.tools.secrets.has_leftovers() {
            return;
        }
        let records =
            self.entries.values().filter_map(|entry| entry.record.as_ref()).map(|record| record.uid.to_string());
        let uid = |container: &ContainerSummary| container.labels.get(labels::UID).cloned();
        let present = records.chain(self.inventory.all().filter_map(|(_, container)| uid(container))).collect();
        let secrets = self.tools.secrets.clone();
        tokio::spawn(async move { secrets.sweep(present).await });
    }

    fn court(&self) -> Court<'_> {
        Court { admission: &self.tools.admission, scope: &self.options.scope }
    }

    /// Entries that were never in force and that no file claims any more.
    fn drop_unfounded(&mut self, intake: &Intake, changes: &mut Changes) {
        self.entries.retain(|name, entry| {
            let claimed = intake.declared.contains_key(name) || intake.refused.contains_key(name);
            let keep = entry.record.is_some() || claimed;
            if !keep {
                changes.files.extend(entry.declared.take().map(|declared| declared.manifest));
            }
            keep
        });
    }

    fn refuse(&mut self, intake: &Intake, changes: &mut Changes) {
        for (name, refusal) in &intake.refused {
            let entry = self.entries.entry(name.clone()).or_insert_with(|| Entry::new(name.clone(), None));
            entry.held = None;
            if entry.refused.as_ref() != Some(refusal) {
                let occurrence = Occurrence::warning(EventReason::Refused, refusal.1.clone());
                changes.occurrences.push((name.clone(), occurrence));
                entry.refused = Some(refusal.clone());
                changes.files.extend(entry.record.as_ref().map(|record| record.manifest.clone()));
            }
        }
    }

    fn accept(&mut self, intake: &Intake, now: Moment, changes: &mut Changes) {
        let answers = self.reach == Reach::Answers;
        for (name, declared) in &intake.declared {
            let mut entry = self.entries.remove(name).unwrap_or_else(|| Entry::new(name.clone(), None));
            let was_refused = entry.refused.take().is_some();
            let was_held = entry.held.take().is_some();
            if was_refused || was_held {
                changes.files.insert(declared.manifest.clone());
            }
            let moved = entry.declared.as_ref().is_some_and(|before| before.directory != declared.directory);
            entry.declared = Some(declared.clone());
            if entry.record.is_none() && answers {
                let record = self.begin_life(name, declared, now, changes);
                entry.record = Some(record);
                changes.is_to_be_durable = true;
                changes.touch(name);
            } else if update(&mut entry, declared, changes) || moved {
                changes.touch(name);
            }
            self.entries.insert(name.clone(), entry);
        }
    }

    /// The record of a workspace that is not remembered: taken over from its container where there is one, else new.
    fn begin_life(&mut self, name: &Name, declared: &Declared, now: Moment, changes: &mut Changes) -> Record {
        let (uid, generation) = match self.adopted(name) {
            Some(Adopted { uid, generation, hash }) => {
                let message = format!("existing container taken over by its labels, UID {uid}");
                changes.occurrences.push((name.clone(), Occurrence::normal(EventReason::Adopted, message)));
                let same = hash.as_deref() == Some(self.template(declared, &uid, generation).as_str());
                // What was changed in place has a generation that no label tells, but a status does.
                let told = self.lives.as_ref().map_or(0, |lives| lives.told(&uid));
                (uid, if same && told <= generation { generation } else { generation.max(told) + 1 })
            }
            None => (self.new_uid(now), 1),
        };
        let accepted = Occurrence::normal(EventReason::Accepted, format!("generation {generation} accepted"));
        changes.occurrences.push((name.clone(), accepted));
        Record {
            uid,
            generation,
            workspace: (*declared.workspace).clone(),
            manifest: declared.manifest.clone(),
            source: declared.source.clone(),
            created_at: now.wall.into(),
            deletion: None,
            held: None,
            failures: None,
            restarts: Vec::new(),
            restart_count: 0,
            budget_spent: false,
            stopped_on_purpose: false,
            conditions: Vec::new(),
            container: None,
            last_action: None,
            requested: None,
            restart: None,
            last_restart: None,
            alerts: Vec::new(),
            delete_asked: None,
            errors: 0,
            last_error_time: None,
            adopted_secrets: None,
        }
    }

    /// The container that a workspace without memory goes on with. Where several carry its name in their labels, the one that
    /// has the workspace's name itself.
    fn adopted(&self, name: &Name) -> Option<Adopted> {
        let own_name = self.options.scope.container_name(name);
        let candidates = self.inventory.named(name).filter_map(|container| {
            let uid = Uid::new(container.labels.get(labels::UID)?);
            if self.lives.as_ref().is_some_and(|lives| lives.is_over(&uid)) {
                return None;
            }
            let generation = container.labels.get(labels::GENERATION)?.parse::<u64>().ok()?;
            let adopted = Adopted { uid, generation, hash: container.labels.get(labels::SPEC_HASH).cloned() };
            Some((container.name == own_name, adopted))
        });
        candidates.max_by_key(|(has_name, adopted)| (*has_name, adopted.generation)).map(|(_, adopted)| adopted)
    }

    fn template(&self, declared: &Declared, uid: &Uid, generation: u64) -> crate::model::hash::Fingerprint {
        let origin = Origin { uid, generation, manifest: &declared.manifest, directory: &declared.directory };
        let admission = &self.tools.admission;
        admission.compile(&self.options.scope, &declared.workspace, origin).template
    }

    /// A ULID of the present time whose chance comes from the seed.
    fn new_uid(&mut self, now: Moment) -> Uid {
        use std::hash::{DefaultHasher, Hash, Hasher};
        self.uids += 1;
        let half = |which: u8| {
            let mut hasher = DefaultHasher::new();
            (self.options.seed, self.uids, now.wall, which).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        let millis = u64::try_from(now.wall.as_millisecond()).unwrap_or_default();
        Uid::new(ulid::Ulid::from_parts(millis, half(0) << 64 | half(1)).to_string())
    }

    /// Workspaces of a source that cannot be read, while others can.
    fn lose_some(&mut self, intake: &Intake, changes: &mut Changes) {
        for (name, why) in &intake.lost {
            let Some(entry) = self.entries.get_mut(name) else { continue };
            let held = Some((Reason::SourceLost, why.clone()));
            if entry.held != held {
                entry.held = held;
                changes.files.extend(entry.record.as_ref().map(|record| record.manifest.clone()));
            }
        }
    }

    /// Workspaces that nothing declares any more: deleted, unless the guard holds.
    fn delete_missing(&mut self, intake: &Intake, now: Moment, changes: &mut Changes) {
        // Deletions that were decided before are not judged again, but they count.
        let undecided = |name: &&Name| self.entries.get(*name).is_some_and(|entry| !entry.is_being_deleted());
        let missing: BTreeSet<Name> = intake.missing.iter().filter(undecided).cloned().collect();
        if !self.deletions.may_judge(&missing, now.instant) {
            return;
        }
        let asked: BTreeSet<Name> = missing.iter().filter(|name| self.is_delete_asked(name, now)).cloned().collect();
        let confirmed: BTreeSet<Name> = self.confirmed.union(&asked).cloned().collect();
        let recent = self.deletions.recent(now.instant);
        for (source, missing) in self.by_source(missing) {
            let verdict = self.verdict(source.as_ref(), &missing, recent, intake, &confirmed);
            for name in &missing {
                let may_go = confirmed.contains(name);
                self.hold_or_delete(name, verdict.as_deref(), may_go, changes);
            }
        }
        // A confirmation is for the deletions that were shown, not for later ones.
        if !std::mem::take(&mut self.confirmed).is_empty()
            && let Err(error) = forget_confirmed(&*self.options.disk, &self.options.state_dir)
        {
            tracing::warn!("{error}");
        }
    }

    /// Workspaces by the source that they came from.
    fn by_source(&self, names: BTreeSet<Name>) -> BTreeMap<Option<Name>, BTreeSet<Name>> {
        let mut groups: BTreeMap<_, BTreeSet<Name>> = BTreeMap::new();
        for name in names {
            let record = self.entries.get(&name).and_then(|entry| entry.record.as_ref());
            let source = record.and_then(|record| record.source.clone());
            groups.entry(source).or_default().insert(name);
        }
        groups
    }

    /// Why what is missing of one source is not deleted, if it is not.
    fn verdict(
        &self,
        source: Option<&Name>,
        missing: &BTreeSet<Name>,
        recent: usize,
        intake: &Intake,
        confirmed: &BTreeSet<Name>,
    ) -> Option<String> {
        let places = &self.options.places;
        if !places.iter().any(|place| place.name.as_ref() == source) {
            return Some(guard::NOT_CONFIGURED.to_owned());
        }
        let records = self.entries.values().filter_map(|entry| entry.record.as_ref());
        let is_of_source = |path: &str| places.of(path).is_some_and(|(_, place)| place.name.as_ref() == source);
        let mut files = intake.files.iter().filter(|(path, _)| is_of_source(path));
        guard::held(&Judgement {
            missing,
            recent,
            known: records.filter(|record| record.source.as_ref() == source).count(),
            // Files without a document in them are as good as none: a full disk leaves those behind.
            source_is_empty: files.all(|(_, slots)| slots.is_empty()),
            max_deletes: self.options.max_deletes,
            confirmed,
        })
    }

    /// Whether a command asked for the deletion a moment ago.
    fn is_delete_asked(&self, name: &Name, now: Moment) -> bool {
        let asked = self.entries.get(name).and_then(|entry| entry.record.as_ref()?.delete_asked);
        asked.is_some_and(|at| now.wall.duration_since(at.timestamp()) < DELETE_ASKED)
    }

    /// `confirmed`: somebody said that it may be deleted, whatever the verdict.
    fn hold_or_delete(&mut self, name: &Name, verdict: Option<&str>, confirmed: bool, changes: &mut Changes) {
        let now = self.now();
        let was_asked = self.is_delete_asked(name, now);
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.declared = None;
        entry.refused = None;
        let Some(record) = &mut entry.record else { return };
        let suspended = || record.workspace.spec.suspend.then(|| guard::SUSPENDED.to_owned());
        // What was held before stays held, however few are left: it was part of something larger.
        let message = verdict.map(str::to_owned).or_else(|| record.held.clone()).or_else(suspended);
        record.held = message.filter(|_| !confirmed);
        let hold = record.held.clone().map(|message| (Reason::PruneHeld, message));
        let news = entry.held != hold;
        entry.held.clone_from(&hold);
        changes.files.insert(record.manifest.clone());
        match hold {
            Some((_, message)) if news => {
                changes.touch(name);
                changes.occurrences.push((name.clone(), Occurrence::warning(EventReason::Held, message)));
            }
            Some(_) => {}
            None => {
                let cause = format!("no manifest declares it; it was in {}", record.manifest);
                record.deletion = Some(Deletion { time: now.wall.into(), cause });
                entry.forget_failures();
                changes.deletions.insert(name.clone());
                changes.is_to_be_durable = true;
                changes.touch(name);
                // What was asked for one by one is no accident, and does not make one of what comes with it.
                if !was_asked {
                    self.deletions.note(now.instant);
                }
            }
        }
    }

    /// Stores what changed, durably where something will be destroyed because of it, and where it says who somebody is: a UID must
    /// be known before there is a container that carries it, a generation before it is told.
    fn record_changes(&mut self, changes: &Changes) {
        for (name, occurrence) in &changes.occurrences {
            self.log(name, occurrence.clone());
        }
        if let Err(error) = self.save(&changes.touched, changes.is_to_be_durable) {
            tracing::error!("not remembered, going on without: {error}");
            self.hold_unrecorded(&changes.deletions, &error);
        }
    }

    /// What is to be destroyed must be recorded first; where it cannot be, it waits for the next resync.
    fn hold_unrecorded(&mut self, deletions: &BTreeSet<Name>, error: &StoreError) {
        for name in deletions {
            let Some(entry) = self.entries.get_mut(name) else { continue };
            entry.held = Some((Reason::PruneHeld, format!("the deletion cannot be recorded: {error}")));
            if let Some(record) = &mut entry.record {
                record.deletion = None;
            }
        }
        // What was to be written may have been, or may be yet: the last word has to be that nothing was decided.
        if let Err(error) = self.save(deletions, false) {
            tracing::debug!("{error}");
        }
        self.reconsider = !deletions.is_empty();
    }
}

/// What a container says about the workspace it was made for.
struct Adopted {
    uid: Uid,
    generation: u64,
    hash: Option<String>,
}

/// What one reading changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Workspaces whose record changed and that want a pass.
    touched: BTreeSet<Name>,
    /// Manifests whose status has something new to show.
    files: BTreeSet<String>,
    pub(super) occurrences: Vec<(Name, Occurrence)>,
    /// Workspaces whose deletion was decided.
    pub(super) deletions: BTreeSet<Name>,
    /// Whether it must not be forgotten, whatever happens to the process.
    is_to_be_durable: bool,
}

impl Changes {
    fn touch(&mut self, name: &Name) {
        self.touched.insert(name.clone());
    }
}

/// Brings a remembered workspace in line with its manifest; returns whether anything changed.
fn update(entry: &mut Entry, declared: &Declared, changes: &mut Changes) -> bool {
    let Some(record) = &mut entry.record else { return false };
    let was_held = record.held.take().is_some();
    let is_in_place = record.manifest == declared.manifest && record.source == declared.source;
    let unchanged = record.workspace == *declared.workspace && is_in_place && record.deletion.is_none();
    if unchanged && !was_held {
        return false;
    }
    let spec_changed = record.workspace.spec != declared.workspace.spec;
    // The files have come back, or the same name is declared again, before the deletion was over: it stays the same life.
    let revived = record.deletion.take().is_some();
    changes.files.insert(std::mem::replace(&mut record.manifest, declared.manifest.clone()));
    changes.files.insert(declared.manifest.clone());
    record.source.clone_from(&declared.source);
    record.workspace.clone_from(&declared.workspace);
    if spec_changed {
        // A generation that was told must not be forgotten.
        changes.is_to_be_durable = true;
        record.generation += 1;
        let message = format!("generation {} accepted", record.generation);
        changes.occurrences.push((entry.name.clone(), Occurrence::normal(EventReason::Accepted, message)));
    }
    if spec_changed {
        // Whoever changes the manifest has the last word.
        record.requested = None;
        record.drop_restart();
    }
    if spec_changed || revived {
        entry.forget_failures();
    }
    true
}
