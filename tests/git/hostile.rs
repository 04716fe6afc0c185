//! Repositories made to harm: nothing of them is run, nothing is written outside of the copy, and what cannot be taken is said.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use wharf::source::SourceFile;
use wharf::source::git::Synced;

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, files, manifest, snapshot};

/// A command that leaves a mark, and the mark.
struct Canary {
    place: Local,
}

impl Canary {
    fn new() -> Self {
        Self { place: Local::new() }
    }

    fn mark(&self) -> PathBuf {
        self.place.root().join("mark")
    }

    fn command(&self) -> String {
        format!("touch {}", self.mark().display())
    }

    #[track_caller]
    fn assert_alive(&self) {
        assert!(!self.mark().exists(), "something of the repository was run");
    }
}

#[tokio::test]
async fn submodules_hooks_filters_and_configuration_are_not_run() {
    let (remote, local, canary) = (Remote::new(), Local::new(), Canary::new());
    let command = canary.command();
    remote.write(
        ".gitmodules",
        &format!("[submodule \"x\"]\n\tpath = sub\n\turl = ext::{command}\n\tupdate = !{command}\n"),
    );
    remote.write(".gitattributes", "*.yaml filter=x diff=x merge=x export-subst\n");
    remote.write("hooks/post-checkout", &format!("#!/bin/sh\n{command}\n"));
    let entry = format!("160000,{},sub", remote.head());
    remote.git(&["add", "--all"]);
    remote.git(&["update-index", "--add", "--cacheinfo", &entry]);
    remote.git(&["commit", "--quiet", "-m", "Lay traps"]);
    for hook in
        ["post-upload-pack", "pre-receive", "update", "post-checkout", "reference-transaction", "fsmonitor-watchman"]
    {
        let path = remote.path().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{command}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    for name in
        ["uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "filter.x.smudge", "diff.x.textconv"]
    {
        remote.git(&["config", name, &command]);
    }
    let mut source = local.open(&remote.url()).await;
    match source.sync().await {
        Ok(Synced::Changed(_)) => assert_eq!(declared(&source)["api.yaml"], "api"),
        // Newer checks of git refuse such a `.gitmodules` as a whole.
        other => assert!(assert_failed(other).contains("git's own checks refuse")),
    }
    canary.assert_alive();
}

#[tokio::test]
async fn what_the_user_and_the_machine_configured_is_not_used() {
    let (remote, local, canary) = (Remote::new(), Local::new(), Canary::new());
    let mut source = local.open(&remote.url()).await;
    // What somebody leaves where git takes its home to be.
    fs::write(
        local.state().join("home/.gitconfig"),
        format!(
            "[core]\n\tfsmonitor = {0}\n\tsshCommand = {0}\n[url \"ext::{0}\"]\n\tinsteadOf = file://\n",
            canary.command()
        ),
    )
    .unwrap();
    assert_changed(source.sync().await);
    canary.assert_alive();
}

#[tokio::test]
async fn nothing_is_written_outside_of_the_copy() {
    let (remote, local) = (Remote::empty(), Local::new());
    remote.link("evil", "../../..");
    remote.link("state", local.root().to_str().unwrap());
    remote.write("api.yaml", &manifest("api"));
    remote.commit("Link out");
    let neighbour = local.root().join("neighbour");
    fs::write(&neighbour, "untouched").unwrap();
    let outside = || {
        files(local.root()).into_iter().filter(|(path, _)| !path.starts_with(local.state())).collect::<BTreeMap<_, _>>()
    };
    let before = outside();
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    assert_eq!(outside(), before);
    assert_eq!(declared(&source)["api.yaml"], "api");
}

#[tokio::test]
async fn a_huge_manifest_is_told_as_in_a_directory_and_not_read() {
    let (remote, local) = (Remote::new(), Local::new());
    let file = fs::File::create(remote.path().join("big.yaml")).unwrap();
    file.set_len(200 << 20).unwrap();
    remote.commit("Add 200 MB of zeros");
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    let mut directory = wharf::source::Directory::new(&remote.path(), Vec::new());
    let wharf::source::Reading::Complete(expected) = directory.scan() else { panic!("lost") };
    let manifest_of = |file: &SourceFile| match file {
        SourceFile::Read(file) => file.manifest.clone(),
        SourceFile::Unreadable(why) => panic!("{why}"),
    };
    let found = snapshot(&source);
    assert_eq!(manifest_of(&found.files["big.yaml"]), manifest_of(&expected.files["big.yaml"]));
    assert_eq!(declared(&source)["api.yaml"], "api");
    assert!(local.bytes() < 2 << 20, "{}", local.bytes());
}

/// A stream for `git fast-import` with one commit of many files of one content.
fn many_files(count: usize, extension: &str) -> String {
    let mut stream = String::from(
        "blob\nmark :1\ndata 1\nx\ncommit refs/heads/main\ncommitter A <a@b> 1767225600 +0000\ndata 4\nMany\n",
    );
    stream.extend((0..count).map(|number| format!("M 100644 :1 {}/{number}.{extension}\n", number % 100)));
    stream + "\n"
}

#[tokio::test]
async fn fifty_thousand_manifests_are_too_many_and_as_many_other_files_are_not() {
    let (remote, local) = (Remote::empty(), Local::new());
    remote.git_with(&["fast-import", "--quiet", "--force"], many_files(50_000, "txt").as_bytes());
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    assert!(declared(&source).is_empty());
    remote.git_with(&["fast-import", "--quiet", "--force"], many_files(50_000, "yaml").as_bytes());
    let message = assert_failed(source.sync().await);
    assert!(message.contains("10000 files"), "{message}");
    assert!(declared(&source).is_empty());
}

#[tokio::test]
async fn names_of_any_bytes_are_told_without_them() {
    let (remote, local) = (Remote::new(), Local::new());
    let blob = remote.blob(manifest("x").as_bytes());
    let inner = remote.git_with(&["mktree"], format!("100644 blob {blob}\tx.yaml\n").as_bytes());
    let link = remote.blob(b"x.yaml");
    remote.commit_raw_tree(&[
        ("100644", b"--upload-pack=touch.yaml", &blob),
        ("100644", b"-x.yaml", &blob),
        ("100644", b"a\nb.yaml", &blob),
        ("100644", b"bell\x07.txt", &blob),
        ("100644", b"esc\x1b[31m.yaml", &blob),
        ("100644", b"latin\xe9.yaml", &blob),
        ("120000", b"link\x01", &link),
        ("40000", b"odd\xff", &inner),
        ("100644", b"plain.yaml", &blob),
    ]);
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    let files = declared(&source);
    for path in ["--upload-pack=touch.yaml", "-x.yaml", "plain.yaml"] {
        assert_eq!(files[path], "x", "{files:?}");
    }
    for path in ["a\\nb.yaml", "esc\\u{1b}[31m.yaml", "latin\u{fffd}.yaml", "link\\u{1}", "odd\u{fffd}/x.yaml"] {
        assert!(
            files.get(path).is_some_and(|what| what.starts_with("! ") && what.contains("rename it")),
            "{path}: {files:?}"
        );
    }
    assert_eq!(files.len(), 8, "{files:?}");
}

#[tokio::test]
async fn trees_that_lead_upwards_are_refused_as_a_whole() {
    for name in [&b".."[..], b".git", b"a/b.yaml", b"."] {
        let (remote, local) = (Remote::new(), Local::new());
        let mut source = local.open(&remote.url()).await;
        assert_changed(source.sync().await);
        let blob = remote.blob(manifest("evil").as_bytes());
        let inner = remote.git_with(&["mktree"], format!("100644 blob {blob}\tx.yaml\n").as_bytes());
        let entry =
            if name.contains(&b'/') { ("100644", name, blob.as_str()) } else { ("40000", name, inner.as_str()) };
        remote.commit_raw_tree(&[entry]);
        let message = assert_failed(source.sync().await);
        assert!(message.contains("git's own checks refuse"), "{message}");
        assert_eq!(declared(&source).len(), 1);
        assert!(!local.state().join("damaged").exists(), "the copy is whole");
    }
}
