//! The machine's own file systems.

use std::ffi::OsString;
use std::fs::{self, DirEntry, File, FileType, Permissions};
use std::future::Future;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use rustix::time::{ClockId, clock_gettime};

use super::{Content, Disk, Entry, Identity, Kind, Metadata, NewFile, UNIQUE};

/// The machine's own file systems.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

/// The machine's own file systems, as rooms hold them.
pub fn host() -> Arc<dyn Disk> {
    Arc::new(Host)
}

impl Disk for Host {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn processor_time(&self) -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path).map(|found| Metadata::from(&found))
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(path).map(|found| Metadata::from(&found))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn list(&self, path: &Path, visit: &mut dyn FnMut(&dyn Entry) -> ControlFlow<()>) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            if visit(&entry?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Content> {
        // A named pipe may have taken the file's place since it was listed: opening one would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let begun = SystemTime::now();
        let before = file.metadata()?;
        let bytes = if before.is_file() { read_bounded(&mut file, before.len(), limit)? } else { Vec::new() };
        let after = Metadata::from(&file.metadata()?);
        Ok(Content { begun, before: Metadata::from(&before), after, bytes })
    }

    fn create_unique(&self, directory: &Path, prefix: &str) -> io::Result<(PathBuf, Box<dyn NewFile>)> {
        let temporary = tempfile::Builder::new().prefix(prefix).rand_bytes(UNIQUE).tempfile_in(directory)?;
        let (file, path) = temporary.keep().map_err(|error| error.error)?;
        Ok((path, Box::new(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let done = tokio::task::spawn_blocking(work);
        // A panic shows in that the work came to nothing.
        Box::pin(async move { drop(done.await) })
    }
}

fn read_bounded(file: &mut File, bytes: u64, limit: u64) -> io::Result<Vec<u8>> {
    let expected = usize::try_from(bytes.min(limit)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(expected + 1);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl NewFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn seal(&mut self, mode: u32) -> io::Result<()> {
        self.set_permissions(Permissions::from_mode(mode))?;
        self.sync_all()
    }
}

impl Entry for DirEntry {
    fn name(&self) -> OsString {
        self.file_name()
    }

    fn path(&self) -> PathBuf {
        Self::path(self)
    }

    fn kind(&self) -> io::Result<Kind> {
        self.file_type().map(Kind::from)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        // Looked up in the open directory, which is faster than by the path.
        Self::metadata(self).map(|found| Metadata::from(&found))
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Link
        } else if kind.is_fifo() {
            Self::Pipe
        } else if kind.is_socket() {
            Self::Socket
        } else {
            Self::Device
        }
    }
}

impl From<&fs::Metadata> for Metadata {
    fn from(found: &fs::Metadata) -> Self {
        Self {
            kind: found.file_type().into(),
            identity: Identity { device: found.dev(), inode: found.ino() },
            bytes: found.size(),
            modified: time(found.mtime(), found.mtime_nsec()),
            changed: time(found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A time before the epoch is as good as the epoch: nobody compares two of those.
fn time(seconds: i64, nanoseconds: i64) -> SystemTime {
    let since = Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
    UNIX_EPOCH + since
}
