//! Listing a source: which manifests there are, without reading them.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::names::{Role, role};
use super::observer::Observer;
use crate::disk::{self, Disk, Identity, Kind, Metadata};

/// Deeper directories are reported, not entered.
const MAX_DEPTH: usize = 64;
/// More manifests than this are a mistake, such as a source directory that is a home directory.
const MAX_FILES: usize = 20_000;
/// As many directories; each one costs a watch.
const MAX_DIRECTORIES: usize = 20_000;
/// The name under which the root itself is reported.
const ROOT: &str = ".";

/// What was found, in the order of the paths, each once: relative to the root with `/` between components.
pub(super) type Listing = Vec<(String, Entry)>;

/// A manifest, or a directory that could not be listed.
#[derive(Debug)]
pub(super) enum Entry {
    /// A regular file.
    File(Stamp),
    /// Anything else; the text says why it cannot be read, and what to do.
    Unreadable(String),
}

/// All that changes when a file's content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: Identity,
    bytes: u64,
    modified: SystemTime,
    changed: SystemTime,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let Metadata { identity, bytes, modified, changed, .. } = *metadata;
        Self { identity, bytes, modified, changed }
    }

    /// Whether the last change is older than the second that `time` is in.
    pub(super) fn is_before(&self, time: SystemTime) -> bool {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.modified.max(self.changed) < UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

/// Lists everything below `root`, following symbolic links. `Err`: the root itself cannot be listed.
pub(super) fn walk(
    disk: &dyn Disk,
    root: &Path,
    excluded: &[PathBuf],
    observer: &mut dyn Observer,
) -> Result<Listing, String> {
    let identity = match disk.metadata(root) {
        Ok(metadata) if metadata.kind == Kind::Directory => metadata.identity,
        Ok(_) => return Err(lost(root, "is not a directory")),
        Err(error) => return Err(lost(root, &format!("cannot be reached ({error})"))),
    };
    // By identity, so that it does not matter by which of its names a directory is reached or excluded.
    let excluded = excluded.iter().filter_map(|path| disk.metadata(path).ok()).map(|found| found.identity).collect();
    let mut walk =
        Walk { disk, observer, excluded, ancestors: Vec::new(), directories: 0, files: 0, listing: Listing::new() };
    walk.directory(root, "", identity).map_err(|error| lost(root, &format!("cannot be listed ({error})")))?;
    let mut listing = walk.listing;
    listing.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    // Names that are not UTF-8 may look alike; a directory may be unreadable for two reasons.
    listing.dedup_by(|(a, _), (b, _)| a == b);
    Ok(listing)
}

fn lost(root: &Path, what: &str) -> String {
    let root = root.display();
    format!("the source directory `{root}` {what}: restore, mount or permit it; nothing is deleted until then")
}

struct Walk<'a> {
    disk: &'a dyn Disk,
    observer: &'a mut dyn Observer,
    excluded: Vec<Identity>,
    /// The directories between the root and here. A link back to one of them adds nothing but a loop.
    ancestors: Vec<Identity>,
    directories: usize,
    files: usize,
    listing: Listing,
}

