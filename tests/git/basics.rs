//! Which commit comes into force, and which manifests it has.

use std::path::Path;

use wharf::source::git::{Lineage, Reference, Synced};
use wharf::source::{Reading, SourceFile};

use crate::rig::{Local, Remote, assert_changed, declared, manifest, snapshot, these};

#[tokio::test]
async fn a_commit_comes_into_force_and_the_next_one_after_it() {
    let (remote, local) = (Remote::new(), Local::new());
    let first = remote.head();
    let mut source = local.open(&remote.url()).await;
    assert!(matches!(source.reading(), Reading::Lost(why) if why.contains("has not been read yet")));
    assert_eq!(assert_changed(source.sync().await), Lineage::First);
    assert_eq!(declared(&source), these(&[("api.yaml", "api")]));
    let revision = source.state().revision.clone().unwrap();
    assert_eq!((revision.commit, revision.subject.as_str()), (first, "Add the API"));
    assert_eq!(revision.author, "Ada <ada@example.com>");
    assert!(source.state().last_sync.is_some());

    remote.write("team/web.yml", &manifest("web"));
    let second = remote.commit("Add the site");
    assert_eq!(assert_changed(source.sync().await), Lineage::Follows);
    assert_eq!(declared(&source), these(&[("api.yaml", "api"), ("team/web.yml", "web")]));
    assert_eq!(source.state().revision.as_ref().unwrap().commit, second);
    assert_eq!(source.sync().await.unwrap(), Synced::Unchanged);
}

#[tokio::test]
async fn what_did_not_change_is_not_parsed_again() {
    let (remote, local) = (Remote::new(), Local::new());
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    assert_eq!(source.parses(), 1);
    let before = snapshot(&source);
    source.sync().await.unwrap();
    remote.write("web.yaml", &manifest("web"));
    remote.commit("Add the site");
    assert_changed(source.sync().await);
    assert_eq!(source.parses(), 2);
    let after = snapshot(&source);
    let (SourceFile::Read(old), SourceFile::Read(new)) = (&before.files["api.yaml"], &after.files["api.yaml"]) else {
        panic!("not read");
    };
    assert!(std::sync::Arc::ptr_eq(old, new));
}

#[tokio::test]
async fn a_subpath_is_followed_alone_and_paths_begin_there() {
    let (remote, local) = (Remote::new(), Local::new());
    remote.write("clusters/here/team/web.yaml", &manifest("web"));
    remote.write("clusters/there/web.yaml", &manifest("other"));
    remote.commit("Add clusters");
    let mut source = local.open_with(&remote.url(), |settings| settings.subpath = "./clusters//here/".into()).await;
    assert_changed(source.sync().await);
    assert_eq!(declared(&source), these(&[("team/web.yaml", "web")]));
    let SourceFile::Read(file) = &snapshot(&source).files["team/web.yaml"] else { panic!("not read") };
    assert_eq!(file.directory, Path::new("/srv/base/team"));
}

#[tokio::test]
async fn names_decide_as_in_a_directory() {
    let (remote, local) = (Remote::empty(), Local::new());
    for path in
        [".hidden.yaml", ".github/x.yaml", "api.status.yaml", "README.md", "x.yaml~", "a.yaml", "b.json", "c.yml"]
    {
        remote.write(path, &manifest("x"));
    }
    remote.write("directory.yaml/x.yaml", &manifest("x"));
    remote.commit("All kinds of names");
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    let files = declared(&source);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a.yaml", "b.json", "c.yml", "directory.yaml"]);
    assert!(files["directory.yaml"].contains("is a directory"), "{files:?}");
}

#[tokio::test]
async fn branches_tags_and_revisions_are_followed() {
    let (remote, local) = (Remote::new(), Local::new());
    let first = remote.head();
    remote.git(&["tag", "v1"]);
    remote.git(&["tag", "-a", "-m", "Signed off", "v1-annotated"]);
    remote.write("web.yaml", &manifest("web"));
    remote.commit("Add the site");
    remote.git(&["branch", "release/1.x"]);
    remote.write("more.yaml", &manifest("more"));
    remote.commit("Add more");
    let follow = [
        (Reference::Head, 3),
        (Reference::Branch("main".into()), 3),
        (Reference::Branch("release/1.x".into()), 2),
        (Reference::Tag("v1".into()), 1),
        (Reference::Tag("v1-annotated".into()), 1),
        (Reference::Revision(first), 1),
    ];
    for (reference, files) in follow {
        // One place for all: what was in force for another reference is not taken for this one.
        let mut source = local.open_with(&remote.url(), |settings| settings.reference = reference.clone()).await;
        assert!(matches!(source.reading(), Reading::Lost(_)), "{reference}");
        assert_changed(source.sync().await);
        assert_eq!(declared(&source).len(), files, "{reference}");
        assert_eq!(source.sync().await.unwrap(), Synced::Unchanged);
    }
}

#[tokio::test]
async fn a_commit_without_manifests_is_a_complete_and_empty_snapshot() {
    let (remote, local) = (Remote::new(), Local::new());
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    remote.git(&["rm", "--quiet", "api.yaml"]);
    remote.write("README.md", "Nothing here");
    remote.commit("Remove all");
    assert_changed(source.sync().await);
    assert_eq!(declared(&source), these(&[]));
}

#[tokio::test]
async fn rewritten_history_is_followed_and_said() {
    let (remote, local) = (Remote::new(), Local::new());
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    remote.git(&["checkout", "--quiet", "--orphan", "new"]);
    remote.write("web.yaml", &manifest("web"));
    remote.commit("Begin anew");
    remote.git(&["branch", "-M", "new", "main"]);
    assert_eq!(assert_changed(source.sync().await), Lineage::Other);
    assert_eq!(declared(&source), these(&[("api.yaml", "api"), ("web.yaml", "web")]));
}

#[tokio::test]
async fn what_was_in_force_is_read_back_without_the_remote() {
    let (remote, local) = (Remote::new(), Local::new());
    let url = remote.url();
    let mut source = local.open(&url).await;
    assert_changed(source.sync().await);
    let (before, revision) = (source.reading(), source.state().revision.clone());
    drop((source, remote));
    let source = local.open(&url).await;
    assert_eq!(source.reading(), before);
    assert_eq!(source.state().revision, revision);
    assert_eq!(source.state().last_error, None);
}

#[tokio::test]
async fn a_state_directory_has_one_owner() {
    let (remote, local) = (Remote::new(), Local::new());
    let source = local.open(&remote.url()).await;
    let options = source.options().clone();
    let second = wharf::source::git::GitSource::open(options.clone()).await;
    assert!(second.unwrap_err().to_string().contains("in use by another"));
    drop(source);
    wharf::source::git::GitSource::open(options).await.unwrap();
}
