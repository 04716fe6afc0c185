//! Pushing statuses to a branch of the repository that is followed, for people who read them in the forge.
//!
//! The branch has statuses only, one commit a change. Nothing is checked out: the commit is made in a copy of its own, on top of
//! whatever the branch has, and pushed only if the branch is still there.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::{OpenError, PublishError, Rejection, SyncError};
use super::options::GitOptions;
use super::port::{Commit, Git, Which};
use super::program::Program;
use super::sync::may_be_damage;

/// Who makes the commits. No name of this machine: the repository may be public.
pub(super) const AUTHOR: &str = "wharf <wharf@localhost>";

/// How often a push is tried when somebody else pushes between a look at the branch and our push.
const ATTEMPTS: usize = 3;

/// Pushes to the status branch of a repository.
#[derive(Debug)]
pub struct Publisher {
    git: Program,
    options: GitOptions,
    branch: String,
    /// What was pushed last, by this process.
    last: Option<String>,
}

/// What a branch is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// All of its files, by their paths.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is said of the change: a subject, and whatever follows after an empty line.
    pub message: String,
}

/// What came of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The branch has these files already.
    Unchanged,
    /// A commit was pushed.
    Pushed {
        /// Its ID.
        commit: String,
        /// The commit that it follows, where that is somebody else's: its ID and author. Its files are gone from the branch.
        over: Option<(String, String)>,
    },
}

impl Publisher {
    /// Takes possession of the directory `statuses` in the source's own, and makes an empty copy there. Asks no remote. `None`: nothing
    /// is to be pushed.
    pub async fn open(options: &GitOptions) -> Result<Option<Self>, OpenError> {
        let Some(branch) = options.status_branch.clone() else { return Ok(None) };
        let options = options.for_statuses(&branch);
        let git = Program::open(options.clone()).await?;
        Ok(Some(Self { git, options, branch, last: None }))
    }

    /// Makes the branch have these files and no others. Takes as long as the limit of a sync at most; when it is dropped before, all
    /// that it started is ended, and the branch is as before or as it should be.
    pub async fn publish(&mut self, publication: &Publication) -> Result<Published, PublishError> {
        let time = self.options.limits.time;
        let work = tokio::time::timeout(time, self.publish_or_renew(publication));
        work.await.unwrap_or(Err(SyncError::Time(time).into()))
    }

    async fn publish_or_renew(&mut self, publication: &Publication) -> Result<Published, PublishError> {
        self.options.check_files().map_err(SyncError::from)?;
        let error = match self.publish_patiently(publication).await {
            Err(PublishError::Sync(error)) if may_be_damage(&error) => error,
            other => return other,
        };
        if !self.git.renew().await? {
            return Err(error.into());
        }
        tracing::warn!(repository = %self.options.url, %error, "the copy of the status branch is damaged: fetching it anew");
        self.publish_patiently(publication).await
    }

    async fn publish_patiently(&mut self, publication: &Publication) -> Result<Published, PublishError> {
        for _ in 1..ATTEMPTS {
            match self.attempt(publication).await {
                Err(PublishError::Push { rejection: Rejection::Moved, .. }) => {}
                other => return other,
            }
        }
        self.attempt(publication).await
    }

    async fn attempt(&mut self, publication: &Publication) -> Result<Published, PublishError> {
        self.git.tidy().await?;
        let parent = self.tip().await?;
        let id = parent.as_ref().map(Commit::id);
        let made = self.git.make(publication, id, Timestamp::now().as_second()).await?;
        if made.is_same {
            self.last = id.map(str::to_owned);
            return Ok(Published::Unchanged);
        }
        self.git.push(&self.branch, &made.commit, id).await?;
        let over = parent.as_ref().filter(|parent| self.is_foreign(parent));
        let over = over.map(|parent| (parent.id().to_owned(), parent.revision.author.clone()));
        self.last = Some(made.commit.clone());
        Ok(Published::Pushed { commit: made.commit, over })
    }

    /// The commit that the branch has now; `None` where there is no such branch yet.
    async fn tip(&self) -> Result<Option<Commit>, PublishError> {
        let remote = self.git.remote(&self.branch).await?;
        if remote.is_default {
            let (address, branch) = (self.options.url.to_string(), self.branch.clone());
            return Err(PublishError::Default { address, branch });
        }
        if remote.tip.is_none() {
            return Ok(None);
        }
        self.git.fetch().await?;
        let missing = || SyncError::Copy { operation: "find what it fetched", said_by_git: String::new() };
        Ok(Some(self.git.commit(Which::Candidate).await?.ok_or_else(missing)?))
    }

    /// Of what an earlier process pushed, only the author is known.
    fn is_foreign(&self, parent: &Commit) -> bool {
        self.last.as_deref().map_or(parent.revision.author != AUTHOR, |last| last != parent.id())
    }
}
