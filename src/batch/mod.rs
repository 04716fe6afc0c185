//! Batches: one request for many workspaces, carried out a few at a time, remembered item by item.
//!
//! An item is asked for under a name of its own, and recorded as begun before that; so a batch that is interrupted goes on at the next
//! start and asks again under the same name, and what had come about is not done twice. What is asked for, the controller brings about as
//! it does everything; a batch only watches until it has, or cannot.

mod goal;
mod run;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use goal::{Standing, standing};

use crate::model::batch::{Batch, BatchItem, BatchState, ItemState, Verb};
use crate::model::{Name, WorkspaceStatus};
use crate::store::{Store, StoreError};

/// How long a batch is kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How many batches are kept at most; the oldest that have ended give way.
const MOST: usize = 200;

/// How many workspaces are worked on at once where nothing is said.
pub const PARALLELISM: u32 = 4;

/// What a batch needs of a running controller.
pub trait Desk: Send + Sync + 'static {
    /// Asks for something about one workspace. Recorded when it returns; asked again under the same `id`, nothing more is done. The error says
    /// why it is not going to happen.
    fn ask(&self, verb: Verb, name: Name, id: String) -> BoxFuture<'_, Result<(), String>>;

    /// Whether source and engine have been compared, so that what is told is true. Nothing is begun before.
    fn is_ready(&self) -> bool;

    /// A workspace as told last; `None` when nothing has been told of it, because there is none or since nobody has looked at it yet.
    fn look(&self, name: &Name) -> Option<Look>;

    /// Whether there is a workspace of that name, whether or not something has been told of it.
    fn knows(&self, name: Name) -> BoxFuture<'_, bool>;

    /// Ticks whenever something is told.
    fn changes(&self) -> watch::Receiver<u64>;

    /// The time.
    fn now(&self) -> Timestamp;
}

/// A workspace as told last.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Its status.
    pub status: WorkspaceStatus,
    /// How many passes over it have ended since the controller was started.
    pub passes: u64,
}

/// The batches there are. A handle: clones are the same batches.
#[derive(Clone)]
pub struct Batches {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    desk: Arc<dyn Desk>,
    known: Mutex<BTreeMap<String, Batch>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Batches {
    /// Takes up the batches that are remembered, and goes on with those that have not ended. They rest when `shutdown` is cancelled.
    pub fn take_up(store: Store, desk: Arc<dyn Desk>, shutdown: CancellationToken) -> Result<Self, StoreError> {
        let known: BTreeMap<String, Batch> =
            store.batches()?.into_iter().map(|batch| (batch.id.clone(), batch)).collect();
        let unfinished: Vec<String> =
            known.values().filter(|batch| batch.ended_at.is_none()).map(|batch| batch.id.clone()).collect();
        let tasks = TaskTracker::new();
        let batches = Self { shared: Arc::new(Shared { store, desk, known: Mutex::new(known), tasks, shutdown }) };
        batches.forget_old();
        for id in unfinished {
            tracing::info!(batch = %id, "going on with a batch that was interrupted");
            batches.start(id);
        }
        Ok(batches)
    }

    /// Begins a batch over these workspaces, each once. Recorded durably when this returns.
    pub fn begin(
        &self,
        verb: Verb,
        names: Vec<Name>,
        parallelism: u32,
        max_failures: Option<u32>,
    ) -> Result<Batch, StoreError> {
        self.forget_old();
        let item = |workspace| BatchItem {
            workspace,
            state: ItemState::Pending,
            error: None,
            started_at: None,
            ended_at: None,
        };
        let batch = Batch {
            id: ulid::Ulid::generate().to_string(),
            verb,
            state: BatchState::Running,
            parallelism: parallelism.max(1),
            max_failures,
            created_at: self.shared.desk.now().into(),
            ended_at: None,
            canceled: false,
            items: names.into_iter().map(item).collect(),
        };
        self.shared.store.put_batch(&batch)?;
        self.shared.store.flush()?;
        self.shared.known().insert(batch.id.clone(), batch.clone());
        self.start(batch.id.clone());
        Ok(batch)
    }

    /// All batches that are kept, newest first.
    pub fn all(&self) -> Vec<Batch> {
        self.shared.known().values().rev().cloned().collect()
    }

    /// One batch.
    pub fn get(&self, id: &str) -> Option<Batch> {
        self.shared.known().get(id).cloned()
    }

    /// Asks for the end of a batch: what has begun is finished, the rest is skipped. `None` when there is no such batch; nothing
    /// happens to one that has ended.
    pub fn cancel(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let Some(mut batch) = self.get(id) else { return Ok(None) };
        if batch.ended_at.is_some() || batch.canceled {
            return Ok(Some(batch));
        }
        batch.canceled = true;
        self.shared.store.put_batch_head(&batch)?;
        self.shared.store.flush()?;
        let mut known = self.shared.known();
        let Some(known) = known.get_mut(id) else { return Ok(None) };
        known.canceled = true;
        Ok(Some(known.clone()))
    }

    /// Waits until nothing is worked on any more; after the shutdown that is soon.
    pub async fn rest(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn start(&self, id: String) {
        self.shared.tasks.spawn(run::run(Arc::clone(&self.shared), id));
    }

    /// Forgets what ended long ago.
    fn forget_old(&self) {
        let now = self.shared.desk.now();
        let mut known = self.shared.known();
        let ended = known.values().filter_map(|batch| Some((batch.ended_at?.timestamp(), batch.id.clone())));
        let mut ended: Vec<(Timestamp, String)> = ended.collect();
        ended.sort_unstable();
        let surplus = known.len().saturating_sub(MOST - 1);
        let is_old =
            |(place, (at, _)): &(usize, (Timestamp, String))| *place < surplus || now.duration_since(*at) > KEPT;
        let old: Vec<String> = ended.into_iter().enumerate().filter(is_old).map(|(_, (_, id))| id).collect();
        for batch in old.iter().filter_map(|id| known.remove(id)) {
            if let Err(error) = self.shared.store.forget_batch(&batch.id, batch.items.len()) {
                tracing::warn!(batch = %batch.id, "a batch that ended long ago is not forgotten: {error}");
            }
        }
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Batches").field("known", &self.shared.known().len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Batch>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
