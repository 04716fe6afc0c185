//! Which instance a source is.
//!
//! The default is made from the source's path. A source that was moved would so become another instance, to which its own containers
//! are a stranger's. `wharf adopt` therefore leaves a note in the source, beside the manifests and not in the state directory: the
//! instance is the same after the store is lost. The note counts only where it was made, so that a copy of the source is no second
//! controller of the same containers.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::CliError;
use crate::disk::{Disk, Host, replace};
use crate::model::Instance;

/// The note. Hidden files are no manifests.
pub const FILE: &str = ".wharf-instance";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    instance: Instance,
    /// The canonical path of the source for which it was made.
    source: PathBuf,
}

/// The instance of a source: the one that is given, else the one that it was said to be, else one made from its path.
pub fn of_source(source: &Path, given: Option<&Instance>) -> Result<Instance, CliError> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let canonical = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let noted = noted(source)?.filter(|note| note.source == canonical);
    Ok(noted.map_or_else(|| Instance::of_source(&canonical.to_string_lossy()), |note| note.instance))
}

/// Says which instance a source is from now on.
pub fn note(source: &Path, instance: &Instance) -> Result<(), CliError> {
    let path = source.join(FILE);
    let failed = |error| CliError::Write { path: path.clone(), source: error };
    let note = Note { instance: instance.clone(), source: source.canonicalize().map_err(failed)? };
    let text = serde_json::to_vec_pretty(&note).map_err(|error| failed(error.into()))?;
    replace(&Host, &path, &text, 0o644).map_err(failed)
}

/// What cannot be read must not make another instance of the source.
fn noted(source: &Path) -> Result<Option<Note>, CliError> {
    const LIMIT: u64 = 64 << 10;
    let path = source.join(FILE);
    let broken = |error: io::Error| CliError::InstanceNote { path: path.clone(), source: error };
    match Host.read(&path, LIMIT) {
        Ok(content) => serde_json::from_slice(&content.bytes).map(Some).map_err(|error| broken(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(broken(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_counts_where_it_was_made() {
        let place = tempfile::tempdir().expect("a directory");
        let [here, there] = ["here", "there"].map(|name| place.path().join(name));
        std::fs::create_dir(&here).expect("made");
        let old: Instance = "old".parse().expect("valid");
        let by_path = of_source(&here, None).expect("readable");
        assert_ne!(by_path, old);
        note(&here, &old).expect("writable");
        assert_eq!(of_source(&here, None).expect("readable"), old);
        let given: Instance = "given".parse().expect("valid");
        assert_eq!(of_source(&here, Some(&given)).expect("readable"), given);
        // A copy, or the source at another place, is another instance until somebody says so.
        std::fs::rename(&here, &there).expect("moved");
        assert_ne!(of_source(&there, None).expect("readable"), old);
        std::fs::write(there.join(FILE), "{").expect("writable");
        assert!(of_source(&there, None).is_err(), "what cannot be read is not passed over");
    }
}
