//! What events mean to a source. They are recorded on notify's thread and taken up by the next scan.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind};
use tokio::sync::Notify;

use super::names::{Role, role};
use super::observer::Activity;

/// Says when to scan, and remembers what the scan will ask.
#[derive(Debug)]
pub(super) struct Signals {
    root: PathBuf,
    /// Something changed: scan. Holds one permit, so that a storm of events is one scan.
    pub(super) now: Notify,
    /// Something began to change: scan in a moment, unless `now` comes first.
    pub(super) soon: Notify,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    activity: HashMap<PathBuf, (Activity, SystemTime)>,
    watched: HashSet<PathBuf>,
    missed: Missed,
}

/// What may have cost a watch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Missed {
    /// Events were lost: no watch can be relied upon.
    pub(super) events: bool,
    /// Watched paths that lead elsewhere now, or nowhere.
    pub(super) left: Vec<PathBuf>,
}

/// What one event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    /// A writer began: nothing to read yet, or not all of it.
    Began,
    Wrote,
    /// A file is as its writer wants it.
    Finished,
    Changed,
    /// A manifest is no more where it was.
    Gone,
    /// A directory is no more where it was, if it was one.
    Left,
}

impl Signals {
    /// For events below `root`, an absolute path.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, now: Notify::new(), soon: Notify::new(), record: Mutex::default() }
    }

    /// Takes an event up. Called on notify's thread: must not wait for anything.
    pub(super) fn record(&self, event: notify::Result<Event>) {
        match event {
            // An overflow comes as a flag, without a path.
            Ok(event) if !event.need_rescan() => {
                for path in &event.paths {
                    self.apply(path, self.effect(event.kind, path));
                }
            }
            Ok(_) | Err(_) => {
                self.lock().missed.events = true;
                self.now.notify_one();
            }
        }
    }

    /// What is known about the writers of a file.
    pub(super) fn activity(&self, path: &Path) -> Option<Activity> {
        self.lock().activity.get(path).map(|(activity, _)| *activity)
    }

    /// A path is watched from now on. To be called before it is, so that no event comes too early.
    pub(super) fn watched(&self, path: &Path) {
        self.lock().watched.insert(path.to_owned());
    }

    /// A path is not watched any more.
    pub(super) fn unwatched(&self, path: &Path) {
        self.lock().watched.remove(path);
    }

    /// No path is watched any more.
    pub(super) fn unwatched_all(&self) {
        self.lock().watched.clear();
    }

    /// Hands out what may have cost a watch, and forgets activities before `horizon`.
    pub(super) fn take_missed(&self, horizon: SystemTime) -> Missed {
        let mut record = self.lock();
        let missed = std::mem::take(&mut record.missed);
        record.activity.retain(|_, (_, at)| *at >= horizon && !missed.events);
        missed
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        // Each change of the record is a single step: a panic elsewhere leaves it whole.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn effect(&self, kind: EventKind, path: &Path) -> Effect {
        let name = path.file_name().unwrap_or(OsStr::new(""));
        match role(name) {
            _ if path == self.root => of_directory(kind),
            Role::Manifest => of_manifest(kind),
            Role::Other => of_directory(kind),
            // Kubernetes swaps the hidden link `..data` to change all files of a mounted ConfigMap at once.
            Role::Ignored if name.as_encoded_bytes().starts_with(b"..") => of_directory(kind),
            Role::Ignored => Effect::Nothing,
        }
    }

    fn apply(&self, path: &Path, effect: Effect) {
        let now = SystemTime::now();
        let mut record = self.lock();
        match effect {
            Effect::Began | Effect::Changed => {}
            Effect::Wrote => {
                record.activity.insert(path.to_owned(), (Activity::Writing, now));
            }
            Effect::Finished => {
                record.activity.insert(path.to_owned(), (Activity::Finished(now), now));
            }
            Effect::Gone => {
                record.activity.remove(path);
            }
            Effect::Left if record.watched.contains(path) => record.missed.left.push(path.to_owned()),
            Effect::Left | Effect::Nothing => return,
        }
        drop(record);
        match effect {
            Effect::Began | Effect::Wrote => self.soon.notify_one(),
            _ => self.now.notify_one(),
        }
    }
}

