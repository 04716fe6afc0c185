//! Looks at every step of a run and says when a promise is broken. What it knows of the world it knows from the world, never from the
//! controller.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task;
use tokio::time::Instant;
use wharf::disk::simulated::Simulated as Disk;
use wharf::engine::ContainerDetail;
use wharf::engine::simulated::Simulated as Engine;
use wharf::model::labels;
use wharf::model::spec::{DeletionPolicy, DesiredState};
use wharf::model::status::{ConditionType, Phase, WorkspaceStatus};
use wharf::model::{Instance, Name};
use wharf::store::simulated::Simulated as Medium;
use wharf::witness::{Boundary, Fate, Side, Witness};

use crate::scenario::CANARY;

/// For how long an absence that was seen may lead to a deletion: passes wait for engines that do not answer.
const EVIDENCE: Duration = Duration::from_secs(60);
/// So many failed changes of one workspace within [`BURST`] are a hot loop.
const FAILURES: usize = 8;
const BURST: Duration = Duration::from_secs(2);
/// So many boundaries without time passing are one, too.
const STEPS_AT_ONCE: u64 = 3000;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number in the list of invariants.
    pub invariant: u8,
    /// What happened.
    pub what: String,
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Stage {
    pub engine: Engine,
    pub disk: Disk,
    pub medium: Medium,
    pub instance: Instance,
    pub source: PathBuf,
}

/// A handle on the judge of a run.
#[derive(Clone, Debug)]
pub struct Judge {
    shared: Arc<Mutex<Bench>>,
    /// Something has ended: the process, or the run because of a violation.
    pub ended: Arc<Notify>,
}

#[derive(Debug)]
struct Bench {
    stage: Stage,
    begun: Instant,
    steps: u64,
    violation: Option<Violation>,
    trace: Option<Vec<String>>,
    /// The process that lives; those before it have ended.
    process: u64,
    lives: bool,
    /// After how many boundaries it ends.
    fuse: Option<u64>,
    /// Changes under way, by UID: the task that makes them.
    acting: BTreeMap<String, task::Id>,
    /// Containers of which a change failed, so that nobody knows how they are: they must be looked at first. By the task that failed.
    unclear: BTreeMap<String, Option<task::Id>>,
    /// Containers that this process has looked at.
    looked_at: BTreeSet<String>,
    /// Containers that were removed and confirmed to be gone.
    removed: BTreeSet<String>,
    failures: BTreeMap<String, VecDeque<Instant>>,
    generations: BTreeMap<String, u64>,
    /// When each workspace was last known to be absent from a source that could be read and was not empty, or to be confirmed.
    absent: BTreeMap<String, Instant>,
    present: BTreeSet<String>,
    /// Until when each may be left without a container.
    archived: BTreeMap<String, Instant>,
    is_readable: bool,
    confirmed: BTreeSet<String>,
    /// Deletions that were asked for, and not refused.
    asked: BTreeSet<String>,
    /// Manifests one of which may be removed, because that was asked for.
    given_up: Vec<PathBuf>,
    /// When a person last did something to a workspace's container.
    meddled: BTreeMap<String, Instant>,
    /// The run that was ended because of each request for a restart, by UID and request: another life knows nothing of it.
    restarted: BTreeMap<String, (String, Option<Timestamp>)>,
    burst: (Instant, u64),
    parsed: u64,
}

impl Judge {
    pub fn new(stage: Stage, with_trace: bool) -> Self {
        let now = Instant::now();
        let bench = Bench {
            stage,
            begun: now,
            steps: 0,
            violation: None,
            trace: with_trace.then(Vec::new),
            process: 0,
            lives: false,
            fuse: None,
            acting: BTreeMap::new(),
            unclear: BTreeMap::new(),
            looked_at: BTreeSet::new(),
            removed: BTreeSet::new(),
            failures: BTreeMap::new(),
            generations: BTreeMap::new(),
            absent: BTreeMap::new(),
            present: BTreeSet::new(),
            archived: BTreeMap::new(),
            is_readable: true,
            confirmed: BTreeSet::new(),
            asked: BTreeSet::new(),
            given_up: Vec::new(),
            meddled: BTreeMap::new(),
            restarted: BTreeMap::new(),
            burst: (now, 0),
            parsed: 0,
        };
        Self { shared: Arc::new(Mutex::new(bench)), ended: Arc::new(Notify::new()) }
    }

