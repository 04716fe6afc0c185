//! What a store is kept in, as narrow as it can be: a database of keys and values, and the way to it.
//!
//! Two implementations: [`Folder`](super::folder::Folder) is sled in a state directory, [`simulated`](super::simulated) is in
//! memory. What the store adds to them (records, events, coming back after a full disk) is the same for both.

use std::fmt;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::format::Format;

/// Puts and, without a value, removals.
pub type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A key and its value, or why it cannot be read.
pub type Pair = Result<(Vec<u8>, Vec<u8>), StoreError>;

/// The place of a database.
pub trait Medium: fmt::Debug + Send + Sync + 'static {
    /// Where it is, for messages.
    fn path(&self) -> &Path;

    /// Whether there is a database rather than the beginnings of one.
    fn exists(&self) -> bool;

    /// Makes place for a new database, and says in it who writes it.
    fn prepare(&self) -> Result<(), StoreError>;

    /// Which Wharf wrote the database; `None` when it does not say.
    fn format(&self) -> Result<Option<Format>, StoreError>;

    /// Says which Wharf writes the database from now on.
    fn set_format(&self, format: &Format) -> Result<(), StoreError>;

    /// Opens the database that is there. There is at most one handle at a time.
    fn open(&self) -> Result<Box<dyn Database>, StoreError>;

    /// Puts a damaged database aside, for people to look at; returns where it is.
    fn set_aside(&self) -> Result<PathBuf, StoreError>;

    /// Whether the place is still the one that was taken possession of.
    fn is_in_possession(&self) -> bool;
}

/// An open database. After an error the handle is dropped and another one opened.
pub trait Database: Send {
    /// Where it is, for messages.
    fn path(&self) -> &Path;

    /// Makes several changes, all or none. They survive the process once they are flushed, and in any case in the order of
    /// writing: none without those before it.
    fn write(&self, changes: &Changes) -> Result<(), StoreError>;

    /// Makes everything written before durable; after it returns, losing any of it is noticed.
    fn flush(&mut self) -> Result<(), StoreError>;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries whose keys begin with a prefix, in the order of their keys.
    fn scan(&self, prefix: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_>;

    /// The entries from one key up to another, which is not among them, in the order of their keys; none when the first is not
    /// less than the second.
    fn range(&self, from: &[u8], to: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_>;
}

/// What is there is not what was written.
pub(super) fn corrupt(path: &Path, why: String) -> StoreError {
    StoreError::Corrupt { path: path.into(), why }
}
