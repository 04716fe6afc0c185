//! Status files beside the manifests, or in a tree of their own: written whole, and only when something other than a
//! time changed.
//!
//! A status file's name follows from its manifest's, and the other way round, see [`StatusFiles::path_of`]. What is
//! found under such a name is Wharf's to replace: what people change in it is undone when it is written next.

mod copies;
mod error;
mod names;
mod timeless;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use copies::{CopyError, Most};
pub use error::{StatusFileError, Unreadable};

use crate::disk::{self, Disk, Identity, Kind, replace};
use crate::model::hash::Fingerprint;
use crate::model::{Uid, WorkspaceStatus};
use crate::yaml;

/// The first line of every status file.
const HEADER: &str = "# Written by Wharf; edits are overwritten.\n";

/// No status file comes near this size: a file that does is none.
const MAX_BYTES: u64 = 32 << 20;

/// The status files of one source. Calls block on the file system.
#[derive(Debug)]
pub struct StatusFiles {
    disk: Arc<dyn Disk>,
    /// The source, or the root of the tree of status files.
    root: PathBuf,
    /// Whether `root` is a tree of status files only, so that its directories are made and removed as needed.
    own_tree: bool,
    /// What is known to be on the disk, by manifest.
    known: Mutex<HashMap<String, Known>>,
    /// Which directory the root was at the last look.
    place: Mutex<Option<Identity>>,
}

/// What was done by [`StatusFiles::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The file was written.
    Written,
    /// The file says the same already, apart from times.
    Unchanged,
}

/// What was done by [`StatusFiles::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// There is none now.
    Removed,
    /// There was none, though it had been written: somebody else removed it, or the source is away at this moment and brings it back.
    Missing,
}

/// A document of a status file, or a file without any that can be read.
#[derive(Debug)]
pub struct Found {
    /// The status file.
    pub path: PathBuf,
    /// One of its documents, or why it has none.
    pub status: Result<WorkspaceStatus, Unreadable>,
}

/// What a status file says, and how to tell without reading that it still does.
#[derive(Debug)]
struct Known {
    stamp: Stamp,
    says: Fingerprint,
}

/// What changes when somebody writes or replaces a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    identity: Identity,
    bytes: u64,
    modified: SystemTime,
}

impl Stamp {
    /// `None` where there is no regular file: nothing, or a symbolic link, which is replaced and never followed.
    fn of(disk: &dyn Disk, path: &Path) -> Option<Self> {
        let metadata = disk.symlink_metadata(path).ok().filter(|found| found.kind == Kind::File)?;
        Some(Self { identity: metadata.identity, bytes: metadata.bytes, modified: metadata.modified })
    }
}

impl StatusFiles {
    /// The status files of the source `root`: beside the manifests, or in a tree of the same form under `status_dir`,
    /// which then is this source's alone.
    pub fn new(root: &Path, status_dir: Option<&Path>) -> Self {
        Self::on(disk::host(), root, status_dir)
    }

    /// As [`Self::new`], on another disk than the machine's.
    pub fn on(disk: Arc<dyn Disk>, root: &Path, status_dir: Option<&Path>) -> Self {
        Self {
            disk,
            root: status_dir.unwrap_or(root).to_owned(),
            own_tree: status_dir.is_some(),
            known: Mutex::new(HashMap::new()),
            place: Mutex::new(None),
        }
    }

    /// Where they are.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The status file of a manifest, which is named by its path relative to the source.
    ///
    /// `a/api-dev.yaml` has `a/api-dev.status.yaml`. Files of other extensions keep theirs, so that no two manifests
    /// share a status file: `x.json` has `x.json.status.yaml`, and so has `x.yml` its own. For the same reason a manifest
    /// called `x.json.yaml` has `x.json.yaml.status.yaml`.
    ///
    /// # Errors
    /// [`StatusFileError::NotAManifest`] for a path that is not relative and clean, so that nothing is ever written
    /// outside of the source or the status directory by way of `..`.
    pub fn path_of(&self, manifest: &str) -> Result<PathBuf, StatusFileError> {
        let name = names::status_of(manifest);
        let name = name.ok_or_else(|| StatusFileError::NotAManifest { manifest: manifest.to_owned() })?;
        Ok(self.root.join(name))
    }

    /// Makes the status file of a manifest say what `documents` say, unless it does already: times alone, such as when a
    /// condition changed, are no reason to write. A file that was removed, replaced or changed by somebody else is written
    /// again.
    ///
    /// The file is replaced whole: a reader sees the old one or the new one, also after a crash.
    pub fn write(&self, manifest: &str, documents: &[WorkspaceStatus]) -> Result<Written, StatusFileError> {
        let path = self.path_of(manifest)?;
        let says = timeless::fingerprint(documents);
        let stamp = self.stamp_of(&path);
        if let Some(stamp) = stamp
            && self.said(manifest, &path, stamp).as_ref() == Some(&says)
        {
            self.known().insert(manifest.to_owned(), Known { stamp, says });
            return Ok(Written::Unchanged);
        }
        let text = yaml::to_string(documents)
            .map_err(|source| StatusFileError::Encode { path: path.clone(), source: Box::new(source) })?;
        self.replace(&path, &[HEADER, &text].concat())
            .map_err(|source| StatusFileError::Write { path: path.clone(), source })?;
        if let Some(stamp) = self.stamp_of(&path) {
            self.known().insert(manifest.to_owned(), Known { stamp, says });
        }
        Ok(Written::Written)
    }