    fn bench(&self) -> MutexGuard<'_, Bench> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process, and the witness of what it does.
    pub fn begin_process(&self) -> Arc<dyn Witness> {
        let mut bench = self.bench();
        bench.process += 1;
        bench.lives = true;
        bench.forget_process();
        bench.note("controller starts");
        Arc::new(Process { judge: self.clone(), number: bench.process })
    }

    /// The process ends now, or at the so-manieth boundary.
    pub fn end_process(&self, after: u64) {
        let mut bench = self.bench();
        if after > 0 && bench.lives {
            bench.fuse = Some(after);
            return;
        }
        bench.kill();
        drop(bench);
        self.ended.notify_one();
    }

    /// The store is lost: what was told is known only as far as status files tell it.
    pub fn forget_generations(&self) {
        let mut bench = self.bench();
        let files =
            bench.stage.disk.files().into_iter().filter(|path| path.to_string_lossy().ends_with(".status.yaml"));
        let told = files.filter_map(|path| bench.stage.disk.bytes(&path));
        let told: Vec<(String, u64)> = told.flat_map(|bytes| lives(&String::from_utf8_lossy(&bytes))).collect();
        bench.generations = told.into_iter().collect();
        bench.restarted.clear();
    }

    /// What was told could not be stored.
    pub fn forget_all_generations(&self) {
        self.bench().generations.clear();
    }

    /// No crash that was planned comes any more.
    pub fn spare_process(&self) {
        self.bench().fuse = None;
    }

    /// Which process there was last.
    pub fn process(&self) -> u64 {
        self.bench().process
    }

    pub fn lives(&self) -> bool {
        self.bench().lives
    }

    /// The process has ended in order.
    pub fn process_is_over(&self) {
        let mut bench = self.bench();
        bench.lives = false;
        bench.fuse = None;
    }

    pub fn violation(&self) -> Option<Violation> {
        self.bench().violation.clone()
    }

    pub fn violate(&self, invariant: u8, what: impl Into<String>) {
        self.bench().violate(invariant, what.into());
        self.ended.notify_one();
    }

    pub fn steps(&self) -> u64 {
        self.bench().steps
    }

    pub fn trace(&self) -> Vec<String> {
        self.bench().trace.clone().unwrap_or_default()
    }

    /// Something happens that is not the controller's doing.
    pub fn note(&self, what: impl FnOnce() -> String) {
        let mut bench = self.bench();
        bench.steps += 1;
        if bench.trace.is_some() {
            let line = what();
            bench.note(&line);
        }
        bench.check_engine();
    }

    /// What is declared changed: these workspaces are in manifests; the source can be read or not.
    pub fn set_source(&self, present: BTreeSet<String>, archived: BTreeSet<String>, is_readable: bool) {
        let mut bench = self.bench();
        bench.refresh_evidence();
        (bench.present, bench.is_readable) = (present, is_readable);
        // Until it is read that one is to run again, and a pass under way has come to its end.
        let soon = Instant::now() + Duration::from_secs(5);
        bench.archived.values_mut().for_each(|until| *until = soon.min(*until));
        bench.archived.extend(archived.into_iter().map(|name| (name, Instant::now() + Duration::from_secs(3600))));
        let present = bench.present.clone();
        bench.confirmed.retain(|name| !present.contains(name));
        bench.refresh_evidence();
    }