impl Walk<'_> {
    /// Lists one directory and those in it. `prefix` is its relative path with a `/` at the end, empty for the root.
    fn directory(&mut self, path: &Path, prefix: &str, identity: Identity) -> io::Result<()> {
        if self.excluded.contains(&identity) || self.ancestors.contains(&identity) {
            return Ok(());
        }
        if let Some(why) = self.bounds() {
            self.unreadable(own_name(prefix), why);
            return Ok(());
        }
        self.directories += 1;
        self.observer.before_listing(path, identity);
        let mut inner = Vec::new();
        let disk = self.disk;
        disk.list(path, &mut |entry| {
            if self.files >= MAX_FILES {
                return ControlFlow::Break(());
            }
            self.entry(entry, prefix, &mut inner);
            ControlFlow::Continue(())
        })?;
        // Only now: one open directory at a time, however deep the tree.
        self.ancestors.push(identity);
        for (path, prefix, identity) in inner {
            self.inner_directory(&path, &prefix, identity);
        }
        self.ancestors.pop();
        if let Some(why) = self.bounds() {
            self.unreadable(own_name(prefix), why);
        }
        Ok(())
    }

    fn bounds(&self) -> Option<String> {
        let (bound, what) = if self.ancestors.len() >= MAX_DEPTH {
            (MAX_DEPTH, "directories above this one")
        } else if self.files >= MAX_FILES {
            (MAX_FILES, "manifest files in the source")
        } else if self.directories >= MAX_DIRECTORIES {
            (MAX_DIRECTORIES, "directories in the source")
        } else {
            return None;
        };
        Some(format!("was not listed in full: there are {bound} or more {what}; choose a smaller source directory"))
    }

    fn inner_directory(&mut self, path: &Path, prefix: &str, identity: Identity) {
        match self.directory(path, prefix, identity) {
            // It was there a moment ago. What it held counts as missing, which is not yet gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.unreadable(own_name(prefix), cannot("list", &error)),
            Ok(()) => {}
        }
    }

    fn entry(&mut self, entry: &dyn disk::Entry, prefix: &str, inner: &mut Vec<(PathBuf, String, Identity)>) {
        let name = entry.name();
        let role = role(&name);
        // Most other files are never looked at: in a project's tree they are many.
        if role == Role::Ignored || (role == Role::Other && entry.kind().is_ok_and(|kind| kind == Kind::File)) {
            return;
        }
        let relative = format!("{prefix}{}", name.to_string_lossy());
        let metadata = match self.resolve(entry) {
            Ok(metadata) => metadata,
            // Removed since it was listed; a link to nothing would still be there itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound && entry.metadata().is_err() => return,
            Err(error) => return self.unreadable(&relative, cannot("follow", &error)),
        };
        match role {
            Role::Manifest => {
                self.files += 1;
                // Stands for what is not UTF-8, in the name or in that of a directory above.
                let found = if relative.contains('\u{fffd}') { not_utf8() } else { manifest(&metadata) };
                self.listing.push((relative, found));
            }
            _ if metadata.kind == Kind::Directory => inner.push((entry.path(), relative + "/", metadata.identity)),
            _ => {}
        }
    }

    /// The metadata of what an entry leads to.
    fn resolve(&self, entry: &dyn disk::Entry) -> io::Result<Metadata> {
        let metadata = entry.metadata()?;
        if metadata.kind == Kind::Link { self.disk.metadata(&entry.path()) } else { Ok(metadata) }
    }

    fn unreadable(&mut self, relative: &str, why: String) {
        self.listing.push((relative.to_owned(), Entry::Unreadable(why)));
    }
}

fn own_name(prefix: &str) -> &str {
    prefix.strip_suffix('/').unwrap_or(ROOT)
}

fn manifest(metadata: &Metadata) -> Entry {
    if metadata.kind == Kind::File {
        Entry::File(Stamp::of(metadata))
    } else {
        Entry::Unreadable(not_a_file(metadata.kind))
    }
}

/// Why something with a manifest's name is not read.
pub(super) fn not_a_file(kind: Kind) -> String {
    let what = match kind {
        Kind::Directory => "directory",
        Kind::Pipe => "named pipe",
        Kind::Socket => "socket",
        Kind::File | Kind::Link | Kind::Device => "device",
    };
    format!("is a {what}, not a file: rename it, or move it out of the source directory")
}

fn not_utf8() -> Entry {
    Entry::Unreadable("has a name or is in a directory whose name is not UTF-8: rename it".to_owned())
}

/// Why an operation failed, and what to do about it.
pub(super) fn cannot(operation: &str, error: &io::Error) -> String {
    let help = match error.kind() {
        io::ErrorKind::NotFound => "restore what the symbolic link leads to, or remove the link",
        io::ErrorKind::PermissionDenied => "give the user who runs wharf the permission to read it",
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => "remove the symbolic link",
        _ => "check the disk, the mount and the limits of the process",
    };
    format!("cannot {operation} it ({error}): {help}")
}
