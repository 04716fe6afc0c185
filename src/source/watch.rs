//! Being told at once that a directory changed, where the operating system can. The only user of notify.
//!
//! Nothing depends on it but speed: the source is scanned in any case every few seconds. Every directory that a scan lists
//! gets a watch of its own, set up before it is listed; notify's own recursion would miss files written right after their
//! directory was made, enter hidden directories and pay for every change of the state directory.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::observer::{Activity, Observer};
use super::signals::Signals;
use crate::disk::Identity;

/// How long it is remembered that a file was saved. Longer than any scan is late.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The watches on the directories of a source.
#[derive(Debug)]
pub(super) struct Watch {
    enabled: bool,
    signals: Arc<Signals>,
    watcher: Option<RecommendedWatcher>,
    /// Each directory with a watch by the one path it was set up for: a second watch on the same directory would be the same
    /// to the kernel, and taking one away would end both.
    armed: HashMap<Identity, PathBuf>,
    paths: HashMap<PathBuf, Identity>,
    /// The directories of the scan that is going on.
    listed: HashSet<Identity>,
    /// Why changes are noticed by scanning only.
    trouble: Option<String>,
    /// There can be no more watches: asking for each directory in vain would make every scan slow.
    full: bool,
}

impl Watch {
    /// Watches nothing until a scan goes through the source; never does if not `enabled`.
    pub(super) fn new(enabled: bool, signals: Arc<Signals>) -> Self {
        let trouble = (!enabled).then(|| "watching is turned off".to_owned());
        Self {
            enabled,
            signals,
            watcher: None,
            armed: HashMap::new(),
            paths: HashMap::new(),
            listed: HashSet::new(),
            trouble,
            full: false,
        }
    }

    /// Why changes are noticed by scanning only; `None` while all directories are watched.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Starts anew: no directory has a watch.
    fn reset(&mut self) {
        self.armed.clear();
        self.paths.clear();
        self.signals.unwatched_all();
        // Before there is a new one: how many there may be is limited.
        self.watcher = None;
        let signals = Arc::clone(&self.signals);
        match RecommendedWatcher::new(move |event| signals.record(event), Config::default()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.trouble = Some(cannot_start(&error)),
        }
    }

    fn arm(&mut self, path: &Path, identity: Identity) {
        let Some(watcher) = &mut self.watcher else { return };
        self.signals.watched(path);
        match watcher.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.armed.insert(identity, path.to_owned());
                self.paths.insert(path.to_owned(), identity);
            }
            Err(error) => {
                self.signals.unwatched(path);
                self.full |= matches!(error.kind, ErrorKind::MaxFilesWatch);
                if !is_found_by_listing(&error) {
                    self.trouble = Some(cannot_watch(path, &error));
                }
            }
        }
    }

    fn disarm(&mut self, path: &Path) {
        if let Some(identity) = self.paths.remove(path) {
            self.armed.remove(&identity);
            self.signals.unwatched(path);
            if let Some(watcher) = &mut self.watcher {
                // An error means that the watch has gone with its directory.
                let _ = watcher.unwatch(path);
            }
        }
    }

    /// notify forgets a directory that was moved or removed, and all it knows below its path.
    fn disarm_below(&mut self, left: &Path) {
        let below: Vec<PathBuf> = self.paths.keys().filter(|path| path.starts_with(left)).cloned().collect();
        for path in &below {
            self.disarm(path);
        }
    }
}

impl Observer for Watch {
    fn begin(&mut self) {
        self.listed.clear();
        if !self.enabled {
            return;
        }
        // With each scan it is tried anew.
        self.trouble = None;
        self.full = false;
        let horizon = SystemTime::now().checked_sub(REMEMBERED).unwrap_or(SystemTime::UNIX_EPOCH);
        let missed = self.signals.take_missed(horizon);
        if self.watcher.is_none() || missed.events {
            self.reset();
        }
        for left in missed.left {
            self.disarm_below(&left);
        }
    }

    fn before_listing(&mut self, path: &Path, identity: Identity) {
        if !self.listed.insert(identity) || self.full {
            return;
        }
        if self.armed.get(&identity).is_some_and(|armed| armed == path) {
            return;
        }
        if let Some(former) = self.armed.get(&identity).cloned() {
            self.disarm(&former);
        }
        self.disarm(path);
        self.arm(path, identity);
    }

    fn activity(&self, path: &Path) -> Option<Activity> {
        self.signals.activity(path)
    }

    fn end(&mut self) {
        let gone: Vec<PathBuf> =
            self.armed.iter().filter(|(id, _)| !self.listed.contains(id)).map(|(_, path)| path.clone()).collect();
        for path in &gone {
            self.disarm(path);
        }
    }
}

/// Whether the directory cannot be listed either, which the scan reports, and which is no reason to look at others more often.
fn is_found_by_listing(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied),
        _ => false,
    }
}

fn cannot_start(error: &notify::Error) -> String {
    format!("watching cannot begin ({error}): raise fs.inotify.max_user_instances or the limit of open files")
}

fn cannot_watch(path: &Path, error: &notify::Error) -> String {
    match error.kind {
        ErrorKind::MaxFilesWatch => "the limit of watches is reached: raise fs.inotify.max_user_watches".to_owned(),
        _ => format!(
            "`{}` cannot be watched ({error}): check the directory's file system and permissions",
            path.display()
        ),
    }
}
