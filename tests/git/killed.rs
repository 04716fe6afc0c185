//! Ended at every step of a sync, and at any time of it: what is read back is the old commit or the new one, whole.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wharf::source::git::{Blob, Commit, Entry, Git, GitOptions, GitSource, Lineage, Program, SyncError, Synced, Which};

use crate::rig::{Local, Remote, assert_changed, declared, manifest, processes_with, snapshot};

/// A git that stops before or after one of its calls, as if the process had ended there.
struct Stopping {
    git: Program,
    left: AtomicUsize,
}

impl Stopping {
    fn step(&self) -> Result<(), SyncError> {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let ended = || SyncError::Program(std::io::Error::other("the process has ended"));
        before.map(drop).map_err(|_| ended())
    }

    async fn around<T>(&self, call: impl Future<Output = Result<T, SyncError>>) -> Result<T, SyncError> {
        self.step()?;
        let answer = call.await?;
        self.step()?;
        Ok(answer)
    }
}

impl Git for Stopping {
    async fn tidy(&self) -> Result<(), SyncError> {
        self.around(self.git.tidy()).await
    }
    async fn fetch(&self) -> Result<(), SyncError> {
        self.around(self.git.fetch()).await
    }
    async fn commit(&self, which: Which) -> Result<Option<Commit>, SyncError> {
        self.around(self.git.commit(which)).await
    }
    async fn verify(&self, which: Which, commit: &Commit) -> Result<(), SyncError> {
        self.around(self.git.verify(which, commit)).await
    }
    async fn entries(&self, commit: &Commit) -> Result<Vec<Entry>, SyncError> {
        self.around(self.git.entries(commit)).await
    }
    async fn files(&self, commit: &Commit, paths: &[String]) -> Result<Vec<String>, SyncError> {
        self.around(self.git.files(commit, paths)).await
    }
    async fn blobs(&self, blobs: &[Blob]) -> Result<Vec<Vec<u8>>, SyncError> {
        self.around(self.git.blobs(blobs)).await
    }
    async fn accept(&self) -> Result<(), SyncError> {
        self.around(self.git.accept()).await
    }
    async fn renew(&self) -> Result<bool, SyncError> {
        self.around(self.git.renew()).await
    }
}

const NEVER: usize = usize::MAX;

/// Opens with a git that stops after so many steps of a sync.
async fn stopping(options: &GitOptions, steps: usize) -> GitSource<Stopping> {
    let git = Stopping { git: Program::open(options.clone()).await.unwrap(), left: AtomicUsize::new(NEVER) };
    let source = GitSource::with(git, options.clone()).await;
    source.git().left.store(steps, Ordering::SeqCst);
    source
}

#[tokio::test]
async fn ended_at_every_step_the_old_commit_or_the_new_one_is_read_back() {
    let (remote, local) = (Remote::new(), Local::new());
    let options = GitOptions::new(local.settings(&remote.url())).unwrap();
    assert_changed(local.open(&remote.url()).await.sync().await);
    let (mut steps, mut old, mut new) = (0, 0, 0);
    loop {
        let before = declared(&local.open(&remote.url()).await);
        remote.write(&format!("{steps}.yaml"), &manifest(&format!("w{steps}")));
        remote.commit("Add one");
        let synced = stopping(&options, steps).await.sync().await;
        let mut source = local.open(&remote.url()).await;
        assert_eq!(source.state().last_error, None, "after {steps} steps");
        let after = declared(&source);
        if after == before {
            old += 1;
            assert_changed(source.sync().await);
        } else {
            new += 1;
            assert_eq!(source.sync().await.unwrap(), Synced::Unchanged);
        }
        assert_eq!(declared(&source).len(), steps + 2, "after {steps} steps");
        if synced.is_ok() {
            break;
        }
        steps += 1;
    }
    // Seven calls, each with two sides; the switch is in the last.
    assert!(steps >= 14 && old >= 12 && new >= 2, "{steps} steps, {old} old, {new} new");
}

#[tokio::test]
async fn ended_at_any_time_the_old_commit_or_the_new_one_is_read_back() {
    let (remote, local) = (Remote::new(), Local::new());
    let mut former = 1;
    for round in 0..40 {
        remote.write(&format!("{round}.yaml"), &manifest(&format!("w{round}")));
        remote.commit("Add one");
        let mut source = local.open(&remote.url()).await;
        // From before the first process to after the last.
        let time = Duration::from_millis(4 * round);
        let _ = tokio::time::timeout(time, source.sync()).await;
        drop(source);
        let source = local.open(&remote.url()).await;
        assert_eq!(source.state().last_error, None, "after {time:?}");
        if source.state().revision.is_some() {
            let files = snapshot(&source).files.len();
            assert!(files >= former && files <= usize::try_from(round).unwrap() + 2, "{files} files after {time:?}");
            former = files;
        }
    }
    let mut source = local.open(&remote.url()).await;
    source.sync().await.unwrap();
    assert_eq!(declared(&source).len(), 41);
    let leftovers = crate::rig::files(&local.repository());
    let leftover = leftovers.keys().find(|path| path.to_string_lossy().contains("tmp_") || path.ends_with(".lock"));
    assert_eq!(leftover, None);
}

#[tokio::test]
async fn what_a_killed_wharf_left_running_is_ended_first() {
    let (remote, local) = (Remote::new(), Local::new());
    drop(local.open(&remote.url()).await);
    let state = local.state();
    let canary = format!("wharf-orphan-{}", std::process::id());
    // As a git does that outlives the wharf that started it: it has the lock, and has written down its group.
    let script = format!("echo $$ >{}/running; exec sh -c 'sleep 1000; : {canary}'", state.display());
    let mut orphan = std::os::unix::process::CommandExt::process_group(&mut Command::new("flock"), 0)
        .args(["--no-fork", "--exclusive"])
        .arg(state.join("work"))
        .args(["sh", "-c", &script])
        .spawn()
        .unwrap();
    crate::rig::eventually("the orphan has the lock", || {
        std::fs::read_to_string(state.join("running")).ok().filter(|id| id.trim() == orphan.id().to_string())
    });
    std::fs::write(local.repository().join("shallow.lock"), "").unwrap();
    let mut source = local.open(&remote.url()).await;
    assert!(!orphan.wait().unwrap().success());
    assert_eq!(processes_with(&canary), Vec::<std::path::PathBuf>::new());
    assert_eq!(assert_changed(source.sync().await), Lineage::First);
}
