//! What a sync needs of git: narrow, so that every step of it can be watched, stopped or made to fail.

use std::future::Future;

use super::error::SyncError;
use super::listing::Entry;
use crate::model::source::Revision;

/// A copy of one repository, of which it holds two commits: the candidate that was fetched last, and the good one that is in
/// force. A call that is dropped is ended with all that it started, and what it leaves is put right by [`Git::tidy`].
pub trait Git: Send + Sync + 'static {
    /// Removes what calls left that were ended, and objects that nothing needs any more, when they are many.
    fn tidy(&self) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// Makes the commit that the remote has now the candidate.
    fn fetch(&self) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// One of the two commits; `None` when there is none yet.
    fn commit(&self, which: Which) -> impl Future<Output = Result<Option<Commit>, SyncError>> + Send;

    /// Whether somebody has signed it who is trusted; fine when no signature is asked for.
    fn verify(&self, which: Which, commit: &Commit) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// Everything below the subpath in a commit. Paths are relative to the subpath.
    fn entries(&self, commit: &Commit) -> impl Future<Output = Result<Vec<Entry>, SyncError>> + Send;

    /// Which of these paths, relative to the repository's root, are files in a commit.
    fn files(&self, commit: &Commit, paths: &[String]) -> impl Future<Output = Result<Vec<String>, SyncError>> + Send;

    /// The contents of blobs, in their order.
    fn blobs(&self, blobs: &[Blob]) -> impl Future<Output = Result<Vec<Vec<u8>>, SyncError>> + Send;

    /// Makes the candidate the good commit: at once, or not at all.
    fn accept(&self) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// Sets the copy aside and begins an empty one, if it is damaged. Returns whether it was.
    fn renew(&self) -> impl Future<Output = Result<bool, SyncError>> + Send;
}

/// One of the two commits that a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that was fetched last.
    Candidate,
    /// The one in force.
    Good,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What is told of it.
    pub revision: Revision,
    /// The IDs of those that it follows.
    pub parents: Vec<String>,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob {
    /// Its ID.
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Commit {
    /// Its ID.
    pub fn id(&self) -> &str {
        &self.revision.commit
    }
}
