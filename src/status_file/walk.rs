//! Finding status files in a tree.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::StatusFileError;
use super::names::SUFFIX;
use super::replace::is_temporary;

/// What was found below a root.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Status files: the path relative to the root with `/` between components, and the whole path. Sorted.
    pub(super) status_files: Vec<(String, PathBuf)>,
    /// Temporary files of [`super::replace`].
    pub(super) temporaries: Vec<PathBuf>,
}

/// Lists the tree below a directory as a source does: hidden directories are left out, symbolic links to directories
/// are followed. A directory that can be reached in several ways is listed once.
///
/// # Errors
/// When the root cannot be listed. Directories below that cannot be listed (or were removed meanwhile) are left out:
/// nothing is concluded from a status file that is not there.
pub(super) fn walk(root: &Path) -> Result<Listing, StatusFileError> {
    let mut listing = Listing::default();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((directory, prefix)) = waiting.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(source) if prefix.is_empty() => return Err(StatusFileError::List { path: directory, source }),
            Err(_) => continue,
        };
        let is_new = fs::metadata(&directory).is_ok_and(|metadata| seen.insert((metadata.dev(), metadata.ino())));
        if is_new {
            for entry in entries.flatten() {
                waiting.extend(listing.take(&entry, &prefix));
            }
        }
    }
    listing.status_files.sort_unstable();
    Ok(listing)
}

impl Listing {
    /// Takes in an entry; returns it when it is a directory to be listed. Names that are not UTF-8 are none that Wharf
    /// gives.
    fn take(&mut self, entry: &DirEntry, prefix: &str) -> Option<(PathBuf, String)> {
        let name = entry.file_name().into_string().ok()?;
        let kind = entry.file_type().ok()?;
        let relative = format!("{prefix}{name}");
        if kind.is_file() && is_temporary(&name) {
            self.temporaries.push(entry.path());
        } else if name.starts_with('.') {
            return None;
        } else if kind.is_file() && name.len() > SUFFIX.len() && name.ends_with(SUFFIX) {
            self.status_files.push((relative, entry.path()));
        } else if kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()) {
            return Some((entry.path(), relative + "/"));
        }
        None
    }
}