    /// Removes the status file of a manifest; that there is none is fine, unless the whole source is away: with it the file comes
    /// back.
    pub fn remove(&self, manifest: &str) -> Result<Removed, StatusFileError> {
        let path = self.path_of(manifest)?;
        let was_known = self.known().remove(manifest).is_some();
        let removed = match self.disk.remove_file(&path) {
            Err(source) if !is_missing(&source) || self.is_away() => {
                return Err(StatusFileError::Remove { path, source });
            }
            Err(_) if was_known => Removed::Missing,
            _ => Removed::Removed,
        };
        if self.own_tree {
            self.remove_empty_parents(&path);
        }
        Ok(removed)
    }

    /// Whether the root leads to another directory than at the last call: a file system that was mounted or taken away, a link that
    /// was changed. A root that is missing leads nowhere, which is no other place.
    pub fn have_moved(&self) -> bool {
        let Ok(found) = self.disk.metadata(&self.root) else { return false };
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        place.replace(found.identity).is_some_and(|before| before != found.identity)
    }

    /// The observed generations that all status files tell, by UID.
    pub fn generations_told(&self) -> BTreeMap<Uid, u64> {
        let documents = self.read_all().unwrap_or_default().into_iter().filter_map(|found| found.status.ok());
        documents.filter_map(|it| Some((it.metadata.uid?, it.status.observed_generation))).collect()
    }

    /// The manifests of status files that an earlier run left behind: those not in `known`, where the file is Wharf's,
    /// which its contents tell. For [`Self::remove`], once all manifests of the source are known.
    pub fn stale(&self, known: &BTreeSet<String>) -> Result<Vec<String>, StatusFileError> {
        let mut stale = Vec::new();
        for (relative, path) in self.walk()?.status_files {
            let Some(manifest) = names::manifest_of(&relative) else { continue };
            let unknown = || !known.contains(&manifest);
            if unknown() && self.read(&path).is_ok_and(|documents| speak_of(&documents, &manifest)) {
                stale.push(manifest);
            }
        }
        Ok(stale)
    }

    /// Removes the temporary files that a killed run left behind. Only for who holds the source's state directory: those
    /// of a running controller look the same.
    pub fn remove_temporaries(&self) -> Result<(), StatusFileError> {
        for path in self.walk()?.temporaries {
            match self.disk.remove_file(&path) {
                Err(source) if !is_missing(&source) => return Err(StatusFileError::Remove { path, source }),
                _ => {}
            }
        }
        Ok(())
    }

    /// All documents of all status files, by workspace; at the end those files that cannot be read.
    pub fn read_all(&self) -> Result<Vec<Found>, StatusFileError> {
        let mut found = Vec::new();
        for (_, path) in self.walk()?.status_files {
            match self.read(&path) {
                Ok(documents) => {
                    found.extend(documents.into_iter().map(|status| Found { path: path.clone(), status: Ok(status) }));
                }
                // Removed since it was listed.
                Err(Unreadable::Io(error)) if is_missing(&error) => {}
                Err(error) => found.push(Found { path, status: Err(error) }),
            }
        }
        // Stable: files that claim one name stay in the order of their paths.
        found.sort_by_cached_key(|found| match &found.status {
            Ok(status) => (false, status.metadata.name.clone()),
            Err(_) => (true, String::new()),
        });
        Ok(found)
    }

    fn walk(&self) -> Result<walk::Listing, StatusFileError> {
        match walk::walk(&*self.disk, &self.root, walk::Links::Followed) {
            // Made when there is something to write into it.
            Err(StatusFileError::List { source, .. }) if self.own_tree && is_missing(&source) => {
                Ok(walk::Listing::default())
            }
            listing => listing,
        }
    }

    /// Whether the source cannot be reached. A tree of its own is made as needed.
    fn is_away(&self) -> bool {
        !self.own_tree && self.disk.metadata(&self.root).is_err()
    }

    fn stamp_of(&self, path: &Path) -> Option<Stamp> {
        Stamp::of(&*self.disk, path)
    }

    /// What the file on the disk says; `None` where it cannot be read.
    fn reads(&self, path: &Path) -> Option<Fingerprint> {
        self.read(path).ok().map(|documents| timeless::fingerprint(&documents))
    }

    fn read(&self, path: &Path) -> Result<Vec<WorkspaceStatus>, Unreadable> {
        let content = self.disk.read(path, MAX_BYTES).map_err(Unreadable::Io)?;
        let text = String::from_utf8(content.bytes).map_err(|_| Unreadable::Io(io::ErrorKind::InvalidData.into()))?;
        yaml::from_str(&text).map_err(|error| Unreadable::Form(Box::new(error)))
    }

    /// Where the files have a tree of their own, its directories are made first; beside manifests, one that is gone stays gone.
    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        if self.own_tree {
            self.disk.create_dir_all(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        }
        replace(&*self.disk, path, text.as_bytes(), 0o644)
    }

    fn remove_empty_parents(&self, path: &Path) {
        let below_root = |parent: &&Path| *parent != self.root && parent.starts_with(&self.root);
        for parent in path.ancestors().skip(1).take_while(below_root) {
            // Fails where something is left in it, as it should.
            if self.disk.remove_dir(parent).is_err() {
                break;
            }
        }
    }

    /// What the file with a stamp says: what was written into it, unless somebody else has replaced it.
    fn said(&self, manifest: &str, path: &Path, stamp: Stamp) -> Option<Fingerprint> {
        let known = self.known().get(manifest).filter(|known| known.stamp == stamp).map(|known| known.says.clone());
        known.or_else(|| self.reads(path))
    }

    /// What is known is right after every single change of it, so a panic elsewhere does not spoil it.
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether documents are those that Wharf wrote for a manifest.
fn speak_of(documents: &[WorkspaceStatus], manifest: &str) -> bool {
    !documents.is_empty() && documents.iter().all(|document| document.metadata.manifest == manifest)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
