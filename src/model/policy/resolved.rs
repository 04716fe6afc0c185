//! Where paths of the host lead to, as it was looked up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where paths lead to, symbolic links followed. A path that was not looked up counts as one that cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    found: BTreeMap<PathBuf, Resolution>,
}

/// Where a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// To this path, which is absolute and has no symbolic link in it.
    Path(PathBuf),
    /// To nothing; it would be here, absolute and without a symbolic link in it.
    Missing(PathBuf),
    /// That cannot be found out; the text says why.
    Unreadable(String),
}

impl Resolved {
    /// What was found out about a path, as it was asked for.
    pub fn get(&self, path: &Path) -> Option<&Resolution> {
        self.found.get(path)
    }
}

impl FromIterator<(PathBuf, Resolution)> for Resolved {
    fn from_iter<I: IntoIterator<Item = (PathBuf, Resolution)>>(found: I) -> Self {
        Self { found: found.into_iter().collect() }
    }
}
