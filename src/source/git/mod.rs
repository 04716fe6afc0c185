//! Manifests out of a git repository: complete snapshots of a commit, through the `git` program.
//!
//! ```text
//! GitSource::sync ─▶ fetch ─▶ candidate ─▶ verify ─▶ entries ─▶ tree: which manifests ─▶ blobs ─▶ manifest::parse ─▶ accept
//!                      │                                                                                               │
//!                  any failure: the last good commit stays in force                                  one ref: the new or the old
//! ```
//!
//! A repository is written by people who need not be this machine's administrators. So nothing of it is checked out or run,
//! links lead nowhere but into the commit, and time, memory and bytes are limited ([`GitLimits`]). git itself finds an empty
//! environment, in a process group of its own that does not outlive a sync.
//!
//! The other way round, a [`Publisher`] pushes statuses to a branch of the same repository, out of a copy of its own.
//!
//! [`Git`] is what a sync needs of git, [`Program`] fills it, [`schedule`] says when the next sync is.

mod address;
mod error;
mod listing;
mod options;
mod place;
mod port;
mod program;
mod publish;
mod reader;
mod run;
pub mod schedule;
mod setting;
mod sync;
mod tree;
mod words;

pub use address::{Address, InvalidAddress, Transport};
pub use error::{OpenError, PublishError, Refusal, Rejection, SyncError};
pub use listing::{Entry, EntryKind};
pub use options::{GitLimits, GitOptions, GitSettings, InvalidGitOptions, Reference, SshAccess, TokenAccess, Verify};
pub use port::{Blob, Commit, Git, Which};
pub use program::Program;
pub use publish::{Publication, Published, Publisher};
pub use sync::{GitSource, GitState, Lineage, Synced};
