//! Confirmed deletions: how a person tells a controller that what it holds may be deleted.
//!
//! A file in the state directory, because it must work whether or not a controller runs, and survive until one has
//! acted on it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::disk::{Disk, replace};
use crate::model::Name;

/// The file that holds confirmed deletions.
fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("confirmed.json")
}

/// Records that these workspaces may be deleted; added to what was recorded before and not acted on yet.
pub fn confirm(disk: &dyn Disk, state_dir: &Path, names: &BTreeSet<Name>) -> Result<(), StoreError> {
    let all: BTreeSet<Name> = confirmed(disk, state_dir)?.union(names).cloned().collect();
    let path = path(state_dir);
    let failed = |error| StoreError::io("record the confirmation in", path.clone(), error);
    let text = serde_json::to_vec(&all).map_err(|error| failed(error.into()))?;
    replace(disk, &path, &text, 0o600).map_err(failed)
}

/// The deletions that were confirmed and not acted on yet.
pub fn confirmed(disk: &dyn Disk, state_dir: &Path) -> Result<BTreeSet<Name>, StoreError> {
    /// Far more than the names of all workspaces there can be.
    const LIMIT: u64 = 16 << 20;
    let failed = |error| StoreError::io("read the confirmation in", path(state_dir), error);
    match disk.read(&path(state_dir), LIMIT) {
        Ok(content) => serde_json::from_slice(&content.bytes).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(failed(error)),
    }
}

/// Forgets the confirmations: they were acted on.
pub fn forget_confirmed(disk: &dyn Disk, state_dir: &Path) -> Result<(), StoreError> {
    match disk.remove_file(&path(state_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove the confirmation in", path(state_dir), error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Host;

    #[test]
    fn confirmations_add_up_until_they_are_acted_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let names = |text: &str| text.split(' ').map(|name| name.parse().expect("a name")).collect::<BTreeSet<Name>>();
        assert!(confirmed(&Host, directory.path()).expect("readable").is_empty());
        confirm(&Host, directory.path(), &names("a b")).expect("writable");
        confirm(&Host, directory.path(), &names("b c")).expect("writable");
        assert_eq!(confirmed(&Host, directory.path()).expect("readable"), names("a b c"));
        forget_confirmed(&Host, directory.path()).expect("removable");
        forget_confirmed(&Host, directory.path()).expect("removing nothing is fine");
        assert!(confirmed(&Host, directory.path()).expect("readable").is_empty());
    }
}
