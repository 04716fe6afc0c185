//! Files, as far as Wharf needs them: a narrow trait, so that a simulation can bring a disk on which everything goes wrong.
//!
//! Two implementations: [`Host`] is the machine's, [`simulated`] is in memory and in virtual time. Calls block; who must not
//! wait for a disk calls them inside of [`offload`].

mod host;
mod replace;
mod resolve;
mod secret;
pub mod simulated;

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

pub use host::{Host, host};
pub use replace::replace;
pub use resolve::resolve;
pub use secret::{SecretFileError, read_secret};

/// What is asked of a file system. Errors are those of the standard library's functions of the same names.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// The time by which files are stamped.
    fn now(&self) -> SystemTime;

    /// The processor time that the calling thread has taken so far, of which work on the disk is a part.
    fn processor_time(&self) -> Duration;

    /// What a path leads to, symbolic links followed.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// What is at a path itself, be it a symbolic link.
    fn symlink_metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// The absolute path without symbolic links that a path leads to; something must be there.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;

    /// Shows each entry of a directory, in no order, until told to stop.
    fn list(&self, path: &Path, visit: &mut dyn FnMut(&dyn Entry) -> ControlFlow<()>) -> io::Result<()>;

    /// Reads the first `limit` bytes of a regular file, without ever waiting for a writer: of anything else only says what it is.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Content>;

    /// Makes an empty file of mode 0600 with a name of its own: `prefix` and [`UNIQUE`] characters.
    fn create_unique(&self, directory: &Path, prefix: &str) -> io::Result<(PathBuf, Box<dyn NewFile>)>;

    /// Puts a file in the place of whatever file or symbolic link is there, at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file or a symbolic link.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory and those above it; one that is there is fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Does work where waiting for a disk delays nobody else. The work is done to its end, whoever still waits for it.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// How many characters of a name make it unique, each a letter or a digit.
pub const UNIQUE: usize = 6;

/// A file that was just made. It stays when this is dropped.
pub trait NewFile: Send {
    /// Writes all of it behind what was written before.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Gives it a mode and makes it durable.
    fn seal(&mut self, mode: u32) -> io::Result<()>;
}

/// An entry of a directory.
pub trait Entry {
    /// Its name.
    fn name(&self) -> OsString;

    /// The directory's path and the name.
    fn path(&self) -> PathBuf;

    /// What it is, as the directory tells: cheaper than a look at the file.
    fn kind(&self) -> io::Result<Kind>;

    /// Of the entry itself: symbolic links are not followed.
    fn metadata(&self) -> io::Result<Metadata>;
}

/// What there can be at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// Anything else.
    Device,
}

/// Which file or directory a path leads to, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}

/// What is known about a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Which one it is.
    pub identity: Identity,
    /// Its size.
    pub bytes: u64,
    /// When its content was last changed; anyone who may write it can set this.
    pub modified: SystemTime,
    /// When anything about it was last changed; nobody can set this.
    pub changed: SystemTime,
}

/// What was read of a file.
#[derive(Debug)]
pub struct Content {
    /// When reading began.
    pub begun: SystemTime,
    /// What the opened file was before reading.
    pub before: Metadata,
    /// What it was after.
    pub after: Metadata,
    /// What was read; nothing unless it is a regular file.
    pub bytes: Vec<u8>,
}

/// Work on a disk panicked, and what it came to is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("work on the disk panicked: this is a defect of wharf, please report it")]
pub struct Panicked;

/// Does work on a disk where it delays nobody else, and waits for what it comes to.
pub async fn offload<T: Send + 'static>(
    disk: &Arc<dyn Disk>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    let (sender, receiver) = oneshot::channel();
    // Nobody waits any more when the caller was cancelled.
    disk.run(Box::new(move || drop(sender.send(work())))).await;
    receiver.await.map_err(|_| Panicked)
}
