//! Damaged and newer stores.

use std::fs;
use std::path::Path;

use wharf::store::{Opened, Outcome, Store, StoreError};

use crate::support::{contents, open, put, record, temp, try_open};

/// A state directory whose store holds sixty flushed records, closed or as a kill leaves it.
fn filled(state_dir: &Path, reopened: bool) {
    let Opened { store, .. } = open(state_dir);
    for number in 1..=60 {
        put(&store, &[record(&format!("w-{number}"), number)]).expect("written");
        store.flush().expect("flushed");
    }
    drop(store);
    if reopened {
        // Opening is what makes sled write a snapshot.
        drop(open(state_dir));
    }
}

#[test]
fn flipped_bytes_are_noticed_and_the_store_is_rebuilt() {
    for reopened in [false, true] {
        let origin = temp();
        filled(origin.path(), reopened);
        let mut rebuilt = 0;
        for (path, bytes) in contents(&origin.path().join("db")) {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            for step in 0..12.min(used) {
                let mut damaged = bytes.clone();
                damaged[used * step / 12.min(used)] ^= 0x10;
                rebuilt += usize::from(is_rebuilt_or_whole(origin.path(), &path, &damaged));
            }
            is_rebuilt_or_whole(origin.path(), &path, &bytes[..used / 2]);
        }
        assert!(rebuilt > 10, "damage was noticed {rebuilt} times");
    }
}

/// Opens a copy of a state directory with one file replaced: all its records are there, or it was set aside.
fn is_rebuilt_or_whole(origin: &Path, path: &Path, bytes: &[u8]) -> bool {
    let dir = temp();
    for (file, bytes) in contents(origin) {
        let target = dir.path().join(file.strip_prefix(origin).expect("below"));
        fs::create_dir_all(target.parent().expect("a parent")).expect("made");
        fs::write(target, bytes).expect("copied");
    }
    let file = path.strip_prefix(origin).expect("below");
    fs::write(dir.path().join(file), bytes).expect("damaged");
    let Opened { store, outcome, records } = open(dir.path());
    match outcome {
        Outcome::Existing => assert_eq!(records.len(), 60, "records were lost in silence: {}", file.display()),
        Outcome::Fresh => panic!("a damaged store was taken for none: {}", file.display()),
        Outcome::Rebuilt { quarantined, why } => {
            assert!(!why.is_empty() && records.is_empty());
            let kept = fs::read(quarantined.join(file.strip_prefix("db").expect("in db"))).map(|kept| kept.len());
            assert!(kept.is_ok(), "the damaged files are kept in {}", quarantined.display());
            put(&store, &[record("new", 1)]).and_then(|()| store.flush()).expect("the new store works");
            drop(store);
            assert_eq!(open(dir.path()).outcome, Outcome::Existing);
            return true;
        }
    }
    false
}

#[test]
fn a_few_damaged_stores_are_kept_and_no_more() {
    let dir = temp();
    for _ in 0..6 {
        drop(open(dir.path()));
        fs::write(dir.path().join("db/format.json"), "{").expect("damaged");
        assert!(matches!(open(dir.path()).outcome, Outcome::Rebuilt { .. }));
    }
    let entries = fs::read_dir(dir.path()).expect("a directory").flatten();
    let kept = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("db.corrupt-")).count();
    assert_eq!(kept, 3);
}

#[test]
fn a_newer_store_is_refused_and_left_as_it_is() {
    let dir = temp();
    filled(dir.path(), false);
    fs::write(dir.path().join("db/format.json"), r#"{"schema":2,"wharf":"9.1.0","more":true}"#).expect("written");
    fs::write(dir.path().join("db/snap.00.generating"), "").expect("written");
    let before = contents(&dir.path().join("db"));
    let error = try_open(dir.path()).expect_err("a newer store is refused");
    assert!(matches!(&error, StoreError::Newer { wharf, schema: 2, .. } if wharf == "9.1.0"), "{error:?}");
    assert!(error.to_string().contains("use Wharf 9.1.0 or newer"), "{error}");
    assert!(matches!(Store::read_copy(dir.path()), Err(StoreError::Newer { .. })));
    assert_eq!(contents(&dir.path().join("db")), before);
}
