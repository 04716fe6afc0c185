//! Which instance a state directory was used for last: what is judged by its records must be that instance's.

use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::disk::{Disk, replace};
use crate::model::Instance;

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("instance")
}

/// Remembers the instance; what is remembered already is not written again.
pub fn remember_instance(disk: &dyn Disk, state_dir: &Path, instance: &Instance) -> Result<(), StoreError> {
    if remembered_instance(disk, state_dir).is_ok_and(|known| known.as_ref() == Some(instance)) {
        return Ok(());
    }
    let text = format!("{instance}\n");
    replace(disk, &path(state_dir), text.as_bytes(), 0o644)
        .map_err(|error| StoreError::io("remember the instance in", path(state_dir), error))
}

/// The instance that a controller ran as here last; `None` when none has, or only one that did not say so.
pub fn remembered_instance(disk: &dyn Disk, state_dir: &Path) -> Result<Option<Instance>, StoreError> {
    let failed = |error| StoreError::io("read the instance in", path(state_dir), error);
    match disk.read(&path(state_dir), 1024) {
        Ok(content) => {
            let text = String::from_utf8_lossy(&content.bytes).trim().to_owned();
            let instance = text.parse().map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
            Ok(Some(instance))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Host;

    #[test]
    fn the_last_instance_is_remembered() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(remembered_instance(&Host, directory.path()).expect("readable"), None);
        for name in ["a", "b"] {
            let instance: Instance = name.parse().expect("valid");
            remember_instance(&Host, directory.path(), &instance).expect("writable");
            assert_eq!(remembered_instance(&Host, directory.path()).expect("readable"), Some(instance));
        }
        std::fs::write(path(directory.path()), "no name\n").expect("writable");
        assert!(remembered_instance(&Host, directory.path()).is_err());
    }
}
