//! Secrets: where they are kept, how they reach a container, and how it is noticed that they changed.
//!
//! | what a manifest says | where the value is | how it gets there | a changed value |
//! |---|---|---|---|
//! | `valueFrom.file` | a file beside the manifest | environment | a new container |
//! | `valueFrom.secretRef` | the directory of secrets | environment | a new container |
//! | `volumes.secret`, several values | the directory of secrets | a directory of files in memory | files replaced in place |
//! | `volumes.secret`, one value | the directory of secrets | a file in memory | a new container |
//!
//! A single file cannot be replaced in place: what is mounted is the file itself, not its name.
//!
//! **The directory of secrets** belongs to the controller's user and to nobody else (0700, files 0600 or 0400). The secret `db` is one of:
//! the file `db`; the directory `db`, a file for each key; `db.age`; `db.sops.yaml`, `db.sops.json` or `db.sops.env`. Encrypted ones
//! are decrypted by the installed `age` and `sops`, into memory.
//!
//! **The files in memory** are below the runtime directory, which has to be a tmpfs: `INSTANCE/UID/SLOT`. They are written before each
//! creation and each start, so that they are there after the machine has started anew, and removed when nothing of the workspace runs
//! any more.
//!
//! **Changes** are noticed by comparing hashes that need a key, which is in the state directory and nowhere else. The hash of what a
//! container was created with is its label [`SECRETS`](crate::model::labels::SECRETS). Where there is no label, or one of another key,
//! the values in force are not known; those that are there at the first look then count as such. So neither an upgrade nor the loss
//! of the state directory replaces a container. Values are read again only when the stamps of their files differ.

mod content;
mod directory;
mod hash;
mod programs;
mod runtime;
mod uses;
mod vault;
mod wanted;

use std::path::PathBuf;

pub use vault::{Look, Secrets};

/// More than this, in bytes, is a mistake: the kernel refuses larger environments.
const LARGEST_VALUE: u64 = 128 * 1024;

/// Where secrets are kept and where they are put.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of secrets; `None`: there are none but those of `valueFrom.file`.
    pub dir: Option<PathBuf>,
    /// The identity file that `age`, and `sops` where it uses age, decrypt with.
    pub age_identity: Option<PathBuf>,
    /// Where secrets that are mounted are put.
    pub runtime_dir: PathBuf,
    /// Whether that may be another file system than a tmpfs, so that secrets may reach a disk.
    pub allow_disk: bool,
    /// Whether nothing is written: neither files nor the key.
    pub only_looks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: None,
            age_identity: None,
            runtime_dir: PathBuf::from("/run/wharf"),
            allow_disk: false,
            only_looks: false,
        }
    }
}

/// What is wrong with a secret, without anything of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {place} cannot be {verb}: {message}; {help}")]
pub struct SecretError {
    /// What of the manifest wants it: `environment variable TOKEN`.
    pub field: String,
    /// The file, directory or secret.
    pub place: String,
    /// `read` or `written`.
    pub verb: &'static str,
    /// Why.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What is wrong, before it is known who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    place: String,
    verb: &'static str,
    message: String,
    help: String,
}

#[expect(clippy::needless_pass_by_value, reason = "texts of every kind, most of them made for this")]
impl Problem {
    fn reading(place: impl ToString, message: impl ToString, help: impl Into<String>) -> Self {
        Self { place: place.to_string(), verb: "read", message: message.to_string(), help: help.into() }
    }

    fn writing(place: impl ToString, message: impl ToString, help: impl Into<String>) -> Self {
        Self { place: place.to_string(), verb: "written", message: message.to_string(), help: help.into() }
    }

    fn of(self, field: &str) -> SecretError {
        let Self { place, verb, message, help } = self;
        SecretError { field: field.to_owned(), place, verb, message, help }
    }
}
