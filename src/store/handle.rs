//! The store's handle: records and events, and coming back after a full disk.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::batches::{batch_item_key, batch_key, head_of, read_batches};
use super::copy;
use super::encoding::{encode, record_key};
use super::events::EventIndex;
use super::folder::{Folder, directory};
use super::format::Format;
use super::medium::{Changes, Database, Medium};
use super::open::{Live, Outcome, open_checked, open_or_begin, read_records};
use super::{Lock, Record, StoreError};
use crate::model::event::{Event, EventFilter, Occurrence};
use crate::model::{self, Name};

/// How long after a full disk the next attempt is made.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// How many bytes may wait for a flush before a write flushes by itself.
const MAX_PENDING_BYTES: usize = 256 << 10;

/// What is remembered about workspaces, and the event log. A handle: clones share one store.
///
/// Calls block: microseconds for reads and writes, as long as the disk takes for [`Store::flush`].
///
/// What was written is durable half a second later, or when [`Store::flush`] returns. A write that returned `Ok` and
/// is not durable yet is kept and written again should the disk turn out full; a write that returned an error is for
/// the caller to repeat.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Let go of after the database.
    medium: Arc<dyn Medium>,
}

struct State {
    /// `None` after an I/O error, until it is opened again: such an error makes a sled handle useless.
    connection: Option<Connection>,
    /// The last values of what was written since the last flush.
    pending: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pending_bytes: usize,
    /// No attempt before this time, so that a full disk does not make every call slow.
    full_until: Option<Instant>,
}

struct Connection {
    database: Box<dyn Database>,
    events: EventIndex,
}

/// A store that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What was found.
    pub outcome: Outcome,
    /// All that is remembered.
    pub records: BTreeMap<Name, Record>,
}

/// A store in a temporary directory.
#[derive(Debug)]
pub struct Scratch {
    /// The store.
    pub store: Store,
    /// Its directory, with room for other scratch files; it is removed when this is dropped.
    pub directory: tempfile::TempDir,
}

/// Changes of records that are made together: all of them or none.
#[derive(Debug, Default)]
pub struct Batch {
    changes: Changes,
}

impl Batch {
    /// Remembers the record of a workspace.
    pub fn put(&mut self, name: &Name, record: &Record) -> &mut Self {
        self.changes.push((record_key(name), Some(encode(record))));
        self
    }

