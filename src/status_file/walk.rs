//! Finding status files in a tree.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::StatusFileError;
use super::names::{SUFFIX, is_temporary};
use crate::disk::{Disk, Entry, Kind};

/// What was found below a root.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Status files: the path relative to the root with `/` between components, and the whole path. Sorted.
    pub(super) status_files: Vec<(String, PathBuf)>,
    /// Temporary files that [`crate::disk::replace`] left behind.
    pub(super) temporaries: Vec<PathBuf>,
}

/// What becomes of symbolic links to directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// What they lead to is listed, as a source does.
    Followed,
    /// They are left out.
    LeftOut,
}

/// Lists the tree below a directory: hidden directories are left out. A directory that can be reached in several ways is
/// listed once.
///
/// # Errors
/// When the root cannot be listed. Directories below that cannot be listed (or were removed meanwhile) are left out:
/// nothing is concluded from a status file that is not there.
pub(super) fn walk(disk: &dyn Disk, root: &Path, links: Links) -> Result<Listing, StatusFileError> {
    let mut listing = Listing::default();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((directory, prefix)) = waiting.pop() {
        let is_new = disk.metadata(&directory).map_or(true, |metadata| seen.insert(metadata.identity));
        if !is_new {
            continue;
        }
        let listed = disk.list(&directory, &mut |entry| {
            waiting.extend(listing.take(disk, entry, &prefix, links));
            ControlFlow::Continue(())
        });
        match listed {
            Err(source) if prefix.is_empty() => return Err(StatusFileError::List { path: directory, source }),
            Ok(()) | Err(_) => {}
        }
    }
    listing.status_files.sort_unstable();
    Ok(listing)
}

impl Listing {
    /// Takes in an entry; returns it when it is a directory to be listed. Names that are not UTF-8 are none that Wharf
    /// gives.
    fn take(&mut self, disk: &dyn Disk, entry: &dyn Entry, prefix: &str, links: Links) -> Option<(PathBuf, String)> {
        let name = entry.name().into_string().ok()?;
        let kind = entry.kind().ok()?;
        let relative = format!("{prefix}{name}");
        let leads_to_directory = || disk.metadata(&entry.path()).is_ok_and(|found| found.kind == Kind::Directory);
        if kind == Kind::File && is_temporary(&name) {
            self.temporaries.push(entry.path());
        } else if name.starts_with('.') {
            return None;
        } else if kind == Kind::File && name.len() > SUFFIX.len() && name.ends_with(SUFFIX) {
            self.status_files.push((relative, entry.path()));
        } else if kind == Kind::Directory || (kind == Kind::Link && links == Links::Followed && leads_to_directory()) {
            return Some((entry.path(), relative + "/"));
        }
        None
    }
}
