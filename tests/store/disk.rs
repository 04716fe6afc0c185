//! Full disks.

use std::collections::BTreeMap;
use std::fs;

use wharf::store::{Opened, Outcome, StoreError};

use crate::small_disk::SmallDisk;
use crate::support::{eventually, name, open, put, record, try_open};
use crate::tell::tell;

#[test]
fn a_disk_that_fills_while_running_is_survived_without_a_restart() {
    let Some(disk) = SmallDisk::new("8m") else { return };
    let state = disk.path().join("state");
    let Opened { store, .. } = open(&state);
    let mut written = BTreeMap::new();
    for round in 0..3 {
        disk.fill();
        // Writes go on until the disk is felt; those that were accepted must be there in the end, flushed or not.
        let error = (0..100_000).find_map(|number| {
            let record = record(&format!("w-{round}-{}", number % 300), number);
            match put(&store, std::slice::from_ref(&record)) {
                Ok(()) => written.insert(record.workspace.metadata.name.clone(), record).and(None),
                Err(error) => Some(error),
            }
        });
        assert!(matches!(error, Some(StoreError::Full { .. })), "{error:?}");
        assert!(matches!(store.flush(), Err(StoreError::Full { .. })));
        disk.free();
        eventually("recovery", || store.flush().ok());
        assert_eq!(store.load_all().expect("records"), written, "round {round}");
    }
    drop(store);
    let again = open(&state);
    assert_eq!((again.outcome, again.records), (Outcome::Existing, written));
    tell(31, "disk of the store full while running, then freed", 3, "no accepted write lost, no restart");
}

#[test]
fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let Some(disk) = SmallDisk::new("4m") else { return };
    let state = disk.path().join("state");
    fs::create_dir(&state).expect("made");
    disk.fill();
    // Where even the lock file finds no room, the lock says so; here the database does.
    let error = try_open(&state).expect_err("no room");
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    disk.free();
    let Opened { store, .. } = open(&state);
    put(&store, &[record("a", 1)]).and_then(|()| store.flush()).expect("written");
    drop(store);

    disk.fill();
    let error = try_open(&state).expect_err("no room for a snapshot");
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    disk.free();
    let again = open(&state);
    assert_eq!(again.outcome, Outcome::Existing);
    assert!(again.records.contains_key(&name("a")));
    tell(31, "disk of the store full at open, then freed", 2, "opened when there was room");
}
