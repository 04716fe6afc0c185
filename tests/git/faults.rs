//! Whatever goes wrong between the remote and here: the last good commit stays in force, and the error says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use wharf::source::Reading;
use wharf::source::git::{GitSettings, GitSource, Reference, Synced};

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, files, manifest, processes_with, these};

/// A source with one commit in force, of which then something is broken.
struct Broken {
    remote: Remote,
    local: Local,
    source: GitSource,
}

impl Broken {
    async fn with(change: impl FnOnce(&mut GitSettings)) -> Self {
        let (remote, local) = (Remote::new(), Local::new());
        let mut source = local.open_with(&remote.url(), change).await;
        assert_changed(source.sync().await);
        Self { remote, local, source }
    }

    async fn assert_stays(&mut self, words: &[&str]) {
        let before = self.source.reading();
        let message = assert_failed(self.source.sync().await);
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
        assert_eq!(self.source.reading(), before);
        assert!(matches!(before, Reading::Complete(_)));
        assert_eq!(self.source.state().last_error.as_ref().unwrap().message, message);
        assert!(self.source.pause() > self.source.options().interval * 3 / 2);
    }

    async fn assert_recovers(&mut self, files: &[(&str, &str)]) {
        self.source.sync().await.unwrap();
        assert_eq!(declared(&self.source), these(files));
        assert_eq!(self.source.state().last_error, None);
        assert!(self.source.pause() < self.source.options().interval * 3 / 2);
    }
}

#[tokio::test]
async fn the_remote_goes_away_and_comes_back() {
    let mut broken = Broken::with(|_| {}).await;
    let away = broken.remote.path().with_extension("away");
    fs::rename(broken.remote.path(), &away).unwrap();
    broken.assert_stays(&["no such repository", "check the path", "git: "]).await;
    let since = broken.source.state().last_error.as_ref().unwrap().since;
    broken.assert_stays(&["no such repository"]).await;
    assert_eq!(broken.source.state().last_error.as_ref().unwrap().since, since);
    fs::rename(&away, broken.remote.path()).unwrap();
    broken.assert_recovers(&[("api.yaml", "api")]).await;
}

#[tokio::test]
async fn the_branch_is_deleted_and_restored() {
    let mut broken = Broken::with(|settings| settings.reference = Reference::Branch("main".into())).await;
    broken.remote.git(&["branch", "-M", "main", "other"]);
    broken.assert_stays(&["branch main", "does not exist there", "restore it"]).await;
    broken.remote.git(&["branch", "-M", "other", "main"]);
    broken.assert_recovers(&[("api.yaml", "api")]).await;
}

#[tokio::test]
async fn the_subpath_is_missing_or_no_directory() {
    let (remote, local) = (Remote::new(), Local::new());
    remote.write("team/web.yaml", &manifest("web"));
    remote.commit("Add the team");
    let mut source = local.open_with(&remote.url(), |settings| settings.subpath = "team".into()).await;
    assert_changed(source.sync().await);
    let mut broken = Broken { remote, local, source };
    broken.remote.git(&["mv", "team", "moved"]);
    broken.remote.commit("Move the team");
    broken.assert_stays(&["subpath `team`", "does not exist", "correct the subpath"]).await;
    broken.remote.write("team", "a file");
    broken.remote.commit("Leave a file");
    broken.assert_stays(&["is not a directory"]).await;
    fs::remove_file(broken.remote.path().join("team")).unwrap();
    broken.remote.git(&["mv", "moved", "team"]);
    broken.remote.commit("Move it back");
    broken.assert_recovers(&[("web.yaml", "web")]).await;
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_refused_by_its_id() {
    let (remote, local) = (Remote::new(), Local::new());
    let reference = Reference::Revision("1".repeat(40));
    let mut source = local.open_with(&remote.url(), |settings| settings.reference = reference).await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("by its ID") && message.contains("follow the tag"), "{message}");
    assert!(matches!(source.reading(), Reading::Lost(why) if why.contains(&message)));
}

#[tokio::test]
async fn a_file_of_the_options_goes_away() {
    let keys = Local::new();
    let ca = keys.root().join("ca.pem");
    fs::write(&ca, "none").unwrap();
    let local = Local::new();
    let mut source = local.open_with("https://127.0.0.1:1/x", |settings| settings.ca_file = Some(ca.clone())).await;
    fs::remove_file(&ca).unwrap();
    let message = assert_failed(source.sync().await);
    assert!(message.contains("CA file") && message.contains("check the path"), "{message}");
}

#[tokio::test]
async fn nobody_listens() {
    let local = Local::new();
    let mut source = local.open("https://127.0.0.1:1/x").await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("cannot be reached"), "{message}");
}

