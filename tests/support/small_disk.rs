//! A disk that a test can fill.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A file system of a few megabytes.
pub struct SmallDisk {
    mount: TempDir,
}

impl SmallDisk {
    /// `None` where mounting is not permitted, which the caller tells: there is no other way to fill a disk for one
    /// test that does not fill it for everybody. Where the tests run as root, as in CI, it is permitted.
    pub fn new(size: &str) -> Option<Self> {
        let mount = tempfile::tempdir().expect("a temporary directory");
        let options = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(mount.path()).status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self { mount });
        }
        eprintln!("NOT TESTED: mounting a tmpfs is not permitted here; run as root");
        None
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut ballast =
            fs::OpenOptions::new().create(true).append(true).open(self.path().join("ballast")).expect("made");
        while ballast.write_all(&[1; 4096]).is_ok() {}
    }

    /// Makes the room again.
    pub fn free(&self) {
        fs::remove_file(self.path().join("ballast")).expect("freed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
