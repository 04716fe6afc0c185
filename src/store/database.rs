//! sled, and what it needs to be dependable. The only file that names it.
//!
//! - Empty and `*.generating` snapshots, left by a full disk or a kill, poison every later opening: removed first.
//! - A handle that met an I/O error stays failed: the caller drops it and opens again, see `handle.rs`.
//! - The file lock of a dropped handle lingers until its threads have ended (15 ms seen): opening waits for it.
//! - Damage in the log's middle is taken for its end: [`Acknowledged`] tells that writes are missing.
//! - Its flusher thread is also its only garbage collector, so it has to run.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;
use super::encoding::FLUSH;
use super::error::is_full;
use super::format::{Acknowledged, Format};
use super::medium::{Changes, Database, Pair, corrupt};

/// What may be lost of unacknowledged writes when the process is killed.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// How long the lock of an earlier handle is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// An open sled database.
pub(super) struct SledDatabase {
    directory: PathBuf,
    db: sled::Db,
    acknowledged: Acknowledged,
}

impl SledDatabase {
    /// Whether there is a database in a directory, rather than the beginnings of one.
    pub(super) fn exists(directory: &Path) -> bool {
        ["format.json", "conf", "db"].iter().any(|file| directory.join(file).exists())
    }

    /// Makes the directory of a new database (mode 0700) and says in it who writes it.
    pub(super) fn prepare(directory: &Path) -> Result<(), StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| StoreError::io("create", directory, error))?;
        Format::ours().write(directory)?;
        let parent = directory.parent().unwrap_or(directory);
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(|error| StoreError::io("sync", parent, error))
    }

    /// Opens the database of a prepared directory. The caller holds the state directory's lock (or the directory is
    /// a private copy).
    pub(super) fn open(directory: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        remove_poison(directory)?;
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(cache_bytes)
            .use_compression(false)
            .flush_every_ms(u64::try_from(FLUSH_EVERY.as_millis()).ok());
        let db = open_patiently(&config).map_err(|error| convert(directory, "open", error))?;
        let database = Self { directory: directory.into(), db, acknowledged: Acknowledged::open(directory)? };
        database.check_acknowledged()?;
        Ok(database)
    }

    fn pair(&self, entry: sled::Result<(sled::IVec, sled::IVec)>) -> Pair {
        match entry {
            Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
            Err(error) => Err(convert(&self.directory, "read", error)),
        }
    }

    fn check_acknowledged(&self) -> Result<(), StoreError> {
        let bytes = self.get(FLUSH)?.unwrap_or_default();
        let found = bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let expected = self.acknowledged.number();
        if found >= expected {
            return Ok(());
        }
        let why = format!("it ends at flush {found}, though flush {expected} was acknowledged");
        Err(corrupt(&self.directory, why))
    }
}

impl Database for SledDatabase {
    fn path(&self) -> &Path {
        &self.directory
    }

    fn write(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        self.db.apply_batch(batch).map_err(|error| convert(&self.directory, "write", error))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let next = self.acknowledged.number() + 1;
        let flushed = self.db.insert(FLUSH, &next.to_be_bytes()).and_then(|_| self.db.flush());
        flushed.map_err(|error| convert(&self.directory, "flush", error))?;
        self.acknowledged.advance(next)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get(key).map_err(|error| convert(&self.directory, "read", error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_> {
        Box::new(self.db.scan_prefix(prefix).map(|entry| self.pair(entry)))
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Box<dyn DoubleEndedIterator<Item = Pair> + '_> {
        Box::new(self.db.range(from..to).map(|entry| self.pair(entry)))
    }
}

/// Removes what an interrupted snapshot left. Only ever called by the directory's owner: a snapshot that is being
/// written looks the same.
fn remove_poison(directory: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("read", directory, error);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let empty = || entry.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if name.starts_with("snap.") && (name.ends_with(".generating") || empty()) {
            std::fs::remove_file(entry.path()).map_err(|error| StoreError::io("remove", entry.path(), error))?;
        }
    }
    Ok(())
}

fn open_patiently(config: &sled::Config) -> sled::Result<sled::Db> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match config.open() {
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

/// sled wraps the lock's error into a text of its own kind; nothing else it reports on opening has that kind.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.kind() == io::ErrorKind::Other)
}

/// A machine's failure (`EIO`, `EACCES`, no descriptors) is not damage: only what cannot be read as a database is.
fn convert(directory: &Path, operation: &'static str, error: sled::Error) -> StoreError {
    let path = directory.to_path_buf();
    match error {
        sled::Error::Io(error) if is_full(&error) => StoreError::Full { path },
        locked if operation == "open" && is_locked(&locked) => StoreError::Busy { path },
        sled::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                StoreError::Corrupt { path, why: error.to_string() }
            }
            _ => StoreError::Io { operation, path, source: error },
        },
        damage => StoreError::Corrupt { path, why: damage.to_string() },
    }
}
