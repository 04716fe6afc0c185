//! What can go wrong with status files.

use std::io;
use std::path::PathBuf;

use crate::yaml::YamlError;

/// What can go wrong with status files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusFileError {
    /// A manifest's path that is not relative, clean and ending in `.yaml`, `.yml` or `.json`.
    #[error(
        "`{}` is not the path of a manifest: use one relative to the source, without `..`, such as `team/api-dev.yaml`",
        manifest.escape_debug()
    )]
    NotAManifest {
        /// The path.
        manifest: String,
    },
    /// A status file cannot be written. What it said before, it says still.
    #[error("cannot write the status file `{}`: {}", path.display(), advice(source))]
    Write {
        /// The status file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A status file cannot be removed.
    #[error("cannot remove the status file `{}`: {}", path.display(), advice(source))]
    Remove {
        /// The status file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory of status files cannot be listed.
    #[error("cannot list the status files in `{}`: {}", path.display(), advice(source))]
    List {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A status has no YAML form: a defect in Wharf.
    #[error("cannot put the status for `{}` into words: report this as a defect", path.display())]
    Encode {
        /// The status file.
        path: PathBuf,
        /// Why.
        source: Box<YamlError>,
    },
}

impl StatusFileError {
    /// Whether the directory that the status file belongs into does not exist.
    pub fn is_without_directory(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Why a status file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The file system does not give it.
    #[error("{}", advice(.0))]
    Io(#[source] io::Error),
    /// It is not what Wharf writes.
    #[error("it is not a WorkspaceStatus; a running controller writes it anew, or remove it")]
    Form(#[source] Box<YamlError>),
}

/// What is the matter and what to do, by the kind of failure; the failure's own words are the source's.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "there is no space left; free some",
        io::ErrorKind::ReadOnlyFilesystem => {
            "its file system is read-only; make it writable, or choose another place with --status-dir"
        }
        io::ErrorKind::PermissionDenied => {
            "permission is denied; give it to the user Wharf runs as, or choose another place with --status-dir"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "its directory does not exist; make it",
        io::ErrorKind::IsADirectory => "a directory is in its place; move it away",
        _ => "check its disk and file system",
    }
}
