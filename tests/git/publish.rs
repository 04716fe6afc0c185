//! What comes onto the status branch, and what becomes of it when others push or the remote refuses.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use wharf::source::git::{
    GitOptions, GitSettings, Publication, PublishError, Published, Publisher, Reference, Rejection,
};

use crate::rig::{Local, Remote, assert_changed, declared, files, manifest, these};

const BRANCH: &str = "wharf-status";

/// A remote, a place for the copies, and what pushes from there.
struct Pushing {
    remote: Remote,
    local: Local,
    publisher: Publisher,
}

impl Pushing {
    async fn new() -> Self {
        let (remote, local) = (Remote::new(), Local::new());
        let publisher = open(&local, &remote.url(), |_| {}).await;
        Self { remote, local, publisher }
    }

    async fn publish(&mut self, files: &[(&str, &str)]) -> Published {
        self.publisher.publish(&publication(files)).await.unwrap()
    }

    /// The commits of the branch, newest first: author, subject and trailer.
    fn log(&self) -> Vec<String> {
        let log = self.remote.git(&[
            "log",
            "--format=%an <%ae>|%s|%(trailers:key=Wharf-Revision,valueonly,separator=%x2C)",
            BRANCH,
        ]);
        log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    fn files(&self) -> BTreeMap<String, String> {
        let names = self.remote.git(&["ls-tree", "-r", "--name-only", BRANCH]);
        let content = |name: &str| self.remote.git(&["show", &format!("{BRANCH}:{name}")]);
        names.lines().map(|name| (name.to_owned(), content(name))).collect()
    }

    /// Somebody else's commit on the branch.
    fn meddle(&self) -> String {
        let blob = self.remote.blob(b"theirs");
        let tree = self.remote.git_with(&["mktree"], format!("100644 blob {blob}\ttheirs.txt\n").as_bytes());
        let commit = self.remote.git(&["commit-tree", "-p", BRANCH, "-m", "Meddle", &tree]);
        self.remote.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &commit]);
        commit
    }
}

fn settings(local: &Local, url: &str) -> GitSettings {
    GitSettings { status_branch: Some(BRANCH.to_owned()), ..local.settings(url) }
}

async fn open(local: &Local, url: &str, change: impl FnOnce(&mut GitSettings)) -> Publisher {
    let mut settings = settings(local, url);
    change(&mut settings);
    Publisher::open(&GitOptions::new(settings).unwrap()).await.unwrap().expect("there is a status branch")
}

fn publication(files: &[(&str, &str)]) -> Publication {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_owned())).collect();
    Publication { files, message: "Say\n\nWharf-Revision: abc\n".to_owned() }
}

fn commit_of(published: &Published) -> &str {
    match published {
        Published::Pushed { commit, over: None } => commit,
        other => panic!("not pushed without more: {other:?}"),
    }
}

#[tokio::test]
async fn the_first_push_makes_the_branch_and_each_change_one_commit() {
    let mut pushing = Pushing::new().await;
    let main = pushing.remote.head();
    let first = pushing.publish(&[("api.status.yaml", "a: 1"), ("team/w \"\\é.status.yaml", "b: 1")]).await;
    assert_eq!(pushing.log(), ["wharf <wharf@localhost>|Say|abc"]);
    assert_eq!(pushing.remote.git(&["rev-parse", BRANCH]), commit_of(&first));
    assert_eq!(pushing.remote.git(&["ls-tree", "-r", "--name-only", "-z", BRANCH]).matches("w \"\\é").count(), 1);

    let second = pushing.publish(&[("api.status.yaml", "a: 2")]).await;
    assert_eq!(pushing.files(), these(&[("api.status.yaml", "a: 2")]));
    assert_eq!(pushing.remote.git(&["rev-parse", &format!("{BRANCH}^")]), commit_of(&first));
    assert_eq!(pushing.remote.git(&["rev-parse", BRANCH]), commit_of(&second));
    commit_of(&pushing.publish(&[]).await);
    assert_eq!((pushing.files(), pushing.log().len()), (these(&[]), 3));
    assert_eq!(pushing.remote.head(), main, "what is followed is left alone");
}

#[tokio::test]
async fn the_same_files_are_not_pushed_again_also_not_by_another_process() {
    let mut pushing = Pushing::new().await;
    let status = [("api.status.yaml", "a: 1")];
    pushing.publish(&status).await;
    assert_eq!(pushing.publish(&status).await, Published::Unchanged);
    let Pushing { remote, local, publisher } = pushing;
    drop(publisher);
    let publisher = open(&local, &remote.url(), |_| {}).await;
    let mut pushing = Pushing { remote, local, publisher };
    assert_eq!(pushing.publish(&status).await, Published::Unchanged);
    assert_eq!(pushing.log().len(), 1);
    // What the process before pushed is nobody else's.
    commit_of(&pushing.publish(&[("api.status.yaml", "a: 2")]).await);
    // Neither is it forgotten when the copy is lost.
    let Pushing { remote, publisher, .. } = pushing;
    drop(publisher);
    let local = Local::new();
    let publisher = open(&local, &remote.url(), |_| {}).await;
    let mut pushing = Pushing { remote, local, publisher };
    commit_of(&pushing.publish(&[("api.status.yaml", "a: 3")]).await);
    assert_eq!(pushing.log().len(), 3);
}

