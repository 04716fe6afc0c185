//! Records in blocks: the store has one key for several records that follow each other, because a key costs more than a record.
//!
//! A block is the value of the key of the time at which it begins: one entry after the other, of a time in seconds from there (16
//! bits, network byte order) and a record. It is read, completed and written as a whole, so the same entries may be put again.

use std::collections::BTreeMap;

use super::record::{GATHERED_BYTES, Gathered, RAW_BYTES};
use super::tiers::{begin, key};
use crate::model::Uid;
use crate::model::metrics::Tier;
use crate::store::{SeriesBatch, Store, StoreError};

/// The bytes of an entry's time.
const OFFSET_BYTES: usize = 2;

/// How many seconds a block stands for. A longer one is written again more often, a shorter one makes more keys.
pub(super) const fn span(tier: Tier) -> i64 {
    match tier {
        Tier::Raw => 60,
        Tier::Minute => 600,
        Tier::Hour => 4 * 3_600,
        Tier::Day => 86_400,
    }
}

/// The bytes of a record.
const fn record_bytes(tier: Tier) -> usize {
    match tier {
        Tier::Raw => RAW_BYTES,
        Tier::Minute | Tier::Hour | Tier::Day => GATHERED_BYTES,
    }
}

/// The records of a tier from one time up to another, which is not among them, oldest first. Those of a form that is not known are
/// left out.
pub(super) fn read(
    store: &Store,
    uid: &Uid,
    tier: Tier,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, Gathered)>, StoreError> {
    let blocks = store.series(uid, key(tier), begin(from, span(tier)), to)?;
    let mut found = Vec::new();
    for (start, block) in &blocks {
        let entries = entries(tier, block).map(|(offset, record)| (start.saturating_add(offset.into()), record));
        let wanted = entries.filter(|(second, _)| (from..to).contains(second));
        found.extend(wanted.filter_map(|(second, record)| Some((second, Gathered::decode(record)?))));
    }
    Ok(found)
}

/// Puts records of one tier, in any order, into their blocks. One of the same time is replaced.
pub(super) fn put(
    store: &Store,
    batch: &mut SeriesBatch,
    uid: &Uid,
    tier: Tier,
    records: impl Iterator<Item = (i64, Vec<u8>)>,
) -> Result<(), StoreError> {
    let mut blocks: BTreeMap<i64, Vec<(u16, Vec<u8>)>> = BTreeMap::new();
    for (second, record) in records {
        let start = begin(second, span(tier));
        // No block is as long as that.
        let offset = u16::try_from(second - start).unwrap_or(u16::MAX);
        blocks.entry(start).or_default().push((offset, record));
    }
    for (start, news) in blocks {
        let stored = store.series(uid, key(tier), start, start.saturating_add(1))?;
        let old = stored.iter().flat_map(|(_, block)| entries(tier, block));
        let mut all: BTreeMap<u16, &[u8]> = old.collect();
        all.extend(news.iter().map(|(offset, record)| (*offset, record.as_slice())));
        batch.put(uid, key(tier), start, all.iter().flat_map(|(offset, record)| entry(*offset, record)).collect());
    }
    Ok(())
}

/// Removes the records of a tier before a time, except for those in the block that this time is in.
pub(super) fn prune(batch: &mut SeriesBatch, uid: &Uid, tier: Tier, before: i64) {
    batch.prune(uid, key(tier), begin(before, span(tier)));
}

fn entry(offset: u16, record: &[u8]) -> impl Iterator<Item = u8> {
    offset.to_be_bytes().into_iter().chain(record.iter().copied())
}

/// What is left over at the end, if anything, is no entry.
fn entries(tier: Tier, block: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    block.chunks_exact(OFFSET_BYTES + record_bytes(tier)).filter_map(|entry| {
        let (offset, record) = entry.split_first_chunk::<OFFSET_BYTES>()?;
        Some((u16::from_be_bytes(*offset), record))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::record::{METRICS, encode_raw};
    use crate::metrics::tiers::{TIERS, width};
    use crate::store::simulated::Simulated;

    #[test]
    fn every_offset_fits() {
        for tier in TIERS {
            assert!(span(tier) - width(tier) < i64::from(u16::MAX), "{tier:?}");
            assert_eq!(span(tier) % width(tier), 0, "{tier:?}");
        }
    }

    #[test]
    fn records_are_found_by_time_and_may_be_put_again() {
        let store = Store::open_on(Arc::new(Simulated::new("/simulated"))).expect("opened").store;
        let uid = Uid::new("01J");
        let put_all = |seconds: &[i64], value: f32| {
            let mut batch = SeriesBatch::default();
            let records = seconds.iter().map(|second| (*second, encode_raw(&[value; METRICS])));
            put(&store, &mut batch, &uid, Tier::Raw, records).expect("read");
            store.put_series(batch).expect("written");
        };
        put_all(&[125, 50, 119, 60], 1.0);
        put_all(&[119, 121], 2.0);
        let found = |from, to| -> Vec<(i64, f32)> {
            let records = read(&store, &uid, Tier::Raw, from, to).expect("read");
            records.into_iter().map(|(second, gathered)| (second, gathered.of[0].last)).collect()
        };
        assert_eq!(found(0, 999), [(50, 1.0), (60, 1.0), (119, 2.0), (121, 2.0), (125, 1.0)]);
        assert_eq!(found(60, 121), [(60, 1.0), (119, 2.0)]);
        let mut batch = SeriesBatch::default();
        prune(&mut batch, &uid, Tier::Raw, 121);
        store.put_series(batch).expect("written");
        assert_eq!(found(0, 999), [(121, 2.0), (125, 1.0)]);
        assert_eq!(store.series(&uid, 0, 0, 999).expect("read").len(), 1, "one key");
    }
}
