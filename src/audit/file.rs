//! A file that is only added to, and that makes room for itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How large the file becomes.
pub const MAX_BYTES: u64 = 10 << 20;
/// How many earlier files are kept.
pub const KEPT: u32 = 5;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of a file.
    pub(super) bytes: u64,
    /// Earlier files.
    pub(super) kept: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: MAX_BYTES, kept: KEPT }
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    limits: Limits,
    file: File,
    bytes: u64,
}

impl Rotated {
    /// Opens it, behind what is in it.
    pub(super) fn open(path: &Path, limits: Limits) -> io::Result<Self> {
        let file = open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), limits, file, bytes })
    }

    /// Adds a line, whole or not at all.
    pub(super) fn add(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.limits.bytes {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(line) {
            // Half a line on a full disk would spoil the next one. What cannot be undone is at least not gone on with.
            if self.file.set_len(self.bytes).is_err() {
                self.bytes = self.file.metadata().map_or(self.bytes, |metadata| metadata.len());
            }
            return Err(error);
        }
        self.bytes += length;
        Ok(())
    }

    /// Makes what was added outlast the machine.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.limits.kept).rev() {
            moved(&self.earlier(number), &self.earlier(number + 1))?;
        }
        moved(&self.path, &self.earlier(1))?;
        self.file = open(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        Ok(())
    }

    fn earlier(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn moved(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        // There are fewer yet, or somebody took it away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_newest_lines_are_kept_in_order_and_for_nobody_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let limits = Limits { bytes: 30, kept: 2 };
        let mut file = Rotated::open(&path, limits).expect("opened");
        for number in 0..10 {
            file.add(format!("line {number:04}\n").as_bytes()).expect("added");
            // As after a restart.
            file = Rotated::open(&path, limits).expect("opened");
        }
        file.sync().expect("durable");
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("readable");
        assert_eq!(read("audit.log"), "line 0009\n");
        assert_eq!(read("audit.log.1"), "line 0006\nline 0007\nline 0008\n");
        assert_eq!(read("audit.log.2"), "line 0003\nline 0004\nline 0005\n");
        let names: Vec<_> = fs::read_dir(directory.path()).expect("listed").flatten().collect();
        assert_eq!(names.len(), 3, "{names:?}");
        for entry in names {
            assert_eq!(entry.metadata().expect("metadata").permissions().mode() & 0o777, 0o600, "{entry:?}");
        }
    }

    #[test]
    fn a_line_that_is_longer_than_a_file_is_written_all_the_same() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let mut file = Rotated::open(&path, Limits { bytes: 4, kept: 1 }).expect("opened");
        file.add(b"long line\n").expect("added");
        file.add(b"next\n").expect("added");
        assert_eq!(fs::read(&path).expect("readable"), b"next\n");
        assert_eq!(fs::read(path.with_extension("log.1")).expect("readable"), b"long line\n");
    }
}
