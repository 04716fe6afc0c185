//! A database in memory: what a killed process, a full disk and a damaged one leave behind is what a test says.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::encoding::{decode_record, record_key};
use super::format::Format;
use super::medium::{Changes, Database, Medium, Pair, corrupt};
use super::{Record, StoreError};
use crate::model::Name;

/// After this time a write is durable though nobody asked for it, as with sled.
const FLUSHED_AFTER: Duration = Duration::from_millis(500);

/// A handle on a simulated medium; clones are handles on the same one.
#[derive(Clone)]
pub struct Simulated {
    shared: Arc<Mutex<Vault>>,
    path: PathBuf,
}

#[derive(Default)]
struct Vault {
    format: Option<Format>,
    durable: Map,
    /// What was written since, oldest first.
    unflushed: VecDeque<(Instant, Changes)>,
    /// What an open handle sees.
    visible: Map,
    is_full: bool,
    damage: Option<String>,
    set_aside: u32,
    /// The handle that may be used; those before it met an error or were dropped.
    opened: u64,
    writes: u64,
    flushes: u64,
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

impl Simulated {
    /// A place without a database, called by this path in messages.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { shared: Arc::default(), path: path.into() }
    }

    /// Ends the process that has the database open: of what it wrote and did not flush, so many of the oldest writes survive, and
    /// those that had time to become durable by themselves.
    pub fn crash(&self, survive: usize) {
        let mut vault = self.vault();
        vault.settle();
        for _ in 0..survive {
            vault.make_oldest_durable();
        }
        vault.lose_the_rest();
    }

    /// Lets each write fail for want of space, or not any more.
    pub fn set_full(&self, is_full: bool) {
        self.vault().is_full = is_full;
    }

    /// Damages what is stored: the next opening finds out, and only setting it aside helps.
    pub fn damage(&self, why: &str) {
        self.vault().damage = Some(why.to_owned());
    }

    /// What is remembered about a workspace, as the process that has the database open sees it.
    pub fn record(&self, name: &Name) -> Option<Record> {
        decoded(&self.vault().visible, name)
    }

    /// What would be found of it if the process ended now and lost all that it did not flush.
    pub fn durable_record(&self, name: &Name) -> Option<Record> {
        let mut vault = self.vault();
        vault.settle();
        decoded(&vault.durable, name)
    }

    /// Whether these bytes are in any value that is stored.
    pub fn contains(&self, bytes: &[u8]) -> bool {
        let vault = self.vault();
        vault.visible.values().any(|value| value.windows(bytes.len()).any(|window| window == bytes))
    }

    /// How many batches were written, and how many times they were flushed.
    pub fn counts(&self) -> (u64, u64) {
        let vault = self.vault();
        (vault.writes, vault.flushes)
    }

    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault {
    /// Makes durable what is old enough.
    fn settle(&mut self) {
        let now = Instant::now();
        while self.unflushed.front().is_some_and(|(at, _)| now.duration_since(*at) >= FLUSHED_AFTER) {
            self.make_oldest_durable();
        }
    }

    fn make_oldest_durable(&mut self) {
        if let Some((_, changes)) = self.unflushed.pop_front() {
            apply(&mut self.durable, &changes);
        }
    }

    fn lose_the_rest(&mut self) {
        self.unflushed.clear();
        self.visible = self.durable.clone();
        self.opened += 1;
    }

    /// A handle that met an error is of no more use, and half of what it had not flushed is lost.
    fn fail(&mut self) {
        self.settle();
        for _ in 0..self.unflushed.len() / 2 {
            self.make_oldest_durable();
        }
        self.lose_the_rest();
    }
}

fn decoded(map: &Map, name: &Name) -> Option<Record> {
    let key = record_key(name);
    decode_record(&key, map.get(&key)?).ok().map(|(_, record)| record)
}

fn apply(map: &mut Map, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(map.insert(key.clone(), value.clone())),
            None => drop(map.remove(key)),
        }
    }
}

impl Medium for Simulated {
    fn path(&self) -> &Path {
        &self.path
    }

    fn exists(&self) -> bool {
        self.vault().format.is_some()
    }

    fn prepare(&self) -> Result<(), StoreError> {
        self.set_format(&Format::ours())
    }

    fn format(&self) -> Result<Option<Format>, StoreError> {
        Ok(self.vault().format.clone())
    }

    fn set_format(&self, format: &Format) -> Result<(), StoreError> {
        let mut vault = self.vault();
        if vault.is_full {
            return Err(StoreError::Full { path: self.path.clone() });
        }
        vault.format = Some(format.clone());
        Ok(())
    }

    fn open(&self) -> Result<Box<dyn Database>, StoreError> {
        let mut vault = self.vault();
        if let Some(why) = &vault.damage {
            return Err(corrupt(&self.path, why.clone()));
        }
        if vault.is_full {
            return Err(StoreError::Full { path: self.path.clone() });
        }
        vault.opened += 1;
        Ok(Box::new(Open { medium: self.clone(), number: vault.opened }))
    }

    fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let mut vault = self.vault();
        (vault.format, vault.damage) = (None, None);
        vault.durable.clear();
        vault.lose_the_rest();
        vault.set_aside += 1;
        Ok(self.path.with_extension(format!("corrupt-{}", vault.set_aside)))
    }

    fn is_in_possession(&self) -> bool {
        true
    }
}

/// An open database.
struct Open {
    medium: Simulated,
    number: u64,
}

impl Open {
    /// The vault, as long as this handle may be used.
    fn vault(&self) -> Result<MutexGuard<'_, Vault>, StoreError> {
        let vault = self.medium.vault();
        if vault.opened == self.number { Ok(vault) } else { Err(StoreError::Busy { path: self.medium.path.clone() }) }
    }

    /// What there is from a key on, as long as it is wanted.
    fn entries(
        &self,
        from: (Bound<&[u8]>, Bound<&[u8]>),
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Box<dyn DoubleEndedIterator<Item = Pair>> {
        let found: Result<Vec<_>, StoreError> = self.vault().map(|vault| {
            let entries = vault.visible.range::<[u8], _>(from).take_while(|(key, _)| is_wanted(key));
            entries.map(|(key, value)| (key.clone(), value.clone())).collect()
        });
        match found {
            Ok(entries) => Box::new(entries.into_iter().map(Ok)),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    /// The vault, for a write; without space, this handle is of no more use.
    fn vault_with_space(&self) -> Result<MutexGuard<'_, Vault>, StoreError> {
        let mut vault = self.vault()?;
        if vault.is_full {
            vault.fail();
            return Err(StoreError::Full { path: self.medium.path.clone() });
        }
        Ok(vault)
    }
}

impl Database for Open {
    fn path(&self) -> &Path {
        &self.medium.path
    }

    fn write(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut vault = self.vault_with_space()?;
        vault.settle();
        vault.writes += 1;
        apply(&mut vault.visible, changes);
        vault.unflushed.push_back((Instant::now(), changes.clone()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let mut vault = self.vault_with_space()?;
        vault.flushes += 1;
        while !vault.unflushed.is_empty() {
            vault.make_oldest_durable();
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.vault()?.visible.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_> {
        self.entries((Bound::Included(prefix), Bound::Unbounded), |key| key.starts_with(prefix))
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_> {
        self.entries((Bound::Included(from), Bound::Unbounded), |key| key < to)
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulated").field("path", &self.path).finish_non_exhaustive()
    }
}
