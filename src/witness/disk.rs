//! A disk whose changes a witness sees.

use std::future::Future;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Boundary, Fate, Side, Witness, ended};
use crate::disk::{Content, Disk, Entry, Metadata, NewFile};

/// A disk whose changes a witness sees; looking changes nothing. Once the witness says that the process has ended, changes fail.
#[derive(Clone, Debug)]
pub struct WitnessedDisk {
    inner: Arc<dyn Disk>,
    witness: Arc<dyn Witness>,
}

impl WitnessedDisk {
    /// Decorates a disk.
    pub fn new(inner: Arc<dyn Disk>, witness: Arc<dyn Witness>) -> Self {
        Self { inner, witness }
    }

    fn change<T>(&self, operation: &'static str, path: &Path, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        cross(&*self.witness, operation, path, Side::Before)?;
        let done = change();
        cross(&*self.witness, operation, path, Side::behind(&done))?;
        done
    }
}

fn cross(witness: &dyn Witness, operation: &'static str, path: &Path, side: Side) -> io::Result<()> {
    match witness.crosses(&Boundary { operation, object: &path.to_string_lossy(), side }) {
        Fate::GoesOn => Ok(()),
        Fate::Ended => Err(ended()),
    }
}

impl Disk for WitnessedDisk {
    fn now(&self) -> SystemTime {
        self.inner.now()
    }

    fn processor_time(&self) -> Duration {
        self.inner.processor_time()
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.inner.metadata(path)
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.inner.symlink_metadata(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.canonicalize(path)
    }

    fn list(&self, path: &Path, visit: &mut dyn FnMut(&dyn Entry) -> ControlFlow<()>) -> io::Result<()> {
        self.inner.list(path, visit)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Content> {
        self.inner.read(path, limit)
    }

    fn create_unique(&self, directory: &Path, prefix: &str) -> io::Result<(PathBuf, Box<dyn NewFile>)> {
        let made = self.change("disk.create", directory, || self.inner.create_unique(directory, prefix));
        let (path, inner) = made?;
        let file = WitnessedFile { inner, path: path.clone(), witness: Arc::clone(&self.witness) };
        Ok((path, Box::new(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change("disk.rename", to, || self.inner.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change("disk.remove", path, || self.inner.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change("disk.remove-directory", path, || self.inner.remove_dir(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change("disk.make-directory", path, || self.inner.create_dir_all(path))
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.inner.run(work)
    }
}

struct WitnessedFile {
    inner: Box<dyn NewFile>,
    path: PathBuf,
    witness: Arc<dyn Witness>,
}

impl NewFile for WitnessedFile {
    /// A write that the end of the process interrupts is torn.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        cross(&*self.witness, "disk.write", &self.path, Side::Before)?;
        self.inner.write_all(first)?;
        cross(&*self.witness, "disk.write-half", &self.path, Side::After)?;
        self.inner.write_all(second)?;
        cross(&*self.witness, "disk.write", &self.path, Side::After)
    }

    fn seal(&mut self, mode: u32) -> io::Result<()> {
        cross(&*self.witness, "disk.seal", &self.path, Side::Before)?;
        self.inner.seal(mode)?;
        cross(&*self.witness, "disk.seal", &self.path, Side::After)
    }
}