#[tokio::test]
async fn a_damaged_copy_is_replaced_while_its_commit_stays_in_force() {
    type Damage = fn(&Path, usize);
    let (overwritten, removed): (Damage, Damage) = (
        |path, length| {
            fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
            fs::write(path, vec![0; length]).unwrap();
        },
        |path, _| fs::remove_file(path).unwrap(),
    );
    for damage in [overwritten, removed] {
        for pushed in [false, true] {
            let mut broken = Broken::with(|_| {}).await;
            let before = broken.source.reading();
            if pushed {
                broken.remote.write("web.yaml", &manifest("web"));
                broken.remote.commit("Add the site");
            }
            for (path, content) in files(&broken.local.repository().join("objects")) {
                damage(&path, content.len());
            }
            assert_eq!(broken.source.reading(), before);
            let expected = [("api.yaml", "api"), ("web.yaml", "web")];
            broken.assert_recovers(&expected[..=usize::from(pushed)]).await;
            let Broken { remote, local, source } = broken;
            drop(source);
            let mut source = local.open(&remote.url()).await;
            source.sync().await.unwrap();
            assert_eq!(declared(&source), these(&expected[..=usize::from(pushed)]));
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_damaged_when_it_is_opened_says_so_and_is_replaced() {
    for damage in ["objects", "HEAD", "refs"] {
        let Broken { remote, local, source } = Broken::with(|_| {}).await;
        drop(source);
        let path = local.repository().join(damage);
        if damage == "refs" {
            let good = files(&path).into_keys().find(|path| path.ends_with("good")).unwrap();
            fs::write(good, "garbage").unwrap();
        } else if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let mut source = local.open(&remote.url()).await;
        assert!(matches!(source.reading(), Reading::Lost(why) if why.contains("git failed")), "{damage}");
        assert_changed(source.sync().await);
        assert_eq!(declared(&source), these(&[("api.yaml", "api")]));
        drop(source);
        assert_eq!(declared(&local.open(&remote.url()).await), these(&[("api.yaml", "api")]));
    }
}

#[tokio::test]
async fn a_server_that_never_ends_is_left_after_the_time_limit_with_all_processes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    // Connections are taken by the kernel, and nobody ever answers.
    let local = Local::new();
    let mut source = local.open_with(&url, |settings| settings.limits.time = Duration::from_millis(700)).await;
    let begun = Instant::now();
    let message = assert_failed(source.sync().await);
    assert!(message.contains("did not end within 0.7 s"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    crate::rig::eventually("git and its helpers end", || processes_with(&url).is_empty().then_some(()));
}

#[tokio::test]
async fn a_sync_that_is_dropped_ends_all_processes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    let local = Local::new();
    let mut source = local.open(&url).await;
    {
        let sync = source.sync();
        tokio::pin!(sync);
        tokio::select! {
            synced = &mut sync => panic!("ended: {synced:?}"),
            connected = listener.accept() => drop(connected.unwrap()),
        }
    }
    crate::rig::eventually("git and its helpers end", || processes_with(&url).is_empty().then_some(()));
    assert!(matches!(source.reading(), Reading::Lost(_)));
}

#[tokio::test]
async fn what_is_run_has_limits_of_the_kernel_and_nothing_of_our_environment() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    let local = Local::new();
    let mut source = local.open_with(&url, |settings| settings.limits.bytes = 1 << 20).await;
    let sync = source.sync();
    tokio::pin!(sync);
    // As long as it is open, git waits for an answer.
    let _connection = tokio::select! {
        synced = &mut sync => panic!("ended: {synced:?}"),
        connected = listener.accept() => connected.unwrap(),
    };
    let processes = processes_with(&url);
    assert!(processes.len() >= 2, "git and what speaks https: {processes:?}");
    for process in processes {
        let limits = fs::read_to_string(process.join("limits")).unwrap();
        for (what, most) in [("Max file size", 1_u64 << 20), ("Max address space", 4 << 30)] {
            let line = limits.lines().find(|line| line.starts_with(what)).unwrap();
            assert!(line.contains(&most.to_string()), "{line}");
        }
        let environment = fs::read(process.join("environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment);
        assert!(environment.contains("GIT_CONFIG_NOSYSTEM=1") && !environment.contains("CARGO"), "{environment}");
    }
}

#[tokio::test]
async fn limits_are_kept_and_named() {
    let mut broken = Broken::with(|settings| {
        settings.limits.bytes = 1 << 20;
        settings.limits.files = 20;
    })
    .await;
    for number in 0..20 {
        broken.remote.write(&format!("many/{number}.yaml"), &manifest("many"));
    }
    broken.remote.commit("Add many");
    broken.assert_stays(&["manifests and symbolic links", "limit of 20 files"]).await;
    broken.remote.git(&["rm", "-r", "--quiet", "many"]);
    // Noise cannot be compressed.
    let mut noise = vec![0; 4 << 20];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut noise).unwrap();
    fs::write(broken.remote.path().join("noise"), noise).unwrap();
    broken.remote.commit("Add noise");
    broken.assert_stays(&["larger than the limit of bytes"]).await;
    let bytes = broken.local.bytes();
    broken.assert_stays(&["larger than the limit of bytes"]).await;
    assert!(broken.local.bytes() <= bytes + (1 << 18), "{bytes} {}", broken.local.bytes());
    broken.remote.git(&["rm", "--quiet", "noise"]);
    broken.remote.commit("Remove it");
    broken.assert_recovers(&[("api.yaml", "api")]).await;
    // Zeros can, so that they are small on the way.
    for number in 0..10 {
        broken.remote.write(&format!("{number}.yaml"), &format!("{number}{}", " ".repeat(200_000)));
    }
    broken.remote.commit("Add blanks");
    broken.assert_stays(&["bytes of all manifests", "1048576 bytes"]).await;
}

#[tokio::test]
async fn an_unchanged_sync_after_an_error_is_a_success() {
    let mut broken = Broken::with(|_| {}).await;
    let head = broken.remote.path().join(".git/HEAD");
    let content = fs::read(&head).unwrap();
    fs::remove_file(&head).unwrap();
    broken.assert_stays(&["no such repository"]).await;
    fs::write(&head, content).unwrap();
    assert_eq!(broken.source.sync().await.unwrap(), Synced::Unchanged);
    assert_eq!(broken.source.state().last_error, None);
}
