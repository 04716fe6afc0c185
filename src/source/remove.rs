//! Removing a document from a directory, because a person asked for it.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, Kind, replace};
use crate::manifest::{MAX_BYTES, Removal, RemoveError, without};
use crate::model::Name;

/// Why a document was not removed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveDocumentError {
    /// The file cannot be read or written.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its text does not allow it.
    #[error(transparent)]
    Text(#[from] RemoveError),
}

/// What there was to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The document, and with it the file if it was the only one.
    Document,
    /// The file is gone, or does not declare the workspace any more.
    Nothing,
}

/// Removes the document that declares a workspace from a manifest; one without any other is removed itself. One that is gone already is
/// a success. `manifest` is relative to the source. Blocks; a symbolic link is replaced by a file, as an editor does.
pub fn remove_document(
    disk: &dyn Disk,
    source: &Path,
    manifest: &str,
    name: &Name,
) -> Result<Removed, RemoveDocumentError> {
    let path = source.join(manifest);
    let failed = |operation| {
        let path = path.clone();
        move |source| RemoveDocumentError::File { operation, path, source }
    };
    let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    let content = match disk.read(&path, limit) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removed::Nothing),
        Err(error) => return Err(failed("read")(error)),
    };
    if content.after.kind != Kind::File {
        return Err(failed("read")(io::ErrorKind::InvalidInput.into()));
    }
    match without(&content.bytes, name) {
        Err(RemoveError::NotThere) => return Ok(Removed::Nothing),
        Err(error) => return Err(error.into()),
        Ok(Removal::Nothing) => disk.remove_file(&path).map_err(failed("remove"))?,
        // Manifests are for many to read; what was stricter was so for the sake of its directory.
        Ok(Removal::Rest(rest)) => replace(disk, &path, rest.as_bytes(), 0o644).map_err(failed("write"))?,
    }
    Ok(Removed::Document)
}