    /// A person confirmed deletions.
    pub fn confirm(&self, names: impl Iterator<Item = String>) {
        self.bench().confirmed.extend(names);
    }

    /// A person asks for a deletion, and may be obeyed before the answer is there.
    pub fn ask_deletion(&self, name: &str) {
        let mut bench = self.bench();
        bench.asked.insert(name.to_owned());
        bench.refresh_evidence();
    }

    /// That was refused, or it is declared anew.
    pub fn end_deletion(&self, name: &str) {
        let mut bench = self.bench();
        bench.refresh_evidence();
        bench.asked.remove(name);
    }

    /// The controller may remove one of these manifests.
    pub fn give_up(&self, manifests: Vec<PathBuf>) {
        self.bench().given_up = manifests;
    }

    /// It may not any more.
    pub fn keep(&self) {
        self.bench().given_up.clear();
    }

    /// A person changed the workspace or its container: what failed before is no sign of a hot loop.
    pub fn excuse(&self, name: &str) {
        let mut bench = self.bench();
        bench.meddled.insert(name.to_owned(), Instant::now());
        bench.failures.remove(name);
    }
}

/// One process.
#[derive(Debug)]
struct Process {
    judge: Judge,
    number: u64,
}

impl Witness for Process {
    fn crosses(&self, boundary: &Boundary<'_>) -> Fate {
        let mut bench = self.judge.bench();
        if !bench.lives || bench.process != self.number {
            return Fate::Ended;
        }
        bench.cross(boundary);
        let over = bench.violation.is_some() || bench.burn();
        if over {
            bench.kill();
        }
        drop(bench);
        if over {
            self.judge.ended.notify_one();
            return Fate::Ended;
        }
        Fate::GoesOn
    }
}

