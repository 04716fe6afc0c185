//! What can go wrong with the store.

use std::io;
use std::path::PathBuf;

use super::Holder;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the state directory.
    #[error(
        "the state directory `{path}` is held by {holder}: one controller at a time uses it; stop that one, or give this one a directory of its own with --state-dir"
    )]
    Held {
        /// The state directory.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },

    /// A newer Wharf wrote the store. It was left as it is.
    #[error(
        "the store `{path}` was written by Wharf {wharf} (schema {schema}), which this version cannot read: use Wharf {wharf} or newer; or move `{path}` away, which loses history but no workspace"
    )]
    Newer {
        /// The database directory.
        path: PathBuf,
        /// The version of Wharf that wrote it.
        wharf: String,
        /// Its schema.
        schema: u32,
    },

    /// The disk or the quota is full. The store opens itself again at a later call: keep on and call again.
    #[error("no space left for the store `{path}`: free space on its file system; writing is tried again by itself")]
    Full {
        /// The database directory.
        path: PathBuf,
    },

    /// Something other than this program has the database open.
    #[error(
        "the database `{path}` is open in another process, though the state directory's lock is free: find it with `fuser {path}/db` and end it"
    )]
    Busy {
        /// The database directory.
        path: PathBuf,
    },

    /// The database is damaged. Opening sets it aside; after opening, a restart does.
    #[error(
        "the store `{path}` is damaged ({why}): restart the controller, which sets it aside and rebuilds it from manifests and labels"
    )]
    Corrupt {
        /// The database directory.
        path: PathBuf,
        /// What was found.
        why: String,
    },

    /// A file or directory could not be used.
    #[error("cannot {operation} `{path}`: check that its file system is writable and owned by the user Wharf runs as")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StoreError {
    /// From a failed file operation; a full disk is [`StoreError::Full`], whatever file met it.
    pub(super) fn io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if is_full(&source) { Self::Full { path } } else { Self::Io { operation, path, source } }
    }
}

/// Whether an error says that a disk or a quota is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