    /// Forgets a record. Its events stay until others push them out, to answer what became of it.
    pub fn remove(&mut self, name: &Name) -> &mut Self {
        self.changes.push((record_key(name), None));
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Store {
    /// Opens the store of a state directory, or begins one.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Full`], [`StoreError::Busy`] and [`StoreError::Io`]. Damage is no error,
    /// see [`Outcome::Rebuilt`]. After `Full`, call again: nothing is held back by the failed attempt.
    pub fn open(lock: &Lock) -> Result<Opened, StoreError> {
        Self::open_on(Self::medium(lock))
    }

    /// What the store of a state directory is kept in; it holds the lock as long as it is used.
    pub fn medium(lock: &Lock) -> Arc<dyn Medium> {
        Arc::new(Folder::of(lock.clone()))
    }

    /// What the history of a state directory is kept in: a database of its own, because it is a hundred times as large as the
    /// records, which are copied to be looked at, and because its damage must cost no more than itself.
    pub fn history_medium(lock: &Lock) -> Arc<dyn Medium> {
        Arc::new(Folder::history_of(lock.clone()))
    }

    /// Opens the store that is kept in a medium, or begins one, as [`Self::open`] does.
    pub fn open_on(medium: Arc<dyn Medium>) -> Result<Opened, StoreError> {
        let (Live { database, events, records }, outcome) = open_or_begin(&*medium)?;
        Ok(Opened { store: Self::new(medium, database, events), outcome, records })
    }

    /// A store in a temporary directory, for trying something out.
    pub fn scratch() -> Result<Scratch, StoreError> {
        let temporary = std::env::temp_dir();
        let failed = |error| StoreError::io("make a directory in", temporary, error);
        let directory = tempfile::tempdir().map_err(failed)?;
        let lock = Lock::acquire(directory.path(), "scratch")?;
        let store = Self::open(&lock)?.store;
        Ok(Scratch { store, directory })
    }

    fn new(medium: Arc<dyn Medium>, database: Box<dyn Database>, events: EventIndex) -> Self {
        let state = State {
            connection: Some(Connection { database, events }),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            full_until: None,
        };
        Self { shared: Arc::new(Shared { medium, state: Mutex::new(state) }) }
    }

    /// What is remembered about the workspaces of a state directory, without its lock: for looking while a controller
    /// runs. A moment of the recent past: a change that was not flushed may be missing. `None`: there is no store.
    ///
    /// # Errors
    /// As for [`Store::open`]; damage is [`StoreError::Corrupt`].
    pub fn read_copy(state_dir: &Path) -> Result<Option<BTreeMap<Name, Record>>, StoreError> {
        copy::read_copy(&directory(state_dir))
    }

    /// Whether the state directory is still the one that was locked. When it was removed or replaced, another controller may
    /// run, and what is written here is lost.
    pub fn is_in_possession(&self) -> bool {
        self.shared.medium.is_in_possession()
    }

    /// All records.
    pub fn load_all(&self) -> Result<BTreeMap<Name, Record>, StoreError> {
        self.with(|connection| read_records(&*connection.database, &Format::ours()))
    }

    /// Changes records. What is remembered already is not written again, so that a controller at rest writes nothing.
    pub fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.state().write(&*self.shared.medium, |connection| {
            let mut news = Changes::new();
            for (key, value) in &batch.changes {
                if connection.database.get(key)? != *value {
                    news.push((key.clone(), value.clone()));
                }
            }
            Ok((news, ()))
        })
    }

    /// Forgets one workspace's record, see [`Batch::remove`].
    pub fn forget(&self, name: &Name) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.remove(name);
        self.apply(&batch)
    }

    /// Logs an event about a workspace, or without one about all; returns it as it stands in the log.
    ///
    /// One equal to a recent event of the workspace (see [`DEDUPLICATION_WINDOW`](super::DEDUPLICATION_WINDOW)) counts
    /// that one up and makes it the newest. The oldest events give way beyond
    /// [`MAX_EVENTS_PER_WORKSPACE`](super::MAX_EVENTS_PER_WORKSPACE), [`MAX_EVENTS`](super::MAX_EVENTS) and
    /// [`MAX_EVENT_AGE`](super::MAX_EVENT_AGE).
    pub fn append<'a>(
        &self,
        workspace: impl Into<Option<&'a Name>>,
        occurrence: Occurrence,
        now: Timestamp,
    ) -> Result<Event, StoreError> {
        let workspace = workspace.into();
        self.state().write(&*self.shared.medium, |connection| {
            connection.events.append(&*connection.database, workspace, occurrence, now)
        })
    }

    /// The events that pass a filter, oldest first: with [`EventFilter::after`] the first `limit` after it, else the newest `limit`.
    pub fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.with(|connection| connection.events.select(&*connection.database, filter, limit))
    }

    /// The oldest and the newest place in the event log; `None` while it is empty.
    pub fn event_bounds(&self) -> Result<Option<(u64, u64)>, StoreError> {
        self.with(|connection| Ok(connection.events.bounds()))
    }

    /// Remembers a batch as it stands now.
    pub fn put_batch(&self, batch: &model::batch::Batch) -> Result<(), StoreError> {
        let items = batch.items.iter().enumerate();
        let items = items.map(|(index, item)| (batch_item_key(&batch.id, index), Some(encode(item))));
        self.put(items.chain([head_of(batch)]).collect())
    }

    /// Remembers a batch as it stands now, apart from its items.
    pub fn put_batch_head(&self, batch: &model::batch::Batch) -> Result<(), StoreError> {
        self.put(vec![head_of(batch)])
    }

    /// Remembers one item of a batch, so that what changes is written and not all that there is.
    pub fn put_batch_item(&self, id: &str, index: usize, item: &model::batch::BatchItem) -> Result<(), StoreError> {
        self.put(vec![(batch_item_key(id, index), Some(encode(item)))])
    }

    /// Forgets a batch of so many items.
    pub fn forget_batch(&self, id: &str, items: usize) -> Result<(), StoreError> {
        let items = (0..items).map(|index| (batch_item_key(id, index), None));
        self.put(items.chain([(batch_key(id), None)]).collect())
    }

    /// All batches that are remembered, oldest first.
    pub fn batches(&self) -> Result<Vec<model::batch::Batch>, StoreError> {
        self.with(|connection| read_batches(&*connection.database))
    }

    fn put(&self, changes: Changes) -> Result<(), StoreError> {
        self.change(|_| Ok(changes))
    }

    /// Makes all that was written before durable. Called before an intent that destroys something is acted on.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.state().flush(&*self.shared.medium)
    }

    /// A panic in the middle of a change leaves a handle nobody can vouch for: it is opened again like a failed one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(|poisoned| {
            self.shared.state.clear_poison();
            let mut state = poisoned.into_inner();
            state.connection = None;
            state
        })
    }

    /// Changes the database by what is made from it, as records and events are changed.
    pub(super) fn change(
        &self,
        changes: impl FnOnce(&dyn Database) -> Result<Changes, StoreError>,
    ) -> Result<(), StoreError> {
        self.state().write(&*self.shared.medium, |connection| Ok((changes(&*connection.database)?, ())))
    }

    /// Reads from the database.
    pub(super) fn look<T>(&self, read: impl FnOnce(&dyn Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|connection| read(&*connection.database))
    }

    fn with<T>(&self, read: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.state().with(&*self.shared.medium, read)
    }
}

