//! Remembering, and one owner at a time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use wharf::store::{Lock, Opened, Outcome, StoreError};

use crate::support::{contents, name, open, put, record, temp};
use crate::writer::Writer;

#[test]
fn records_survive_and_are_forgotten() {
    let dir = temp();
    let Opened { store, outcome, records } = open(dir.path());
    assert_eq!(outcome, Outcome::Fresh);
    assert!(records.is_empty());
    put(&store, &[record("a", 1), record("b", 7)]).expect("records are written");
    store.forget(&name("a")).expect("a record is forgotten");
    let expected = BTreeMap::from([(name("b"), record("b", 7))]);
    assert_eq!(store.load_all().expect("records"), expected);
    drop(store);

    let again = open(dir.path());
    assert_eq!(again.outcome, Outcome::Existing);
    assert_eq!(again.records, expected);
    assert_eq!(fs::metadata(dir.path().join("db")).expect("db").permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_is_remembered_already_is_not_written() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    put(&store, &[record("a", 1), record("b", 7)]).and_then(|()| store.flush()).expect("written");
    let before = contents(dir.path());
    put(&store, &[record("b", 7), record("a", 1)]).and_then(|()| store.flush()).expect("nothing to write");
    store.forget(&name("c")).and_then(|()| store.flush()).expect("nothing to forget");
    assert_eq!(contents(dir.path()), before);
    put(&store, &[record("b", 8), record("a", 1)]).and_then(|()| store.flush()).expect("written");
    assert_ne!(contents(dir.path()), before);
    assert_eq!(store.load_all().expect("records")[&name("b")], record("b", 8));
}

#[test]
fn the_state_directory_is_private() {
    let dir = temp();
    let state = dir.path().join("deep/state");
    let lock = Lock::acquire(&state, "a test").expect("the lock");
    assert_eq!(lock.state_dir(), state);
    assert_eq!(fs::metadata(&state).expect("state").permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(state.join("lock")).expect("lock").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_owner_is_refused_and_told_who_holds_it() {
    let dir = temp();
    let mut child = Writer::start(dir.path());
    child.next_acknowledged().expect("the child has the lock");
    let error = Lock::acquire(dir.path(), "the second").expect_err("the directory is held");
    let StoreError::Held { path, holder } = &error else { panic!("{error:?}") };
    assert_eq!((path.as_path(), holder.pid), (dir.path(), child.process.id()));
    assert_eq!(holder.what, "the writing child");
    assert!(holder.since.is_some());
    let text = error.to_string();
    assert!(text.contains(&child.process.id().to_string()) && text.contains("--state-dir"), "{text}");

    child.kill();
    Lock::acquire(dir.path(), "the second").expect("the lock ended with the process");
}

#[test]
fn the_lock_lasts_as_long_as_any_handle_of_the_store() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    let clone = store.clone();
    drop(store);
    assert!(matches!(Lock::acquire(dir.path(), "another"), Err(StoreError::Held { .. })));
    drop(clone);
    Lock::acquire(dir.path(), "another").expect("the lock is free");
}
