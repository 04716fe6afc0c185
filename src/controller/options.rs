//! What a controller is told when it is made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::admission::Admission;
use crate::audit::Audit;
use crate::disk::{self, Disk};
use crate::events::Hub;
use crate::model::{Instance, Name};
use crate::plan::Scope;
use crate::plan::guard::MaxDeletes;
use crate::policy::{Defaults, Policies};
use crate::secrets;
use crate::source::{Place, Places};
use crate::tracker::Tracker;

/// Tells the wall-clock time. Simulations pass their own; delays never depend on it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a controller is told when it is made. [`Options::new`] gives the defaults of the command line.
#[derive(Clone)]
pub struct Options {
    /// The source directory, absolute.
    pub source: PathBuf,
    /// Where manifests come from.
    pub places: Places,
    /// What they may ask for.
    pub policies: Arc<Policies>,
    /// Where memory and the lock are kept.
    pub state_dir: PathBuf,
    /// Where status files go; `None`: beside the manifests.
    pub status_dir: Option<PathBuf>,
    /// Whose objects are ours and how they are named.
    pub scope: Scope,
    /// How often the engine is listed whatever events arrive.
    pub resync: Duration,
    /// How often every container is inspected although nothing says that it changed: what a list does not show (limits) could
    /// otherwise stay changed if the event was lost.
    pub audit: Duration,
    /// How often the source is read again although nothing says that it changed.
    pub poll: Duration,
    /// Short engine calls under way at once.
    pub concurrency: usize,
    /// How many deletions one reading of the source may lead to.
    pub max_deletes: MaxDeletes,
    /// How long no further manifest may go missing before those that are missing are judged together.
    pub deletion_settle: Duration,
    /// How long to wait at the end for actions under way.
    pub shutdown_grace: Duration,
    /// End when everything has settled.
    pub once: bool,
    /// With `once`: end after this time even if not settled.
    pub once_timeout: Duration,
    /// Who is told what happens.
    pub hub: Hub,
    /// Where the live state is kept for readers.
    pub tracker: Tracker,
    /// Where deeds are accounted for.
    pub audit_log: Audit,
    /// Where secrets are kept, and where they are put.
    pub secrets: secrets::Options,
    /// Where project directories, files of `valueFrom` and confirmations are.
    pub disk: Arc<dyn Disk>,
    /// Seed of jitter and UIDs.
    pub seed: u64,
    /// The wall clock.
    pub clock: Clock,
}

impl Options {
    /// Defaults for a source directory, which must be absolute.
    pub fn new(source: PathBuf) -> Self {
        let canonical = source.canonicalize().unwrap_or_else(|_| source.clone());
        let instance = Instance::of_source(&canonical.to_string_lossy());
        Self {
            state_dir: source.join(".wharf"),
            places: Places::new(vec![Place::directory(source.clone())]),
            policies: Arc::new(Policies::built_in(Defaults { dangerous: vec![source.join(".wharf")] })),
            source,
            status_dir: None,
            scope: Scope { instance, prefix: default_prefix() },
            resync: Duration::from_secs(30),
            audit: Duration::from_secs(600),
            poll: Duration::from_secs(2),
            concurrency: 8,
            max_deletes: MaxDeletes::Default,
            deletion_settle: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(20),
            once: false,
            once_timeout: Duration::from_secs(600),
            hub: Hub::new(),
            tracker: Tracker::new(),
            audit_log: Audit::none(),
            secrets: secrets::Options::default(),
            disk: disk::host(),
            seed: random_seed(),
            clock: Arc::new(Timestamp::now),
        }
    }
}

impl Options {
    pub(super) fn admission(&self) -> Admission {
        Admission::new(Arc::clone(&self.policies), self.places.clone())
    }
}

#[expect(clippy::expect_used, reason = "a constant of the contract")]
fn default_prefix() -> Name {
    "wharf".parse().expect("a valid name")
}

/// The standard library's maps are seeded by the system's random source; that is all the chance needed here.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
