//! The directory of a copy: one owner, no processes of an earlier owner, nothing half-written.
//!
//! | path | |
//! |---|---|
//! | `owner` | locked by the process that has the directory |
//! | `work` | locked by it and by every run of git that changes the copy |
//! | `running` | the process group of the last such run |
//! | `repository` | the copy |
//! | `damaged` | the last copy that was set aside |
//! | `home` | what git, ssh and gpg take for a home directory |
//!
//! When wharf is killed, a git that it started goes on, and `work` stays locked as long as one of its processes lives. The next
//! owner kills that process group before it touches anything.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::OpenError;
use super::run::kill_group;

/// Killed processes are gone in milliseconds; one that waits for a dead disk is not.
const PATIENCE: Duration = Duration::from_secs(10);
/// A source that was dropped has the directory for as long as a call to the disk takes.
const HANDOVER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    pub(super) work: File,
    /// Closing it is what lets the next owner in.
    _owner: File,
}

impl Place {
    /// Takes possession of a directory, which is made when it does not exist. Blocks.
    pub(super) fn claim(root: &Path) -> Result<Self, OpenError> {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Disk { operation, path, source }
        };
        let home = root.join("home");
        DirBuilder::new().recursive(true).mode(0o700).create(&home).map_err(failed("create", &home))?;
        let owner = open(&root.join("owner")).map_err(failed("open", &root.join("owner")))?;
        match locked(&owner, || {}, HANDOVER) {
            Ok(true) => {}
            Ok(false) => return Err(OpenError::InUse(root.to_owned())),
            Err(error) => return Err(failed("lock", root)(error)),
        }
        let work = open(&root.join("work")).map_err(failed("open", &root.join("work")))?;
        let place = Self { root: root.to_owned(), work, _owner: owner };
        place.end_former_run().map_err(failed("take over", root))?;
        place.remove_leftovers().map_err(failed("clean", &place.repository()))?;
        Ok(place)
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    pub(super) fn running(&self) -> PathBuf {
        self.root.join("running")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// Where a new copy is made, empty.
    pub(super) fn new_repository(&self) -> io::Result<PathBuf> {
        let new = self.root.join("repository.new");
        remove_all(&new)?;
        Ok(new)
    }

    /// Takes the copy out of the way. One of the damaged ones is kept, for who wants to know what happened.
    pub(super) fn set_aside(&self) -> io::Result<()> {
        let damaged = self.root.join("damaged");
        remove_all(&damaged)?;
        match fs::rename(self.repository(), damaged) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn end_former_run(&self) -> io::Result<()> {
        let end = || {
            // Locked, so it lives. Until it has written down who it is, the file is empty: see `forget_run`.
            if let Some(id) = fs::read_to_string(self.running()).ok().and_then(|id| id.trim().parse().ok()) {
                kill_group(id);
            }
        };
        match locked(&self.work, end, PATIENCE) {
            Ok(true) => Ok(()),
            Ok(false) => Err(io::Error::other("a git that an earlier wharf started does not end")),
            Err(error) => Err(error),
        }
    }

    /// Before each run: what is written in `running` is about that run or nothing.
    pub(super) fn forget_run(&self) -> io::Result<()> {
        open(&self.running())?.set_len(0)
    }

    /// Removes what runs leave that are killed: locks, temporary files, and marks that keep packs from being tidied up. Nothing
    /// may be running. Blocks.
    pub(super) fn remove_leftovers(&self) -> io::Result<()> {
        remove_all(&self.root.join("repository.new"))?;
        let repository = self.repository();
        for folder in [repository.clone(), repository.join("refs"), repository.join("objects")] {
            remove_leftovers_in(&folder, 3)?;
        }
        Ok(())
    }

    /// The number of packs, and the bytes of all.
    pub(super) fn packs(&self) -> io::Result<(usize, u64)> {
        let (mut packs, mut bytes) = (0, 0);
        for file in list(&self.repository().join("objects/pack"))? {
            packs += usize::from(file.path().extension().is_some_and(|extension| extension == "pack"));
            bytes += file.metadata().map_or(0, |metadata| metadata.len());
        }
        Ok((packs, bytes))
    }
}

/// Waits for a lock, and does something about it each time that it is not to be had. Whether it was in the end.
fn locked(file: &File, about_it: impl Fn(), patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => {
                about_it();
                std::thread::sleep(PAUSE);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn remove_leftovers_in(folder: &Path, depth: usize) -> io::Result<()> {
    for entry in list(folder)? {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let temporary = ["tmp_", ".tmp-", "fast_import_crash_"].iter().any(|prefix| name.starts_with(prefix));
        let mark = [".lock", ".keep"].iter().any(|end| name.ends_with(end)) || name == "gc.pid";
        if temporary || mark {
            remove_all(&path)?;
        } else if depth > 0 && entry.file_type()?.is_dir() {
            remove_leftovers_in(&path, depth - 1)?;
        }
    }
    Ok(())
}

/// The entries of a directory; none when it does not exist.
fn list(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a file, or a directory with all in it, if it is there.
fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
