//! Reading one manifest file without ever waiting for it.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::observer::Activity;
use super::settle;
use super::walk::{Stamp, cannot, not_a_file};
use crate::disk::{self, Disk, Kind};
use crate::manifest::MAX_BYTES;

/// One byte over the largest manifest: enough for the parser to see that a file is too large.
const READ_LIMIT: u64 = MAX_BYTES as u64 + 1;

/// A file's times tell two writes apart only if they are this much older than the reading: clocks of file systems tick as
/// rarely as every two seconds. The rule is git's ("racily clean" entries of its index).
const CLOCK_TICK: Duration = Duration::from_secs(2);

/// The content of a file.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// As long as the file has this stamp, it has this content; `None` when it changed too recently to tell.
    pub(super) stamp: Option<Stamp>,
    /// Whether the file's writer is done.
    pub(super) settled: bool,
}

/// Why a file was not read.
pub(super) enum ReadError {
    /// It is not there.
    Gone,
    /// The text says why, and what to do.
    Unreadable(String),
}

/// Reads a file, at most one byte over the limit. `activity` must have been known before: a save that is finished while the
/// file is read says nothing about what was read.
pub(super) fn read(disk: &dyn Disk, path: &Path, activity: Option<Activity>) -> Result<Content, ReadError> {
    let read = disk.read(path, READ_LIMIT).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Gone,
        _ => ReadError::Unreadable(cannot("read", &error)),
    })?;
    if read.before.kind != Kind::File {
        return Err(ReadError::Unreadable(not_a_file(read.before.kind)));
    }
    let disk::Content { begun, before, after, bytes } = read;
    let stamp = Stamp::of(&before);
    let steady = stamp == Stamp::of(&after);
    // An empty file is what a writer leaves that truncates first, whatever was seen of it before.
    let activity = if bytes.is_empty() { Some(Activity::Writing) } else { activity };
    let settled = steady && settle::is_settled(activity, before.modified, disk.now());
    let telling = steady && begun.checked_sub(CLOCK_TICK).is_some_and(|horizon| stamp.is_before(horizon));
    Ok(Content { bytes, stamp: telling.then_some(stamp), settled })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;
    use crate::disk::Host;

    #[test]
    fn a_young_file_is_to_be_read_again() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("a.yaml");
        std::fs::write(&path, "text").unwrap();
        // The time of modification is anyone's to set; that of change is not.
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let Ok(content) = read(&Host, &path, None) else { panic!("not read") };
        assert_eq!(content.bytes, b"text");
        assert_eq!(content.stamp, None);
        assert!(content.settled);
    }

    #[test]
    fn a_file_whose_place_was_taken_by_something_else_is_not_waited_for() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("a.yaml");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(matches!(read(&Host, &path, None), Err(ReadError::Unreadable(why)) if why.contains("named pipe")));
        assert!(matches!(read(&Host, tree.path(), None), Err(ReadError::Unreadable(why)) if why.contains("directory")));
        assert!(matches!(read(&Host, &tree.path().join("b.yaml"), None), Err(ReadError::Gone)));
    }
}
