//! The live state of every workspace and every source, for reading: what the controller told last, and what its own work comes to.
//!
//! The controller writes here whatever it hands to the status files, at the same moment; readers take what is there and never wait for
//! the engine, the disk or a pass. Nothing is decided from it.

mod counters;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

pub use counters::{Counters, PassNote};
pub use sources::Sources;

use crate::model::WorkspaceStatus;
use crate::model::metrics::Usage;
use crate::model::spec::Workspace;
use crate::model::statistics::Summary;

/// Everything that can be read about one workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// Its status, as in the status file.
    pub document: WorkspaceStatus,
    /// The manifest in force; `None` while no valid one has been seen.
    pub workspace: Option<Arc<Workspace>>,
    /// Its project directory, absolute.
    pub project: Option<PathBuf>,
    /// What remains to be done about it, as far as is known.
    pub remaining: Remaining,
    /// How many passes over it have ended since the controller was started.
    pub passes: u64,
    /// Its last measured use of resources.
    pub usage: Option<Usage>,
}

/// What remains to be done, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Actions and their causes, in order.
    pub steps: Vec<(String, String)>,
    /// What has to happen first.
    pub blocked: Option<String>,
    /// Why an action is deliberately not taken.
    pub held: Option<String>,
}

/// The live state. A handle: clones are the same tracker.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    live: RwLock<Live>,
    counters: Counters,
    sources: Sources,
    changes: watch::Sender<u64>,
}

/// A document's place: several manifests may claim one name, of which one has it.
type Key = (String, String);

#[derive(Debug, Default)]
struct Live {
    tracked: BTreeMap<Key, Arc<Tracked>>,
    of_manifest: BTreeMap<String, BTreeSet<Key>>,
}

impl Tracker {
    /// A tracker that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All that is known, sorted by name. Of a name that several manifests claim, the one in force comes first.
    pub fn all(&self) -> Vec<Arc<Tracked>> {
        self.read(|live| {
            let mut all: Vec<Arc<Tracked>> = live.tracked.values().cloned().collect();
            all.sort_by(|one, other| order(one).cmp(&order(other)));
            all
        })
    }

    /// What is known of one workspace.
    pub fn get(&self, name: &str) -> Option<Arc<Tracked>> {
        self.read(|live| {
            let from = (name.to_owned(), String::new());
            let claims = live.tracked.range(from..).take_while(|((its, _), _)| its == name).map(|(_, tracked)| tracked);
            claims.min_by_key(|tracked| order(tracked)).cloned()
        })
    }

    /// All workspaces in a few numbers.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for tracked in self.all() {
            summary.count(&tracked.document.status);
            if let Some(usage) = &tracked.usage {
                summary.add(usage);
            }
        }
        summary
    }

    /// What the controller's own work comes to.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Where manifests come from.
    pub fn sources(&self) -> &Sources {
        &self.shared.sources
    }

    /// Ticks whenever something is told; what is read after a tick is at least as new.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Takes what one manifest's status file is to say; nothing when it is to go.
    pub fn publish(&self, manifest: &str, documents: Vec<Tracked>) {
        self.write(|live| {
            let before = live.of_manifest.remove(manifest).unwrap_or_default();
            let old: BTreeMap<Key, Arc<Tracked>> =
                before.into_iter().filter_map(|key| live.tracked.remove_entry(&key)).collect();
            let mut keys = BTreeSet::new();
            for mut tracked in documents {
                let key = (tracked.document.metadata.name.clone(), manifest.to_owned());
                tracked.usage = old.get(&key).and_then(|before| before.usage.clone()).filter(|_| is_running(&tracked));
                live.tracked.insert(key.clone(), Arc::new(tracked));
                keys.insert(key);
            }
            if !keys.is_empty() {
                live.of_manifest.insert(manifest.to_owned(), keys);
            }
        });
    }

    /// Takes what was measured of workspaces.
    pub fn measured(&self, readings: &[(crate::model::Name, Usage)]) {
        self.write(|live| {
            for (name, usage) in readings {
                let from = (name.to_string(), String::new());
                let claims = live.tracked.range_mut(from..).take_while(|((its, _), _)| its == name.as_str());
                for (_, tracked) in claims.filter(|(_, tracked)| is_running(tracked)) {
                    Arc::make_mut(tracked).usage = Some(usage.clone());
                }
            }
        });
    }

    fn read<T>(&self, look: impl FnOnce(&Live) -> T) -> T {
        look(&self.shared.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.shared.live.write().unwrap_or_else(PoisonError::into_inner));
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn is_running(tracked: &Tracked) -> bool {
    let container = tracked.document.status.container.as_ref();
    container.is_some_and(|container| container.state == crate::model::status::ContainerState::Running)
}

/// By name; of those that claim one name, the one with a UID first, since only a workspace in force has one.
fn order(tracked: &Tracked) -> (&str, bool, &str) {
    let metadata = &tracked.document.metadata;
    (&metadata.name, metadata.uid.is_none(), &metadata.manifest)
}
