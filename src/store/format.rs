//! The two small files beside the database: what wrote it, and how far it was acknowledged.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::disk::{Host, replace};

/// The schema this version reads and writes. Raised when what is stored changes so that older versions would
/// misread it; [`Format::check`] is then the place that migrates from the one before.
pub(super) const SCHEMA: u32 = 1;

/// Which Wharf wrote a database. A file of its own, so that a newer database is refused without opening it: opening
/// writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    schema: u32,
    wharf: String,
}

impl Format {
    /// What this program writes.
    pub fn ours() -> Self {
        Self { schema: SCHEMA, wharf: env!("CARGO_PKG_VERSION").to_owned() }
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join("format.json")
    }

    /// The format of an existing database; `None` when the file is missing.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(directory);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("read", path, error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| StoreError::Corrupt {
            path: directory.into(),
            why: format!("format.json cannot be read: {error}"),
        })
    }

    /// Whether this version may open the database.
    pub(super) fn check(&self, directory: &Path) -> Result<(), StoreError> {
        match self.schema {
            SCHEMA => Ok(()),
            newer if newer > SCHEMA => Err(self.newer(directory)),
            // Schema 1 is the first; there is nothing to migrate from.
            unknown => {
                Err(StoreError::Corrupt { path: directory.into(), why: format!("format.json says schema {unknown}") })
            }
        }
    }

    /// The refusal of a database that a newer Wharf wrote.
    pub(super) fn newer(&self, directory: &Path) -> StoreError {
        StoreError::Newer { path: directory.into(), wharf: self.wharf.clone(), schema: self.schema }
    }

    /// Whether a newer Wharf than this one wrote the database: what cannot be decoded is then news, not damage.
    pub(super) fn is_from_newer_wharf(&self) -> bool {
        let numbers = |version: &str| {
            let release = version.split(['-', '+']).next().unwrap_or_default();
            release.split('.').map(str::parse).collect::<Result<Vec<u64>, _>>()
        };
        match (numbers(&self.wharf), numbers(env!("CARGO_PKG_VERSION"))) {
            (Ok(theirs), Ok(ours)) => theirs > ours,
            _ => false,
        }
    }

    /// Writes the file whole and durably, or not at all.
    pub(super) fn write(&self, directory: &Path) -> Result<(), StoreError> {
        let path = Self::path(directory);
        let write = || {
            let text = [serde_json::to_vec(self)?, b"\n".to_vec()].concat();
            replace(&Host, &path, &text, 0o600)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|error| StoreError::io("write", &path, error))
    }
}

/// The number of the last acknowledged flush, kept outside of the database.
///
/// After damage in the middle of its log, sled takes everything behind it for an unfinished write and drops it
/// without a word. The number in the database is then lower than the one here.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    path: PathBuf,
    number: u64,
}

impl Acknowledged {
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("acknowledged");
        let failed = |error| StoreError::io("open", &path, error);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = options.map_err(failed)?;
        let text = io::read_to_string(&file).map_err(failed)?;
        // Empty: the disk was full when it was made, so nothing was acknowledged.
        let number = if text.is_empty() { Ok(0) } else { text.trim_end().parse() };
        let number = number.map_err(|_| StoreError::Corrupt {
            path: directory.into(),
            why: "the file `acknowledged` does not hold a number".to_owned(),
        })?;
        Ok(Self { file, path, number })
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Makes a number durable. In place and of fixed width: within one sector, so it is the old or the new one, and
    /// it needs no space on a full disk.
    pub(super) fn advance(&mut self, number: u64) -> Result<(), StoreError> {
        let text = format!("{number:020}\n");
        let written = self.file.write_all_at(text.as_bytes(), 0).and_then(|()| self.file.sync_data());
        written.map_err(|error| StoreError::io("write", &self.path, error))?;
        self.number = number;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let format = |wharf: &str| Format { schema: SCHEMA, wharf: wharf.to_owned() };
        assert!(!Format::ours().is_from_newer_wharf());
        assert!(format("999.0.0").is_from_newer_wharf());
        assert!(format("999.0.0-rc.1+build").is_from_newer_wharf());
        assert!(!format("0.0.9").is_from_newer_wharf());
        assert!(!format("unreleased").is_from_newer_wharf());
    }
}