impl State {
    /// Uses the connection, opening it first where an earlier error closed it, and closes it on an error.
    fn with<T>(
        &mut self,
        medium: &dyn Medium,
        operation: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.full_until.is_some_and(|until| Instant::now() < until) {
            return Err(StoreError::Full { path: medium.path().into() });
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen(medium).inspect_err(|error| self.note(error))?,
        };
        let outcome = operation(&mut connection);
        match &outcome {
            Ok(_) => {
                self.full_until = None;
                self.connection = Some(connection);
            }
            Err(error) => self.note(error),
        }
        outcome
    }

    fn note(&mut self, error: &StoreError) {
        self.full_until = matches!(error, StoreError::Full { .. }).then(|| Instant::now() + FULL_PAUSE);
    }

    /// Opens the database again, and writes again what was not known to be durable.
    fn reopen(&self, medium: &dyn Medium) -> Result<Connection, StoreError> {
        let Live { database, .. } = open_checked(medium)?;
        database.write(&self.pending.clone().into_iter().collect())?;
        // Read after the writing: the failed batch itself may have reached the disk, too.
        let events = EventIndex::read(&*database)?;
        Ok(Connection { database, events })
    }

    fn write<T>(
        &mut self,
        medium: &dyn Medium,
        changes: impl FnOnce(&Connection) -> Result<(Changes, T), StoreError>,
    ) -> Result<T, StoreError> {
        let (written, outcome) = self.with(medium, |connection| {
            let (changes, outcome) = changes(connection)?;
            if changes.is_empty() {
                return Ok((changes, outcome));
            }
            connection.database.write(&changes)?;
            connection.events.apply(&changes);
            Ok((changes, outcome))
        })?;
        for (key, value) in written {
            self.pending_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            self.pending.insert(key, value);
        }
        if self.pending_bytes > MAX_PENDING_BYTES {
            // Not this write's failure: it is kept, and the next call meets the error.
            let _ = self.flush(medium);
        }
        Ok(outcome)
    }

    fn flush(&mut self, medium: &dyn Medium) -> Result<(), StoreError> {
        if self.pending.is_empty() && self.connection.is_some() {
            return Ok(());
        }
        self.with(medium, |connection| connection.database.flush())?;
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("path", &self.shared.medium.path()).finish_non_exhaustive()
    }
}
