//! Where manifests come from. A source yields *complete* snapshots: any event only means "read again soon", and what
//! could not be read is said to be unreadable, never left out.
//!
//! [`Directory`] reads a directory once, at the cost of what changed. [`Source`] follows one: it says when to read again.
//!
//! ```text
//! notify ──event──▶ signals ──changed──▶ Source ──scan──▶ Directory ──walk──▶ read ──▶ manifest::parse
//!    ▲                 │                                    │  ▲
//!    └──── watch ◀─────┴── which file has its writer done ──┘  └─ settle: what may be believed
//! ```

mod directory;
mod follow;
pub mod git;
mod names;
mod observer;
mod place;
mod read;
mod remove;
mod settle;
mod signals;
mod walk;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use directory::Directory;
pub use follow::{Options, Source};
pub use place::{Combined, Place, Places};
pub use remove::{RemoveDocumentError, Removed, remove_document};

use crate::manifest::Manifest;
use crate::model::Name;
use crate::model::hash::Fingerprint;

/// The outcome of reading a source once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Every file was found; some may be unreadable or invalid, which the snapshot says.
    Complete(Snapshot),
    /// The source itself is missing or cannot be listed; the text says why, and what to do.
    Lost(String),
}

/// Every manifest file of a source at one time, or of several sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By path relative to the source, with `/` between components. Of several sources, paths begin with the source's name.
    pub files: BTreeMap<String, SourceFile>,
    /// Of several sources, those whose manifests are not among the files, and why: they may declare anything.
    pub lost: BTreeMap<Name, String>,
}

/// One manifest file, or one directory that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFile {
    /// It was read; its manifest may have errors.
    Read(Arc<ManifestFile>),
    /// It exists and could not be read; it may declare anything. The text says why, and what to do.
    Unreadable(String),
}

/// A manifest file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Of its bytes.
    pub fingerprint: Fingerprint,
    /// The directory it is in, absolute and as the user named it (symbolic links not resolved), for paths relative to it.
    pub directory: PathBuf,
    /// What it says.
    pub manifest: Manifest,
}

/// How changes of a source are noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The operating system tells of them.
    Watching,
    /// By looking every now and then only; the text says why, and what to do.
    Polling(String),
}
