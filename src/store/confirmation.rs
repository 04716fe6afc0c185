//! Confirmed deletions: how a person tells a controller that what it holds may be deleted.
//!
//! A file in the state directory, because it must work whether or not a controller runs, and survive until one has
//! acted on it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::model::Name;

/// The file that holds confirmed deletions.
fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("confirmed.json")
}

/// Records that these workspaces may be deleted; added to what was recorded before and not acted on yet.
pub fn confirm(state_dir: &Path, names: &BTreeSet<Name>) -> Result<(), StoreError> {
    let all: BTreeSet<Name> = confirmed(state_dir)?.union(names).cloned().collect();
    let failed = |error| StoreError::io("record the confirmation in", path(state_dir), error);
    let mut file = tempfile::NamedTempFile::new_in(state_dir).map_err(failed)?;
    serde_json::to_writer(&mut file, &all).map_err(|error| failed(error.into()))?;
    file.flush().and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path(state_dir)).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The deletions that were confirmed and not acted on yet.
pub fn confirmed(state_dir: &Path) -> Result<BTreeSet<Name>, StoreError> {
    let failed = |error| StoreError::io("read the confirmation in", path(state_dir), error);
    match std::fs::read(path(state_dir)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(failed(error)),
    }
}

/// Forgets the confirmations: they were acted on.
pub fn forget_confirmed(state_dir: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path(state_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove the confirmation in", path(state_dir), error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_add_up_until_they_are_acted_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let names = |text: &str| text.split(' ').map(|name| name.parse().expect("a name")).collect::<BTreeSet<Name>>();
        assert!(confirmed(directory.path()).expect("readable").is_empty());
        confirm(directory.path(), &names("a b")).expect("writable");
        confirm(directory.path(), &names("b c")).expect("writable");
        assert_eq!(confirmed(directory.path()).expect("readable"), names("a b c"));
        forget_confirmed(directory.path()).expect("removable");
        forget_confirmed(directory.path()).expect("removing nothing is fine");
        assert!(confirmed(directory.path()).expect("readable").is_empty());
    }
}
