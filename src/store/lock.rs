//! One owner of a state directory at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Holder, StoreError};

/// Possession of a state directory. Ends when the last clone is dropped, or with the process however it ends: a lock
/// file left behind by a killed process is no obstacle.
///
/// An advisory lock of the kernel on `<state directory>/lock`. The file's text says who holds it; the lock decides.
/// On network file systems without locks, acquiring fails rather than pretending.
#[derive(Clone, Debug)]
pub struct Lock {
    state_dir: PathBuf,
    /// Closing the file is what releases the lock.
    file: Arc<File>,
}

impl Lock {
    /// Takes possession of a state directory, which is made (mode 0700) when it does not exist. `what` tells others
    /// who holds it, see [`Holder::what`].
    ///
    /// # Errors
    /// [`StoreError::Held`] when another process (or another `Lock` of this one) has it, [`StoreError::Io`] when the
    /// directory or its lock file cannot be made.
    pub fn acquire(state_dir: &Path, what: &str) -> Result<Self, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .map_err(|error| StoreError::io("create the state directory", state_dir, error))?;
        let path = state_dir.join("lock");
        let failed = |operation| {
            let path = path.clone();
            move |error| StoreError::io(operation, path, error)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open the lock file"))?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: state_dir.into(), holder: read_holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        let holder = Holder { pid: std::process::id(), what: what.to_owned(), since: Some(Timestamp::now().into()) };
        write_holder(&mut file, &holder).map_err(failed("write the lock file"))?;
        Ok(Self { state_dir: state_dir.into(), file: Arc::new(file) })
    }

    /// Who holds a state directory; `None` when nobody does. Makes and changes nothing.
    pub fn holder(state_dir: &Path) -> Result<Option<Holder>, StoreError> {
        let path = state_dir.join("lock");
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("open the lock file", &path, error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file))),
            Err(TryLockError::Error(error)) => Err(StoreError::io("look at the lock", &path, error)),
        }
    }

    /// Whether the lock file is still the one that is held: whoever removes it lets another process in.
    pub fn is_in_place(&self) -> bool {
        let held = self.file.metadata();
        let there = std::fs::metadata(self.state_dir.join("lock"));
        matches!((held, there), (Ok(held), Ok(there)) if (held.dev(), held.ino()) == (there.dev(), there.ino()))
    }

    /// The state directory that is held.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }
}

/// Looking for the holder takes the lock for a moment: only who has it for longer holds it.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    const LOOKS: u32 = 5;
    const BETWEEN: Duration = Duration::from_millis(10);
    for _ in 1..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

fn write_holder(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, holder)?;
    file.write_all(b"\n")
}

/// Whatever the file says is only a hint for people; what cannot be read is told as pid 0.
fn read_holder(file: &mut File) -> Holder {
    const LIMIT: u64 = 4096;
    let mut text = String::new();
    let read = file.take(LIMIT).read_to_string(&mut text).ok();
    read.and_then(|_| serde_json::from_str(&text).ok()).unwrap_or(Holder { pid: 0, what: String::new(), since: None })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_holder_is_found_while_there_is_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let holder = || Lock::holder(dir.path()).expect("a readable lock file");
        assert_eq!(holder(), None);
        assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 0, "looking made something");
        let lock = Lock::acquire(dir.path(), "a test").expect("free");
        let found = holder().expect("held");
        assert_eq!((found.pid, found.what.as_str()), (std::process::id(), "a test"));
        drop(lock);
        // A process that another test is just starting has the file too, until it becomes its own program.
        let deadline = Instant::now() + Duration::from_secs(10);
        while holder().is_some() {
            assert!(Instant::now() < deadline, "still held");
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_only_looks_keeps_nobody_out() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(Lock::acquire(dir.path(), "first").expect("free"));
        let (looking, done) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    Lock::holder(dir.path()).expect("a readable lock file");
                    looking.store(true, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            while !looking.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            for _ in 0..100 {
                Lock::acquire(dir.path(), "again").expect("only looked at");
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
