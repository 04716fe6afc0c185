//! Opening a database: fresh, existing, or set aside and begun anew.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use super::encoding::{RECORDS, Undecodable, decode_record};
use super::events::EventIndex;
use super::format::Format;
use super::medium::{Database, Medium, corrupt};
use super::{Record, StoreError};
use crate::model::Name;

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
    pub(super) database: Box<dyn Database>,
    pub(super) events: EventIndex,
    pub(super) records: BTreeMap<Name, Record>,
}

/// Opens a database, or begins one. Damage is no error, see [`Outcome::Rebuilt`].
pub(super) fn open_or_begin(medium: &dyn Medium) -> Result<(Live, Outcome), StoreError> {
    if !medium.exists() {
        return Ok((begin(medium)?, Outcome::Fresh));
    }
    match open_checked(medium) {
        Ok(live) => Ok((live, Outcome::Existing)),
        Err(StoreError::Corrupt { why, .. }) => {
            let quarantined = medium.set_aside()?;
            Ok((begin(medium)?, Outcome::Rebuilt { quarantined, why }))
        }
        Err(error) => Err(error),
    }
}

fn begin(medium: &dyn Medium) -> Result<Live, StoreError> {
    medium.prepare()?;
    open_checked(medium)
}

/// Opens an existing database and reads all of it once, so that damage shows now and not in the middle of a pass.
///
/// sled panics on some damage instead of reporting it. Nothing of ours outlives such a panic except the handle, which
/// is dropped, so unwinding is safe to catch.
pub(super) fn open_checked(medium: &dyn Medium) -> Result<Live, StoreError> {
    let Some(format) = medium.format()? else {
        return Err(corrupt(medium.path(), "format.json is missing".to_owned()));
    };
    format.check(medium.path())?;
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = medium.open()?;
        let records = read_records(&*database, &format)?;
        let events = EventIndex::read(&*database)?;
        Ok(Live { database, events, records })
    }));
    let live =
        opened.unwrap_or_else(|_| Err(corrupt(medium.path(), "the database library gave up on it".to_owned())))?;
    if format != Format::ours() {
        medium.set_format(&Format::ours())?;
    }
    Ok(live)
}

/// All records of a database.
pub(super) fn read_records(database: &dyn Database, format: &Format) -> Result<BTreeMap<Name, Record>, StoreError> {
    let records = database.scan(RECORDS).map(|entry| {
        let (key, bytes) = entry?;
        decode_record(&key, &bytes).map_err(|error| match error {
            Undecodable::Damaged(why) if !format.is_from_newer_wharf() => corrupt(database.path(), why),
            Undecodable::Newer | Undecodable::Damaged(_) => format.newer(database.path()),
        })
    });
    records.collect()
}
