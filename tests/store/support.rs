//! What the tests share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use wharf::model::Name;
use wharf::store::{Batch, Lock, Opened, Record, Store, StoreError};

pub fn name(text: &str) -> Name {
    text.parse().expect("a valid name")
}

pub fn record(of: &str, generation: u64) -> Record {
    let record = json!({
        "uid": format!("01J-{of}"),
        "generation": generation,
        "workspace": {
            "apiVersion": "wharf/v1",
            "kind": "Workspace",
            "metadata": {"name": of},
            "spec": {"image": "ghcr.io/acme/dev:1.4"},
        },
        "manifest": format!("{of}.yaml"),
        "createdAt": "2026-01-31T12:00:00Z",
    });
    serde_json::from_value(record).expect("a valid record")
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a representable time")
}

pub fn open(state_dir: &Path) -> Opened {
    try_open(state_dir).expect("the store opens")
}

pub fn try_open(state_dir: &Path) -> Result<Opened, StoreError> {
    Store::open(&Lock::acquire(state_dir, "a test")?)
}

pub fn put(store: &Store, records: &[Record]) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    for record in records {
        batch.put(&record.workspace.metadata.name, record);
    }
    store.apply(&batch)
}

pub fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

pub fn size_of(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| match entry.metadata().expect("metadata") {
            metadata if metadata.is_dir() => size_of(&entry.path()),
            metadata => metadata.len(),
        })
        .sum()
}

/// Every file below a directory with its contents.
pub fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("a readable file"));
        }
    }
    found
}

/// Polls until a predicate yields something.
pub fn eventually<T>(what: &str, mut predicate: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = predicate() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}
