//! Following a repository: one sync after the other, each of which comes into force whole or not at all.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;

use super::error::{OpenError, Refusal, SyncError};
use super::options::{GitOptions, Reference};
use super::port::{Commit, Git, Which};
use super::program::Program;
use super::reader::Reader;
use super::schedule;
use crate::model::source::{Revision, SourceError};
use crate::source::{Reading, Snapshot};

/// A repository that is followed. The controller's loop is: wait for [`GitSource::pause`], [`GitSource::sync`],
/// [`GitSource::reading`].
#[derive(Debug)]
pub struct GitSource<G = Program> {
    git: G,
    options: GitOptions,
    reader: Reader,
    good: Option<Good>,
    state: GitState,
    failures: u32,
    seed: u64,
}

/// Where a repository stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitState {
    /// The commit in force.
    pub revision: Option<Revision>,
    /// When the remote was last asked with success, by this process.
    pub last_sync: Option<crate::model::time::Time>,
    /// Why the last sync failed.
    pub last_error: Option<SourceError>,
}

/// What came of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// The commit in force is the one that the remote has.
    Unchanged,
    /// Another commit is in force.
    Changed(Lineage),
}

/// How a commit that came into force continues the one before. A copy has one commit and no history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// There was none before.
    First,
    /// The former one is its parent.
    Follows,
    /// The former one is not its parent: several commits were pushed, or history was rewritten.
    Other,
}

#[derive(Clone, Debug)]
struct Good {
    commit: Commit,
    snapshot: Snapshot,
    /// Whether the copy holds it as its good commit; not after a damaged copy was replaced.
    is_kept: bool,
}

impl GitSource<Program> {
    /// Takes possession of the state directory and reads back what was in force when it was last used. Asks no remote.
    pub async fn open(options: GitOptions) -> Result<Self, OpenError> {
        let git = Program::open(options.clone()).await?;
        Ok(Self::with(git, options).await)
    }
}

impl<G: Git> GitSource<G> {
    /// As [`Self::open`], with a git of the caller's.
    pub async fn with(git: G, options: GitOptions) -> Self {
        let seed = RandomState::new().hash_one(0);
        let (reader, state) = (Reader::default(), GitState::default());
        let mut source = Self { git, options, reader, good: None, state, failures: 0, seed };
        match source.timed(Step::ReadBack).await {
            Ok(_) => {}
            Err(error) => source.fail(&error),
        }
        source
    }

    /// Asks the remote for its commit, and brings it into force if it is another one. After an error the last good commit stays
    /// in force. Takes as long as the limit at most; when it is dropped before, all that it started is ended.
    pub async fn sync(&mut self) -> Result<Synced, SyncError> {
        let synced = self.timed(Step::Sync).await;
        match &synced {
            Ok(_) => {
                self.failures = 0;
                self.state.last_sync = Some(Timestamp::now().into());
                self.state.last_error = None;
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.fail(error);
            }
        }
        synced
    }

    /// The manifests of the commit in force.
    pub fn reading(&self) -> Reading {
        match (&self.good, &self.state.last_error) {
            (Some(good), _) => Reading::Complete(good.snapshot.clone()),
            (None, Some(error)) => Reading::Lost(format!("nothing has been read yet: {}", error.message)),
            (None, None) => Reading::Lost(format!("`{}` has not been read yet: it is about to be", self.options.url)),
        }
    }

    /// Where the repository stands.
    pub fn state(&self) -> &GitState {
        &self.state
    }

    /// What is followed.
    pub fn options(&self) -> &GitOptions {
        &self.options
    }

    /// How long to wait for the next sync after the last; see [`schedule::delay`].
    pub fn pause(&self) -> Duration {
        schedule::delay(self.options.interval, self.failures, self.seed)
    }

    /// What runs git.
    pub fn git(&self) -> &G {
        &self.git
    }

    /// How many manifests have been parsed so far, in all syncs.
    pub fn parses(&self) -> u64 {
        self.reader.parses()
    }

    async fn timed(&mut self, step: Step) -> Result<Synced, SyncError> {
        let time = self.options.limits.time;
        let work = async {
            match step {
                Step::ReadBack => self.read_back().await,
                Step::Sync => self.attempt().await,
            }
        };
        tokio::time::timeout(time, work).await.unwrap_or(Err(SyncError::Time(time)))
    }

    fn fail(&mut self, error: &SyncError) {
        let message = error.to_string();
        let same = self.state.last_error.take().filter(|former| former.message == message);
        self.state.last_error = Some(same.unwrap_or_else(|| SourceError { message, since: Timestamp::now().into() }));
    }

    /// Reads what is in force according to the copy. Who may sign may have changed since.
    async fn read_back(&mut self) -> Result<Synced, SyncError> {
        let Some(commit) = self.git.commit(Which::Good).await? else { return Ok(Synced::Unchanged) };
        self.git.verify(Which::Good, &commit).await?;
        let snapshot = self.reader.read(&self.git, &self.options, &commit).await?;
        Ok(self.take(commit, snapshot))
    }

    async fn attempt(&mut self) -> Result<Synced, SyncError> {
        self.options.check_files()?;
        let error = match self.follow().await {
            Err(error) if may_be_damage(&error) => error,
            other => return other,
        };
        if !self.git.renew().await? {
            return Err(error);
        }
        tracing::warn!(repository = %self.options.url, %error, "the copy of the repository is damaged: fetching it anew");
        if let Some(good) = &mut self.good {
            good.is_kept = false;
        }
        self.follow().await
    }

    async fn follow(&mut self) -> Result<Synced, SyncError> {
        self.git.tidy().await?;
        let kept = self.good.as_ref().filter(|good| good.is_kept).map(|good| good.commit.id().to_owned());
        if let (Reference::Revision(wanted), Some(kept)) = (&self.options.reference, &kept)
            && wanted == kept
        {
            return Ok(Synced::Unchanged);
        }
        self.git.fetch().await?;
        let missing = || SyncError::Copy { operation: "find what it fetched", said_by_git: String::new() };
        let commit = self.git.commit(Which::Candidate).await?.ok_or_else(missing)?;
        if kept.as_deref() == Some(commit.id()) {
            return Ok(Synced::Unchanged);
        }
        self.git.verify(Which::Candidate, &commit).await?;
        let snapshot = self.reader.read(&self.git, &self.options, &commit).await?;
        self.git.accept().await?;
        Ok(self.take(commit, snapshot))
    }

    fn take(&mut self, commit: Commit, snapshot: Snapshot) -> Synced {
        let former = self.good.as_ref().map(|good| good.commit.id().to_owned());
        let synced = match former {
            None => Synced::Changed(Lineage::First),
            Some(former) if former == commit.id() => Synced::Unchanged,
            Some(former) if commit.parents.contains(&former) => Synced::Changed(Lineage::Follows),
            Some(_) => Synced::Changed(Lineage::Other),
        };
        self.state.revision = Some(commit.revision.clone());
        self.good = Some(Good { commit, snapshot, is_kept: true });
        synced
    }
}

#[derive(Clone, Copy)]
enum Step {
    ReadBack,
    Sync,
}

/// Whether a copy that does not work may be the reason.
pub(super) fn may_be_damage(error: &SyncError) -> bool {
    match error {
        SyncError::Copy { .. } => true,
        SyncError::Fetch { refusal, .. } => {
            matches!(refusal, Refusal::Other | Refusal::Objects | Refusal::Repository | Refusal::Size)
        }
        _ => false,
    }
}