/// Of a path with a manifest's name.
fn of_manifest(kind: EventKind) -> Effect {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Effect::Finished,
        // Reading a file is an access too: to scan after it would never end.
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => Effect::Nothing,
        EventKind::Create(_) => Effect::Began,
        EventKind::Modify(ModifyKind::Data(_)) => Effect::Wrote,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Effect::Gone,
        _ => Effect::Changed,
    }
}

/// Of any other path. What is not a directory changes nothing; in a project's tree there is much of it.
fn of_directory(kind: EventKind) -> Effect {
    match kind {
        EventKind::Create(CreateKind::Folder) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Effect::Changed,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Effect::Left,
        _ => Effect::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, Flag, RemoveKind};

    use super::*;

    const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
    const OPENED: EventKind = EventKind::Access(AccessKind::Open(AccessMode::Any));
    const FROM: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    const TO: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));
    const REMOVED: EventKind = EventKind::Remove(RemoveKind::File);

    fn signals() -> Signals {
        Signals::new(PathBuf::from("/.root"))
    }

    fn effect(kind: EventKind, path: &str) -> Effect {
        signals().effect(kind, Path::new(path))
    }

    /// Whether `notify` holds its permit, which this takes.
    fn is_notified(notify: &Notify) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(notify.notified()).poll(&mut context).is_ready()
    }

    #[test]
    fn only_what_may_change_a_reading_has_an_effect() {
        assert_eq!(effect(WRITTEN, "/.root/a.yaml"), Effect::Wrote);
        assert_eq!(effect(CLOSED, "/.root/a.yaml"), Effect::Finished);
        assert_eq!(effect(TO, "/.root/a.yaml"), Effect::Finished);
        assert_eq!(effect(FROM, "/.root/a.yaml"), Effect::Gone);
        assert_eq!(effect(EventKind::Create(CreateKind::Folder), "/.root/team"), Effect::Changed);
        assert_eq!(effect(TO, "/.root/..data"), Effect::Changed);
        assert_eq!(effect(EventKind::Remove(RemoveKind::Folder), "/.root"), Effect::Left);
        assert_eq!(effect(OPENED, "/.root/a.yaml"), Effect::Nothing);
        for path in ["/.root/a.status.yaml", "/.root/.a.status.yaml.tmp", "/.root/.wharf", "/.root/.git"] {
            for kind in [WRITTEN, CLOSED, FROM, TO, REMOVED, EventKind::Create(CreateKind::Folder)] {
                assert_eq!(effect(kind, path), Effect::Nothing, "{kind:?} {path}");
            }
        }
        for kind in [WRITTEN, CLOSED, OPENED, EventKind::Create(CreateKind::File)] {
            assert_eq!(effect(kind, "/.root/notes.txt"), Effect::Nothing, "{kind:?}");
        }
    }

    #[test]
    fn a_finished_save_is_a_sign_to_scan_and_an_unfinished_one_to_wait() {
        let signals = signals();
        let path = Path::new("/.root/a.yaml");
        signals.record(Ok(Event::new(WRITTEN).add_path(path.to_owned())));
        assert_eq!(signals.activity(path), Some(Activity::Writing));
        assert!(is_notified(&signals.soon) && !is_notified(&signals.now));
        signals.record(Ok(Event::new(CLOSED).add_path(path.to_owned())));
        assert!(matches!(signals.activity(path), Some(Activity::Finished(_))));
        assert!(!is_notified(&signals.soon) && is_notified(&signals.now));
    }

    #[test]
    fn an_overflow_makes_all_that_was_seen_worthless() {
        let signals = signals();
        let path = Path::new("/.root/a.yaml");
        signals.record(Ok(Event::new(WRITTEN).add_path(path.to_owned())));
        signals.record(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(is_notified(&signals.now));
        assert!(signals.take_missed(SystemTime::UNIX_EPOCH).events);
        assert_eq!(signals.activity(path), None);
        assert_eq!(signals.take_missed(SystemTime::UNIX_EPOCH), Missed::default());
    }

    #[test]
    fn only_a_watched_path_that_leads_elsewhere_is_reported() {
        let signals = signals();
        let path = Path::new("/.root/team");
        signals.record(Ok(Event::new(FROM).add_path(path.to_owned())));
        assert!(!is_notified(&signals.now));
        signals.watched(path);
        signals.record(Ok(Event::new(FROM).add_path(path.to_owned())));
        assert!(is_notified(&signals.now));
        assert_eq!(signals.take_missed(SystemTime::UNIX_EPOCH).left, [path]);
    }
}
