//! Full disks.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use wharf::store::{Opened, Outcome, StoreError};

use crate::support::{eventually, name, open, put, record, temp, try_open};

/// A file system of a few megabytes.
struct SmallDisk {
    mount: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where mounting is not permitted, which the caller tells: there is no other way to fill a disk for one
    /// test that does not fill it for everybody. Where the tests run as root, as in CI, it is permitted.
    fn new(size: &str) -> Option<Self> {
        let mount = temp();
        let options = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(mount.path()).status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self { mount });
        }
        eprintln!("NOT TESTED: mounting a tmpfs is not permitted here; run as root");
        None
    }

    fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast =
            fs::OpenOptions::new().create(true).append(true).open(self.path().join("ballast")).expect("made");
        while ballast.write_all(&[1; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.path().join("ballast")).expect("freed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

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
}
