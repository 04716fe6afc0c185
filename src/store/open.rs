//! Opening a database: fresh, existing, or set aside and begun anew.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::database::Database;
use super::encoding::{RECORDS, Undecodable, decode_record};
use super::events::EventIndex;
use super::format::Format;
use super::{Lock, Record, StoreError};
use crate::model::Name;

/// How many databases that were set aside are kept; a failing disk must not be filled by them.
const KEPT_QUARANTINES: usize = 3;

/// What was found when a store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none; one was begun.
    Fresh,
    /// It was there.
    Existing,
    /// It was damaged; it was set aside and another was begun. Nothing is remembered.
    Rebuilt {
        /// Where the damaged one is now.
        quarantined: PathBuf,
        /// What was found.
        why: String,
    },
}

/// An open database whose every record was read.
pub(super) struct Live {
    pub(super) database: Database,
    pub(super) events: EventIndex,
    pub(super) records: BTreeMap<Name, Record>,
}

/// The database's directory.
pub(super) fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("db")
}

/// Opens the database of a state directory, or begins one. Damage is no error, see [`Outcome::Rebuilt`].
pub(super) fn open_or_begin(lock: &Lock) -> Result<(Live, Outcome), StoreError> {
    let directory = directory(lock.state_dir());
    if !Database::exists(&directory) {
        return Ok((begin(&directory)?, Outcome::Fresh));
    }
    match open_checked(&directory) {
        Ok(live) => Ok((live, Outcome::Existing)),
        Err(StoreError::Corrupt { why, .. }) => {
            let quarantined = quarantine(lock.state_dir(), &directory)?;
            Ok((begin(&directory)?, Outcome::Rebuilt { quarantined, why }))
        }
        Err(error) => Err(error),
    }
}

fn begin(directory: &Path) -> Result<Live, StoreError> {
    Database::prepare(directory)?;
    open_checked(directory)
}

/// Opens an existing database and reads all of it once, so that damage shows now and not in the middle of a pass.
///
/// sled panics on some damage instead of reporting it. Nothing of ours outlives such a panic except the handle, which
/// is dropped, so unwinding is safe to catch.
pub(super) fn open_checked(directory: &Path) -> Result<Live, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt { path: directory.into(), why };
    let Some(format) = Format::read(directory)? else {
        return Err(corrupt("format.json is missing".to_owned()));
    };
    format.check(directory)?;
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = Database::open(directory)?;
        let records = read_records(&database, &format)?;
        let events = EventIndex::read(&database)?;
        Ok(Live { database, events, records })
    }));
    let live = opened.unwrap_or_else(|_| Err(corrupt("the database library gave up on it".to_owned())))?;
    if format != Format::ours() {
        Format::ours().write(directory)?;
    }
    Ok(live)
}

/// All records of a database.
pub(super) fn read_records(database: &Database, format: &Format) -> Result<BTreeMap<Name, Record>, StoreError> {
    let records = database.scan(RECORDS).map(|entry| {
        let (key, bytes) = entry?;
        decode_record(&key, &bytes).map_err(|error| match error {
            Undecodable::Damaged(why) if !format.is_from_newer_wharf() => database.corrupt(why),
            Undecodable::Newer | Undecodable::Damaged(_) => format.newer(database.directory()),
        })
    });
    records.collect()
}

/// Sets a damaged database aside, for people to look at.
fn quarantine(state_dir: &Path, directory: &Path) -> Result<PathBuf, StoreError> {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
    let aside = state_dir.join(format!("db.corrupt-{stamp}"));
    std::fs::rename(directory, &aside).map_err(|error| StoreError::io("set aside", directory, error))?;
    forget_old_quarantines(state_dir);
    Ok(aside)
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