#[tokio::test]
async fn what_somebody_else_pushed_is_followed_replaced_and_told_once() {
    let mut pushing = Pushing::new().await;
    pushing.publish(&[("api.status.yaml", "a: 1")]).await;
    let theirs = pushing.meddle();
    let published = pushing.publish(&[("api.status.yaml", "a: 2")]).await;
    let Published::Pushed { commit, over: Some(over) } = published else { panic!("{published:?}") };
    assert_eq!(over, (theirs.clone(), "Ada <ada@example.com>".to_owned()));
    assert_eq!(pushing.remote.git(&["rev-parse", BRANCH]), commit);
    assert_eq!(pushing.remote.git(&["rev-parse", &format!("{BRANCH}^")]), theirs, "their commit stays in the history");
    assert_eq!(pushing.files(), these(&[("api.status.yaml", "a: 2")]));
    commit_of(&pushing.publish(&[("api.status.yaml", "a: 3")]).await);
    // A branch that is removed is made again.
    pushing.remote.git(&["branch", "-D", BRANCH]);
    commit_of(&pushing.publish(&[("api.status.yaml", "a: 4")]).await);
    assert_eq!(pushing.log().len(), 1);
}

#[tokio::test]
async fn a_push_that_a_hook_refuses_says_so_and_syncs_go_on() {
    let (remote, local) = (Remote::new(), Local::new());
    let mut source = local.open_with(&remote.url(), |settings| settings.status_branch = Some(BRANCH.into())).await;
    assert_changed(source.sync().await);
    // Both at once: neither has what the other needs.
    let publisher = Publisher::open(source.options()).await.unwrap().unwrap();
    let mut pushing = Pushing { remote, local, publisher };
    let hook = pushing.remote.path().join(".git/hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho not today >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    let error = pushing.publisher.publish(&publication(&[("api.status.yaml", "a: 1")])).await.unwrap_err();
    assert!(matches!(error, PublishError::Push { rejection: Rejection::Rule, .. }), "{error:?}");
    let text = error.to_string();
    for word in [BRANCH, pushing.remote.url().as_str(), "a hook of the server", "let whom the token", "not today"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains('\n') && pushing.remote.git(&["branch", "--list", BRANCH]).is_empty(), "{text}");
    pushing.remote.write("web.yaml", &manifest("web"));
    pushing.remote.commit("Add the site");
    assert_changed(source.sync().await);
    assert_eq!(declared(&source), these(&[("api.yaml", "api"), ("web.yaml", "web")]));
    fs::remove_file(hook).unwrap();
    commit_of(&pushing.publish(&[("api.status.yaml", "a: 1")]).await);
}

#[tokio::test]
async fn a_remote_that_is_away_is_told_and_found_again() {
    let mut pushing = Pushing::new().await;
    let away = pushing.remote.path().with_extension("away");
    fs::rename(pushing.remote.path(), &away).unwrap();
    let error = pushing.publisher.publish(&publication(&[("a.status.yaml", "a: 1")])).await.unwrap_err().to_string();
    assert!(error.contains("the statuses are not pushed") && error.contains("no such repository"), "{error}");
    fs::rename(&away, pushing.remote.path()).unwrap();
    commit_of(&pushing.publish(&[("a.status.yaml", "a: 1")]).await);
}

#[tokio::test]
async fn the_branch_that_is_followed_is_never_pushed_to() {
    let (remote, local) = (Remote::new(), Local::new());
    let followed = Reference::Branch(BRANCH.to_owned());
    let error = GitOptions::new(GitSettings { reference: followed, ..settings(&local, &remote.url()) }).unwrap_err();
    assert!(error.to_string().contains("is the branch that is followed"), "{error}");
    for odd in ["-f", "refs/heads/x", "a..b", "a b", ""] {
        let odd = GitSettings { status_branch: Some(odd.to_owned()), ..local.settings(&remote.url()) };
        let error = GitOptions::new(odd).unwrap_err().to_string();
        assert!(error.contains("the status branch") && error.contains("give its name alone"), "{error}");
    }
    // Which branch the remote's own is, only the remote knows.
    let before = remote.head();
    for reference in [Reference::Head, Reference::Revision(before.clone())] {
        let mut publisher = open(&local, &remote.url(), |settings| {
            settings.status_branch = Some("main".to_owned());
            settings.reference = reference;
        })
        .await;
        let error = publisher.publish(&publication(&[("api.status.yaml", "a: 1")])).await.unwrap_err();
        assert!(matches!(error, PublishError::Default { .. }), "{error:?}");
    }
    assert_eq!(remote.head(), before);
    assert!(Publisher::open(&GitOptions::new(local.settings(&remote.url())).unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_copy_does_not_grow_with_the_pushes_and_a_damaged_one_is_replaced() {
    let mut pushing = Pushing::new().await;
    let place = pushing.local.state().join("statuses/repository");
    let mut most = 0;
    for number in 0..40 {
        pushing.publish(&[("api.status.yaml", &format!("a: {number}"))]).await;
        most = most.max(packs(&place));
    }
    assert!(most < 40, "{most} packs");
    assert_eq!(pushing.log().len(), 40);
    for path in files(&place.join("objects")).into_keys() {
        fs::remove_file(path).unwrap();
    }
    commit_of(&pushing.publish(&[("api.status.yaml", "a: last")]).await);
    assert_eq!((pushing.files(), pushing.log().len()), (these(&[("api.status.yaml", "a: last")]), 41));
}

fn packs(place: &Path) -> usize {
    files(&place.join("objects")).keys().filter(|path| path.extension().is_some_and(|it| it == "pack")).count()
}
