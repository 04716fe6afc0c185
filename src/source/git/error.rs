//! Why a sync failed. Whatever it is, the last good commit stays in force.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::options::InvalidGitOptions;

/// Why a repository cannot be followed at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory cannot be used.
    #[error("cannot {operation} `{}` ({source}): check the disk and the permissions of the state directory", path.display())]
    Disk {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process, or another source of this one, has the directory.
    #[error("`{}` is in use by another source or another wharf: give each source a state directory of its own", .0.display())]
    InUse(PathBuf),
    /// git cannot be run, or cannot make a repository.
    #[error(transparent)]
    Git(#[from] SyncError),
}

/// Why a sync failed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A file that the options name cannot be used any more.
    #[error(transparent)]
    Options(#[from] InvalidGitOptions),
    /// The program is missing.
    #[error("cannot run `git` ({0}): install git 2.39 or newer, and see that it is in the PATH of wharf")]
    Program(io::Error),
    /// Nothing came from the remote, or nothing that is taken.
    #[error("cannot fetch {reference} from `{address}`: {refusal}{}", said(said_by_git))]
    Fetch {
        /// The repository.
        address: String,
        /// What of it, in words.
        reference: String,
        /// What is known of the reason, and what to do.
        refusal: Refusal,
        /// git's own words, shortened, without secrets.
        said_by_git: String,
    },
    /// The sync took too long.
    #[error(
        "the sync did not end within {} s and was ended: the server or the way to it is slow; raise the time limit, or \
         follow a smaller repository",
        .0.as_secs_f32()
    )]
    Time(Duration),
    /// There is more than is taken.
    #[error(
        "{what} of the repository exceed the limit of {limit}: raise it, or follow a smaller subpath or repository"
    )]
    Limit {
        /// What is too much.
        what: &'static str,
        /// How much there may be, with its unit.
        limit: String,
    },
    /// Nobody who is trusted has signed the commit.
    #[error(
        "commit {commit} has no signature that is trusted: let somebody sign it whose key is among those given in `verify`, \
         or add their key{}",
        said(said_by_git)
    )]
    Unverified {
        /// Its ID.
        commit: String,
        /// git's own words.
        said_by_git: String,
    },
    /// The commit does not have the directory with the manifests.
    #[error("the subpath `{subpath}` {what} in commit {commit}: restore it, or correct the subpath")]
    Subpath {
        /// As in the options.
        subpath: String,
        /// `does not exist` or `is not a directory`.
        what: &'static str,
        /// The commit's ID.
        commit: String,
    },
    /// The copy of the repository on this machine does not work.
    #[error(
        "git failed to {operation}: check that the state directory's disk has space; a damaged copy is replaced by itself{}",
        said(said_by_git)
    )]
    Copy {
        /// What was tried.
        operation: &'static str,
        /// git's own words.
        said_by_git: String,
    },
    /// A file of the copy cannot be changed.
    #[error("cannot {operation} `{}` ({source}): check the disk and the permissions of the state directory", path.display())]
    Disk {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A parser panicked.
    #[error(transparent)]
    Panicked(#[from] crate::disk::Panicked),
}

/// Why the remote gave nothing, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No connection.
    #[error("the server cannot be reached; check the address, the network and the server")]
    Unreachable,
    /// The ssh server is not the one that is known.
    #[error(
        "the server's key is not the one in the known_hosts file; if the server was set up anew, and only then, write its \
         new key there"
    )]
    HostKey,
    /// The https server's certificate is not trusted.
    #[error("the server's certificate is not trusted; give the CA file that signed it, or correct the address")]
    Certificate,
    /// Who we are is not accepted.
    #[error("access is denied; check that the token or key is valid and may read the repository")]
    Denied,
    /// No repository is there.
    #[error("there is no such repository, or nothing that this key or token may see; check the path in the url")]
    Repository,
    /// A directory of this machine that is somebody else's.
    #[error("the repository belongs to another user; make it the property of the user who runs wharf, or use ssh")]
    Owner,
    /// The branch or tag does not exist.
    #[error("it does not exist there; restore it, or follow another")]
    Reference,
    /// The server gives only what has a name.
    #[error(
        "the server does not have this commit or gives none by its ID; tag the commit and follow the tag, or set \
         uploadpack.allowReachableSHA1InWant on the server"
    )]
    Revision,
    /// Somewhere else.
    #[error("the server sends to another address; write that address into the url")]
    Redirect,
    /// Larger than the limit.
    #[error("the download is larger than the limit of bytes; raise it, or follow a smaller repository")]
    Size,
    /// No space here.
    #[error("the disk of the state directory is full; make space")]
    Disk,
    /// A repository with malformed or dangerous objects.
    #[error("the repository has objects that git's own checks refuse; rewrite the commits that hold them")]
    Objects,
    /// A repository of SHA-256 objects.
    #[error("the repository uses SHA-256 objects, which are not supported; follow one that uses SHA-1")]
    Hash,
    /// Any other reason.
    #[error("git gives this reason")]
    Other,
}

/// Why statuses could not be pushed. Whatever it is, syncs go on.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The branch cannot be fetched, or the copy of it does not work.
    #[error("the statuses are not pushed: {0}")]
    Sync(#[from] SyncError),
    /// The branch is the repository's own.
    #[error(
        "the statuses are not pushed to `{branch}` of `{address}`: it is the repository's default branch, whose files they would \
         replace; choose another status branch"
    )]
    Default {
        /// The repository.
        address: String,
        /// The branch.
        branch: String,
    },
    /// The remote does not take them.
    #[error("cannot push the statuses to branch {branch} of `{address}`: {rejection}{}", said(said_by_git))]
    Push {
        /// The repository.
        address: String,
        /// The branch.
        branch: String,
        /// What is known of the reason, and what to do.
        rejection: Rejection,
        /// git's own words, shortened, without secrets.
        said_by_git: String,
    },
}

/// Why the remote did not take what was pushed, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Who may read may not write.
    #[error("access is denied; check that the token or key is valid and give it the right to write to the repository")]
    Permission,
    /// A hook, or a rule of the forge.
    #[error(
        "a hook of the server or the protection of the branch refuses it; let whom the token or key belongs to push to this \
         branch, or choose another status branch"
    )]
    Rule,
    /// The branch is not where it was a moment ago.
    #[error("somebody else pushes to it all the time; leave the branch to one wharf alone")]
    Moved,
    /// Nothing arrived.
    #[error("{0}")]
    Way(Refusal),
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" (git: {words})") }
}
