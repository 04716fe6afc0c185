//! A database whose changes a witness sees.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Boundary, Fate, Side, Witness, ended};
use crate::store::{Changes, Database, Format, Medium, Pair, StoreError};

/// A medium whose changes a witness sees. Once the witness says that the process has ended, changes fail.
#[derive(Clone, Debug)]
pub struct WitnessedMedium {
    inner: Arc<dyn Medium>,
    witness: Arc<dyn Witness>,
}

impl WitnessedMedium {
    /// Decorates a medium.
    pub fn new(inner: Arc<dyn Medium>, witness: Arc<dyn Witness>) -> Self {
        Self { inner, witness }
    }

    fn change<T>(
        &self,
        operation: &'static str,
        change: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        change_in(&*self.witness, self.inner.path(), operation, change)
    }
}

fn change_in<T>(
    witness: &dyn Witness,
    path: &Path,
    operation: &'static str,
    change: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let cross = |side| match witness.crosses(&Boundary { operation, object: "", side }) {
        Fate::GoesOn => Ok(()),
        Fate::Ended => Err(StoreError::Io { operation: "use", path: path.into(), source: ended() }),
    };
    cross(Side::Before)?;
    let done = change();
    cross(Side::behind(&done))?;
    done
}

impl Medium for WitnessedMedium {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn exists(&self) -> bool {
        self.inner.exists()
    }

    fn prepare(&self) -> Result<(), StoreError> {
        self.change("store.prepare", || self.inner.prepare())
    }

    fn format(&self) -> Result<Option<Format>, StoreError> {
        self.inner.format()
    }

    fn set_format(&self, format: &Format) -> Result<(), StoreError> {
        self.change("store.set-format", || self.inner.set_format(format))
    }

    fn open(&self) -> Result<Box<dyn Database>, StoreError> {
        let inner = self.change("store.open", || self.inner.open())?;
        Ok(Box::new(WitnessedDatabase { inner, witness: Arc::clone(&self.witness) }))
    }

    fn set_aside(&self) -> Result<PathBuf, StoreError> {
        self.change("store.set-aside", || self.inner.set_aside())
    }

    fn is_in_possession(&self) -> bool {
        self.inner.is_in_possession()
    }
}

struct WitnessedDatabase {
    inner: Box<dyn Database>,
    witness: Arc<dyn Witness>,
}

impl Database for WitnessedDatabase {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn write(&self, changes: &Changes) -> Result<(), StoreError> {
        change_in(&*self.witness, self.inner.path(), "store.write", || self.inner.write(changes))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let path = self.inner.path().to_owned();
        change_in(&*self.witness, &path, "store.flush", || self.inner.flush())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }

    fn scan(&self, prefix: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_> {
        self.inner.scan(prefix)
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_> {
        self.inner.range(from, to)
    }
}
