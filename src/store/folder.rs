//! A database in a folder of its own.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::database::SledDatabase;
use super::format::Format;
use super::medium::{Database, Medium};
use super::{Lock, StoreError};

/// How many databases that were set aside are kept; a failing disk must not be filled by them.
const KEPT_QUARANTINES: usize = 3;

/// Far more than the records of a thousand workspaces; sled's default is 1 GiB.
const CACHE_BYTES: u64 = 16 << 20;

/// History is written and hardly ever read: what is read of it comes from the disk, or from the kernel's cache.
const HISTORY_CACHE_BYTES: u64 = 1 << 20;

/// The folder of a database, in a state directory that is held, or as a private copy.
#[derive(Debug)]
pub(super) struct Folder {
    directory: PathBuf,
    cache_bytes: u64,
    /// Released when the last handle is gone.
    lock: Option<Lock>,
}

/// The database's folder in a state directory.
pub(super) fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("db")
}

impl Folder {
    /// Of a state directory.
    pub(super) fn of(lock: Lock) -> Self {
        Self { directory: directory(lock.state_dir()), cache_bytes: CACHE_BYTES, lock: Some(lock) }
    }

    /// Of a state directory's history.
    pub(super) fn history_of(lock: Lock) -> Self {
        let directory = lock.state_dir().join("history");
        Self { directory, cache_bytes: HISTORY_CACHE_BYTES, lock: Some(lock) }
    }

    /// Of a copy that nobody else knows of.
    pub(super) fn copy(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), cache_bytes: CACHE_BYTES, lock: None }
    }

    /// How the names of databases begin that were set aside.
    fn quarantine(&self) -> String {
        let name = self.directory.file_name().unwrap_or_default().to_string_lossy();
        format!("{name}.corrupt-")
    }
}

impl Medium for Folder {
    fn path(&self) -> &Path {
        &self.directory
    }

    fn exists(&self) -> bool {
        SledDatabase::exists(&self.directory)
    }

    fn prepare(&self) -> Result<(), StoreError> {
        SledDatabase::prepare(&self.directory)
    }

    fn format(&self) -> Result<Option<Format>, StoreError> {
        Format::read(&self.directory)
    }

    fn set_format(&self, format: &Format) -> Result<(), StoreError> {
        format.write(&self.directory)
    }

    fn open(&self) -> Result<Box<dyn Database>, StoreError> {
        Ok(Box::new(SledDatabase::open(&self.directory, self.cache_bytes)?))
    }

    fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        let parent = self.directory.parent().unwrap_or(&self.directory);
        let prefix = self.quarantine();
        let aside = parent.join(format!("{prefix}{stamp}"));
        std::fs::rename(&self.directory, &aside)
            .map_err(|error| StoreError::io("set aside", self.directory.clone(), error))?;
        forget_old_quarantines(parent, &prefix);
        Ok(aside)
    }

    fn is_in_possession(&self) -> bool {
        self.lock.as_ref().is_none_or(Lock::is_in_place)
    }
}

/// Failing to tidy up is no reason not to start.
fn forget_old_quarantines(state_dir: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(state_dir) else { return };
    let is_quarantine =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix));
    let mut quarantines: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_quarantine).collect();
    // Their names sort by time.
    quarantines.sort_unstable();
    let surplus = quarantines.len().saturating_sub(KEPT_QUARANTINES);
    for old in &quarantines[..surplus] {
        let _ = std::fs::remove_dir_all(old);
    }
}
