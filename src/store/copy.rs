//! Reading a store that another process has open, from a copy of its files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::database::SledDatabase;
use super::folder::Folder;
use super::format::Format;
use super::open::open_checked;
use super::{Record, StoreError};
use crate::model::Name;

/// How often a copy that was torn by writing is made again.
const ATTEMPTS: u32 = 10;

/// Writing comes in bursts at every pass; between two attempts one has time to end.
const PAUSE: Duration = Duration::from_millis(20);

/// The records of a database that another process may be writing; `None` when there is none.
pub(super) fn read_copy(directory: &Path) -> Result<Option<BTreeMap<Name, Record>>, StoreError> {
    if !SledDatabase::exists(directory) {
        return Ok(None);
    }
    // Before copying: what a newer Wharf wrote may not even look like a database to this one.
    if let Some(format) = Format::read(directory)? {
        format.check(directory)?;
    }
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        match read_one_copy(directory, attempts_left == 0) {
            // It went away while it was copied: it was set aside, or removed.
            Ok(None) | Err(_) if !SledDatabase::exists(directory) => return Ok(None),
            Ok(None) | Err(StoreError::Corrupt { .. }) if attempts_left > 0 => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

/// `None`: the files changed meanwhile. When `changing_is_fine`, such a copy is read all the same: it may lack the
/// last changes, but every page of it is checked and nothing acknowledged before the copy began is missing.
fn read_one_copy(directory: &Path, changing_is_fine: bool) -> Result<Option<BTreeMap<Name, Record>>, StoreError> {
    let unreadable = |error| StoreError::io("read", directory, error);
    let before = files(directory).map_err(unreadable)?;
    let copy = tempfile::Builder::new().prefix("wharf-store-").tempdir();
    let copy = copy.map_err(|error| StoreError::io("make a directory in", std::env::temp_dir(), error))?;
    // `acknowledged` sorts first and is copied first, so it never tells of more than the copied log holds.
    for path in before.keys() {
        copy_file(directory, path, copy.path())?;
    }
    if !changing_is_fine && files(directory).map_err(unreadable)? != before {
        return Ok(None);
    }
    let records = open_checked(&Folder::copy(copy.path())).map_err(|error| renamed(error, directory))?.records;
    Ok(Some(records))
}

/// The files below a database's directory, relative to it, with what changes when they are written.
fn files(directory: &Path) -> io::Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut found = BTreeMap::new();
    for folder in [PathBuf::new(), PathBuf::from("blobs")] {
        for entry in fs::read_dir(directory.join(&folder))? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if metadata.is_file() {
                found.insert(folder.join(entry.file_name()), (metadata.len(), metadata.modified()?));
            }
        }
    }
    Ok(found)
}

/// A file that vanished meanwhile is left out: a temporary one, or part of what changed.
fn copy_file(from: &Path, path: &Path, to: &Path) -> Result<(), StoreError> {
    let target = to.join(path);
    let copied = fs::create_dir_all(target.parent().unwrap_or(to)).and_then(|()| fs::copy(from.join(path), &target));
    match copied {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("copy the database to", target, error))
        }
        _ => Ok(()),
    }
}

/// Errors about the copy are about the database that was copied.
fn renamed(error: StoreError, directory: &Path) -> StoreError {
    match error {
        StoreError::Corrupt { why, .. } => StoreError::Corrupt { path: directory.into(), why },
        StoreError::Newer { wharf, schema, .. } => StoreError::Newer { path: directory.into(), wharf, schema },
        error => error,
    }
}
