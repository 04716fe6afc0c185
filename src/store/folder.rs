//! A database in a folder of its own.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::database::SledDatabase;
use super::format::Format;
use super::medium::{Database, Medium};
use super::{Lock, StoreError};

/// How many databases that were set aside are kept; a failing disk must not be filled by them.
const KEPT_QUARANTINES: usize = 3;

/// The folder of a database, in a state directory that is held, or as a private copy.
#[derive(Debug)]
pub(super) struct Folder {
    directory: PathBuf,
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
        Self { directory: directory(lock.state_dir()), lock: Some(lock) }
    }

    /// Of a copy that nobody else knows of.
    pub(super) fn copy(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), lock: None }
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
        Ok(Box::new(SledDatabase::open(&self.directory)?))
    }

    fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        let parent = self.directory.parent().unwrap_or(&self.directory);
        let aside = parent.join(format!("db.corrupt-{stamp}"));
        std::fs::rename(&self.directory, &aside)
            .map_err(|error| StoreError::io("set aside", self.directory.clone(), error))?;
        forget_old_quarantines(parent);
        Ok(aside)
    }

    fn is_in_possession(&self) -> bool {
        self.lock.as_ref().is_none_or(Lock::is_in_place)
    }
}

/// Failing to tidy up is no reason not to start.
fn forget_old_quarantines(state_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(state_dir) else { return };
    let is_quarantine = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("db.corrupt-"))
    };
    let mut quarantines: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_quarantine).collect();
    // Their names sort by time.
    quarantines.sort_unstable();
    let surplus = quarantines.len().saturating_sub(KEPT_QUARANTINES);
    for old in &quarantines[..surplus] {
        let _ = std::fs::remove_dir_all(old);
    }
}