impl Bench {
    fn note(&mut self, what: &str) {
        let at = self.begun.elapsed();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>8.3} s  {what}", at.as_secs_f64()));
        }
    }

    fn violate(&mut self, invariant: u8, what: String) {
        self.note(&format!("VIOLATION of invariant {invariant}: {what}"));
        self.violation.get_or_insert(Violation { invariant, what });
    }

    fn burn(&mut self) -> bool {
        let Some(fuse) = &mut self.fuse else { return false };
        *fuse = fuse.saturating_sub(1);
        *fuse == 0
    }

    fn kill(&mut self) {
        if self.lives {
            self.note("controller is killed");
        }
        self.lives = false;
        self.fuse = None;
    }

    /// What was only in the memory of a process.
    fn forget_process(&mut self) {
        self.acting.clear();
        self.looked_at.clear();
        self.unclear.clear();
        self.failures.clear();
    }

    fn cross(&mut self, boundary: &Boundary<'_>) {
        self.steps += 1;
        self.check_pace(boundary);
        if self.trace.is_some() && boundary.operation != "engine.event" {
            let object = self.known_as(boundary.object);
            self.note(&format!("  {boundary} {object}"));
        }
        if boundary.operation.starts_with("engine.") {
            self.engine(boundary);
        } else if boundary.operation.starts_with("disk.") {
            self.disk(boundary);
        }
    }

    fn check_pace(&mut self, boundary: &Boundary<'_>) {
        let now = Instant::now();
        if self.burst.0 != now {
            self.burst = (now, 0);
        }
        self.burst.1 += 1;
        if self.burst.1 > STEPS_AT_ONCE {
            self.violate(12, format!("a hot loop at {boundary} {}", boundary.object));
        }
    }

    /// A container by the name that the engine has for it.
    fn known_as(&self, object: &str) -> String {
        let containers = self.stage.engine.snapshot();
        let known = containers.into_iter().find(|container| container.id == object);
        known.map_or_else(|| object.chars().take(70).collect(), |container| container.name)
    }

    fn engine(&mut self, boundary: &Boundary<'_>) {
        match (boundary.operation, boundary.side) {
            ("engine.inspect", Side::Before) => drop(self.unclear.remove(boundary.object)),
            ("engine.list" | "engine.find", Side::Before) => self.unclear.clear(),
            ("engine.inspect", Side::After) => drop(self.looked_at.insert(boundary.object.to_owned())),
            ("engine.create", Side::Before) => self.creation(boundary.object),
            ("engine.create", _) => self.check_engine(),
            (
                "engine.start" | "engine.stop" | "engine.unpause" | "engine.rename" | "engine.update" | "engine.remove",
                side,
            ) => self.container(boundary, side),
            ("engine.remove-volume", Side::Before) => self.volume(boundary.object),
            _ => {}
        }
    }

    /// What was looked at and is still there is not made again: who does has forgotten it over an older list.
    fn creation(&mut self, name: &str) {
        let containers = self.stage.engine.snapshot();
        let known = containers.iter().find(|it| it.name == name && self.looked_at.contains(&it.id));
        if let Some(container) = known.filter(|it| label(it, labels::INSTANCE) == self.stage.instance.as_str()) {
            self.violate(4, format!("{name} is made though it is there and was looked at: {}", container.state));
        }
    }

    /// A change of a container.
    fn container(&mut self, boundary: &Boundary<'_>, side: Side) {
        let id = boundary.object;
        if side == Side::Before && self.removed.contains(id) {
            self.violate(4, format!("{boundary} of a container that was removed before"));
        }
        let found = self.stage.engine.snapshot().into_iter().find(|container| container.id == id);
        if side != Side::Before {
            self.end_change(boundary, found.as_ref());
            return;
        }
        let Some(container) = found else { return };
        let (name, uid) = (label(&container, labels::WORKSPACE), label(&container, labels::UID));
        self.check_owner(boundary, &container, &name, &uid);
        let task = task::try_id();
        if let Some(task) = task
            && let Some(other) = self.acting.insert(uid.clone(), task)
            && other != task
        {
            self.violate(9, format!("{boundary} {} while another pass acts on it", container.name));
        }
        if self.unclear.get(id).is_some_and(|failed| *failed != task) {
            let what = format!("{boundary} {} without a look at it since a change of it failed", container.name);
            self.violate(4, what);
        }
        match boundary.operation {
            "engine.remove" => self.removal(&container, &name, &uid),
            "engine.stop" => self.stop(&container, &name),
            _ => {}
        }
    }

    /// A request for a restart ends one run.
    fn stop(&mut self, container: &ContainerDetail, name: &str) {
        let record = name.parse::<Name>().ok().and_then(|name| self.stage.medium.record(&name));
        let Some(request) = record.and_then(|record| record.restart) else { return };
        let run = (container.id.clone(), container.started_at);
        if (request.container.as_ref(), request.started_at) != (Some(&run.0), run.1) {
            return;
        }
        let first = self
            .restarted
            .entry(format!("{} {}", label(container, labels::UID), request.id))
            .or_insert_with(|| run.clone());
        if *first != run {
            self.violate(15, format!("{} ends a second run of {name}", request.id));
        }
    }

    fn end_change(&mut self, boundary: &Boundary<'_>, container: Option<&ContainerDetail>) {
        let task = task::try_id();
        self.acting.retain(|_, acting| Some(*acting) != task);
        self.check_engine();
        if boundary.side == Side::Failed {
            self.unclear.insert(boundary.object.to_owned(), task);
            if let Some(container) = container {
                self.failed(&label(container, labels::WORKSPACE), boundary);
            }
        } else if boundary.operation == "engine.remove" {
            self.removed.insert(boundary.object.to_owned());
        }
    }

    fn failed(&mut self, name: &str, boundary: &Boundary<'_>) {
        let now = Instant::now();
        let failures = self.failures.entry(name.to_owned()).or_default();
        failures.retain(|at| now.duration_since(*at) < BURST);
        failures.push_back(now);
        if failures.len() >= FAILURES {
            self.violate(12, format!("{FAILURES} failures within {BURST:?}, the last one {boundary} of {name}"));
        }
    }

    /// What is changed belongs to the life of the workspace that is remembered.
    fn check_owner(&mut self, boundary: &Boundary<'_>, container: &ContainerDetail, name: &str, uid: &str) {
        if label(container, labels::INSTANCE) != self.stage.instance.as_str() {
            self.violate(2, format!("{boundary} {} of another instance", container.name));
        }
        let record = name.parse::<Name>().ok().and_then(|name| self.stage.medium.record(&name));
        if let Some(record) = record
            && record.uid.as_str() != uid
        {
            let what = format!("{boundary} {} of UID {uid}, though {name} is {}", container.name, record.uid);
            self.violate(2, what);
        }
    }

    /// A container goes only when another one takes its place, when its workspace is to have none, or when a deletion is recorded for
    /// which there was a reason.
    fn removal(&mut self, container: &ContainerDetail, name: &str, uid: &str) {
        let same = |other: &ContainerDetail| other.id != container.id && label(other, labels::UID) == uid;
        let is_replaced = self.stage.engine.snapshot().iter().any(same);
        let parsed: Option<Name> = name.parse().ok();
        let record = parsed.as_ref().and_then(|name| self.stage.medium.record(name));
        let is_declared = self.archived.get(name).is_some_and(|until| Instant::now() < *until);
        let is_archived = is_declared
            || record.as_ref().is_some_and(|record| {
                record.deletion.is_none() && record.workspace.spec.state == DesiredState::Archived
            });
        // A person may have taken the other one away at this moment.
        let is_meddled = self.meddled.get(name).is_some_and(|at| at.elapsed() < Duration::from_secs(1));
        if !is_replaced && !is_archived && !is_meddled {
            self.deletion(parsed.as_ref(), &container.name);
        }
    }

    fn volume(&mut self, volume: &str) {
        // `wharf-<workspace>.<volume>`
        let name = volume.strip_prefix("wharf-").and_then(|rest| rest.split_once('.')).map(|(name, _)| name);
        let parsed: Option<Name> = name.and_then(|name| name.parse().ok());
        let record = parsed.as_ref().and_then(|name| self.stage.medium.durable_record(name));
        if !record.is_some_and(|record| record.workspace.spec.delete_volumes) {
            self.violate(5, format!("volume {volume} is removed though nothing says that it may be"));
        }
        self.deletion(parsed.as_ref(), volume);
    }

    fn deletion(&mut self, name: Option<&Name>, object: &str) {
        let record = name.and_then(|name| self.stage.medium.durable_record(name));
        let recorded = record.filter(|record| record.deletion.is_some());
        match recorded {
            None => self.violate(7, format!("{object} is removed though no deletion is recorded durably")),
            Some(record) if record.workspace.spec.deletion_policy != DeletionPolicy::Delete => {
                self.violate(5, format!("{object} is removed though its workspace is to be left alone"));
            }
            Some(_) => {}
        }
        self.refresh_evidence();
        let seen = name.and_then(|name| self.absent.get(name.as_str()));
        if seen.is_none_or(|at| at.elapsed() >= EVIDENCE) {
            self.violate(
                3,
                format!("{object} is removed though its manifest was never missing from a source that could be read"),
            );
        }
    }

    /// Remembers which workspaces are absent now.
    fn refresh_evidence(&mut self) {
        let now = Instant::now();
        for name in ["a", "b", "c", "d", "e"] {
            let is_absent = self.is_readable && !self.present.contains(name);
            let is_missing = is_absent && (!self.present.is_empty() || self.confirmed.contains(name));
            if is_missing || self.asked.contains(name) {
                self.absent.insert(name.to_owned(), now);
            }
        }
    }

    fn check_engine(&mut self) {
        if let Some(found) = self.stage.engine.violations().first() {
            let invariant =
                if matches!(found, wharf::engine::simulated::Violation::ForeignTouched { .. }) { 2 } else { 1 };
            self.violate(invariant, found.to_string());
        }
    }

    /// A change of a file.
    fn disk(&mut self, boundary: &Boundary<'_>) {
        let path = Path::new(boundary.object);
        if boundary.side == Side::Before && !self.is_ours(boundary.operation, path) {
            self.violate(5, format!("{boundary} {}", boundary.object));
        }
        if boundary.operation == "disk.rename" && boundary.side == Side::After {
            self.status(path);
        }
    }

    fn is_ours(&self, operation: &str, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = [".status.yaml.", "confirmed.json.", "secrets.key."];
        let hidden = name.starts_with('.') && temporary.iter().any(|part| name.contains(part));
        let kept = name == "confirmed.json" || name == "secrets.key";
        let is_given_up = operation == "disk.remove" && self.given_up.iter().any(|manifest| manifest == path);
        operation == "disk.create"
            || is_given_up
            || (path.starts_with(&self.stage.source) && (name.ends_with(".status.yaml") || kept || hidden))
    }

    /// A status file that was just put in its place.
    fn status(&mut self, path: &Path) {
        let Some(bytes) = self.stage.disk.bytes(path).filter(|_| path.to_string_lossy().ends_with(".status.yaml"))
        else {
            return;
        };
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(CANARY) {
            self.violate(13, format!("the secret is in {}", path.display()));
        }
        for (uid, generation) in lives(&text) {
            let before = self.generations.insert(uid.clone(), generation).unwrap_or(0);
            if before > generation {
                self.violate(6, format!("observedGeneration of {uid} went from {before} back to {generation}"));
            }
        }
        // Reading costs more than all the rest: of a few each run.
        self.parsed += 1;
        if self.parsed.is_multiple_of(16) || self.trace.is_some() {
            self.parse_status(path, &text);
        }
    }

    fn parse_status(&mut self, path: &Path, text: &str) {
        let documents: Vec<WorkspaceStatus> = match wharf::yaml::from_str(text) {
            Ok(documents) => documents,
            Err(error) => {
                return self.violate(6, format!("{} cannot be read: {error}\n{text}", path.display()));
            }
        };
        for document in &documents {
            if let Some(what) = contradiction(document) {
                self.violate(8, format!("{}: {what}\n{text}", document.metadata.name));
            }
            if self.trace.is_some() {
                let WorkspaceStatus { metadata, status, .. } = document;
                self.note(&format!("    {}: {:?}, {}", metadata.name, status.phase, status.summary));
            }
        }
    }
}

/// What a status says that cannot be so at the same time.
fn contradiction(document: &WorkspaceStatus) -> Option<&'static str> {
    let status = &document.status;
    if status.observed_generation > document.metadata.generation {
        return Some("a generation is observed that there is not");
    }
    let ready = status.is(ConditionType::Ready);
    if ready && !matches!(status.phase, Phase::Active | Phase::Terminating) {
        return Some("it is ready and does not run");
    }
    if ready && status.container.is_none() {
        return Some("it is ready without a container");
    }
    None
}

/// The UID and the observed generation of each document, by lines: reading a document whole would cost too much each time.
fn lives(text: &str) -> Vec<(String, u64)> {
    let value = |line: &str, key: &str| line.trim_start().strip_prefix(key).map(|value| value.trim().to_owned());
    let mut found = Vec::new();
    let mut uid = None;
    for line in text.lines() {
        uid = value(line, "uid:").or(uid);
        if let Some(generation) = value(line, "observedGeneration:").and_then(|text| text.parse().ok())
            && let Some(uid) = uid.take()
        {
            found.push((uid, generation));
        }
    }
    found
}

fn label(container: &ContainerDetail, key: &str) -> String {
    container.labels.get(key).cloned().unwrap_or_default()
}
