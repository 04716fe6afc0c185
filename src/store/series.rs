//! Series: records by time, in tiers, for each workspace. What is in a record is a matter of whoever puts it there.

use super::encoding::SERIES;
use super::medium::{Changes, Database};
use super::{Store, StoreError};
use crate::model::Uid;

/// How many records one batch removes at most, so that what has become old in a long absence goes in portions.
const MOST_PRUNED: usize = 4_096;

/// Tier and time, at the end of a key.
const TAIL: usize = 1 + 8;

/// Changes of series that are made together: all of them or none.
#[derive(Debug, Default)]
pub struct SeriesBatch {
    puts: Changes,
    prunes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl SeriesBatch {
    /// Puts a record; one of the same time is replaced.
    pub fn put(&mut self, uid: &Uid, tier: u8, time: i64, record: Vec<u8>) -> &mut Self {
        self.puts.push((key(uid, tier, time), Some(record)));
        self
    }

    /// Removes the records of a tier before a time, the oldest first, and not all at once when they are very many.
    pub fn prune(&mut self, uid: &Uid, tier: u8, before: i64) -> &mut Self {
        self.prunes.push((key(uid, tier, i64::MIN), key(uid, tier, before)));
        self
    }
}

impl Store {
    /// Changes series.
    pub fn put_series(&self, batch: SeriesBatch) -> Result<(), StoreError> {
        let SeriesBatch { puts, prunes } = batch;
        self.change(|database| {
            let mut changes = pruned(database, &prunes)?;
            // Behind the removals: what is put stays, however old it is.
            changes.extend(puts);
            Ok(changes)
        })
    }

    /// The records of a tier from one time up to another, which is not among them, oldest first.
    pub fn series(&self, uid: &Uid, tier: u8, from: i64, to: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let (from, to) = (key(uid, tier, from), key(uid, tier, to));
        self.look(|database| {
            let found = database.range(&from, &to).map(|entry| {
                let (key, value) = entry?;
                Ok(time_of(&key).map(|time| (time, value)))
            });
            found.filter_map(Result::transpose).collect()
        })
    }

    /// Whose series there are.
    pub fn series_uids(&self) -> Result<Vec<Uid>, StoreError> {
        self.look(|database| {
            let mut found = Vec::new();
            let mut from = SERIES.to_vec();
            // One entry of each is read, and the others are leapt over.
            while let Some(entry) = database.range(&from, &after(SERIES)).next() {
                let (key, _) = entry?;
                let owner = owner_of(&key);
                found.extend(owner.and_then(|owner| std::str::from_utf8(owner).ok()).map(Uid::new));
                from = owner.map_or_else(|| [&key, &[0][..]].concat(), |owner| after(&[SERIES, owner, b"/"].concat()));
            }
            Ok(found)
        })
    }

    /// Removes all records of a workspace.
    pub fn drop_series(&self, uid: &Uid) -> Result<(), StoreError> {
        let prefix = prefix(uid);
        self.change(|database| {
            let keys = database.scan(&prefix).map(|entry| entry.map(|(key, _)| (key, None)));
            keys.filter(|entry| entry.as_ref().map_or(true, |(key, _)| key.len() == prefix.len() + TAIL)).collect()
        })
    }
}

fn pruned(database: &dyn Database, prunes: &[(Vec<u8>, Vec<u8>)]) -> Result<Changes, StoreError> {
    let old = prunes.iter().flat_map(|(from, to)| database.range(from, to));
    old.take(MOST_PRUNED).map(|entry| entry.map(|(key, _)| (key, None))).collect()
}

fn prefix(uid: &Uid) -> Vec<u8> {
    [SERIES, uid.as_str().as_bytes(), b"/"].concat()
}

/// Times before 1970 sort before those after it.
fn key(uid: &Uid, tier: u8, time: i64) -> Vec<u8> {
    [prefix(uid).as_slice(), &[tier], &(time ^ i64::MIN).to_be_bytes()].concat()
}

fn time_of(key: &[u8]) -> Option<i64> {
    key.last_chunk().map(|time| i64::from_be_bytes(*time) ^ i64::MIN)
}

fn owner_of(key: &[u8]) -> Option<&[u8]> {
    let rest = key.strip_prefix(SERIES)?;
    rest.get(..rest.len().checked_sub(TAIL)?)?.strip_suffix(b"/")
}

/// The first key behind all that begin with a prefix, which ends with something other than the greatest byte.
fn after(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    if let Some(last) = next.last_mut() {
        *last = last.saturating_add(1);
    }
    next
}
