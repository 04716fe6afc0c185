//! Series: records by time.

use std::sync::Arc;

use wharf::model::Uid;
use wharf::store::simulated::Simulated;
use wharf::store::{Lock, Opened, SeriesBatch, Store};

use crate::support::temp;

fn uid(text: &str) -> Uid {
    Uid::new(text)
}

fn history(directory: &std::path::Path) -> Store {
    let lock = Lock::acquire(directory, "a test").expect("locked");
    Store::open_on(Store::history_medium(&lock)).expect("opened").store
}

fn fill(store: &Store) {
    let mut batch = SeriesBatch::default();
    for time in [-5, 0, 255, 256, 70_000] {
        let record = time.to_string().into_bytes();
        batch.put(&uid("a"), 1, time, record.clone()).put(&uid("a"), 2, time, record.clone());
        batch.put(&uid("ab"), 1, time, record);
    }
    store.put_series(batch).expect("written");
}

fn times(store: &Store, of: &str, tier: u8, from: i64, to: i64) -> Vec<i64> {
    let found = store.series(&uid(of), tier, from, to).expect("readable");
    found
        .into_iter()
        .map(|(time, record)| {
            assert_eq!(record, time.to_string().into_bytes());
            time
        })
        .collect()
}

/// On sled and on the simulated database.
fn each(body: impl Fn(&Store)) {
    let directory = temp();
    body(&history(directory.path()));
    let Opened { store, .. } = Store::open_on(Arc::new(Simulated::new("/simulated"))).expect("opened");
    body(&store);
}

#[test]
fn a_range_is_of_one_workspace_and_one_tier_in_the_order_of_time() {
    each(|store| {
        fill(store);
        assert_eq!(times(store, "a", 1, i64::MIN, i64::MAX), [-5, 0, 255, 256, 70_000]);
        assert_eq!(times(store, "a", 1, 0, 256), [0, 255]);
        assert_eq!(times(store, "ab", 1, 256, 257), [256]);
        assert_eq!(times(store, "a", 1, 257, 256), [0; 0]);
        assert_eq!((times(store, "a", 3, 0, 999), times(store, "b", 1, 0, 999)), (vec![], vec![]));
        assert_eq!(store.series_uids().expect("readable"), [uid("a"), uid("ab")]);
    });
}

#[test]
fn what_is_pruned_or_dropped_is_gone_and_nothing_else() {
    each(|store| {
        fill(store);
        let mut batch = SeriesBatch::default();
        batch.prune(&uid("a"), 1, 256).put(&uid("a"), 1, 1, b"1".to_vec());
        store.put_series(batch).expect("written");
        assert_eq!(times(store, "a", 1, i64::MIN, i64::MAX), [1, 256, 70_000]);
        assert_eq!(times(store, "a", 2, i64::MIN, i64::MAX).len(), 5);
        store.drop_series(&uid("a")).expect("written");
        assert_eq!(store.series_uids().expect("readable"), [uid("ab")]);
        assert_eq!(times(store, "ab", 1, i64::MIN, i64::MAX).len(), 5);
    });
}

#[test]
fn a_full_disk_is_survived() {
    let medium = Simulated::new("/simulated");
    let Opened { store, .. } = Store::open_on(Arc::new(medium.clone())).expect("opened");
    fill(&store);
    medium.set_full(true);
    let mut batch = SeriesBatch::default();
    batch.put(&uid("c"), 1, 7, b"7".to_vec());
    store.put_series(batch).expect_err("no space");
    medium.set_full(false);
    let found = crate::support::eventually("the store opens again", || store.series(&uid("a"), 1, 0, 999).ok());
    assert_eq!(found.len(), 3);
    fill(&store);
    assert_eq!(store.series_uids().expect("readable"), [uid("a"), uid("ab")]);
}

#[test]
fn history_is_apart_from_the_records_and_outlives_the_process() {
    let directory = temp();
    let lock = Lock::acquire(directory.path(), "a test").expect("locked");
    let records = Store::open(&lock).expect("opened").store;
    let history = Store::open_on(Store::history_medium(&lock)).expect("opened").store;
    fill(&history);
    history.flush().expect("flushed");
    assert_eq!(records.series_uids().expect("readable"), []);
    drop((records, history, lock));
    assert_eq!(times(&self::history(directory.path()), "a", 2, 0, 300), [0, 255, 256]);
}
