//! Symbolic links: inside of the subpath as on a disk, and nowhere else.

use crate::rig::{Local, Remote, assert_changed, declared, manifest};

#[tokio::test]
async fn links_lead_into_the_commit_as_they_would_on_a_disk() {
    let (remote, local) = (Remote::empty(), Local::new());
    remote.write("shared/web.yaml", &manifest("web"));
    remote.write("shared/notes.txt", &manifest("notes"));
    remote.link("linked.yaml", "shared/web.yaml");
    remote.link("from-text.yaml", "shared/../shared/./notes.txt");
    remote.link("twice.yaml", "linked.yaml");
    remote.link("team", "shared");
    remote.link("deep/er/team", "../../team");
    remote.link("deep/back", "..");
    remote.link("readme", "shared/notes.txt");
    remote.link(".hidden", "../../etc");
    remote.commit("Link");
    let mut source = local.open(&remote.url()).await;
    assert_changed(source.sync().await);
    let files = declared(&source);
    for (path, name) in [
        ("linked.yaml", "web"),
        ("from-text.yaml", "notes"),
        ("twice.yaml", "web"),
        ("team/web.yaml", "web"),
        ("deep/er/team/web.yaml", "web"),
        ("shared/web.yaml", "web"),
    ] {
        assert_eq!(files.get(path).map(String::as_str), Some(name), "{path}: {files:?}");
    }
    assert_eq!(files.len(), 6, "{files:?}");
}

#[tokio::test]
async fn links_that_lead_elsewhere_are_unreadable_and_say_where() {
    let (remote, local) = (Remote::empty(), Local::new());
    remote.write("outside/web.yaml", &manifest("web"));
    remote.write("README.md", "Read me");
    remote.write("team/api.yaml", &manifest("api"));
    for (path, target) in [
        ("passwd.yaml", "../../../../../../etc/passwd"),
        ("absolute.yaml", "/etc/passwd"),
        ("etc", "/etc"),
        ("up", "../outside"),
        ("up.yaml", "../outside/web.yaml"),
        ("README.md", "../README.md"),
        ("again.yaml", "../team/api.yaml"),
        ("gone.yaml", "nothing"),
        ("gone", "nothing"),
        ("below.yaml", "api.yaml/x"),
        ("self.yaml", "self.yaml"),
        ("loop-a", "loop-b"),
        ("loop-b", "loop-a"),
        ("long.yaml", &"./".repeat(2_040)),
    ] {
        remote.link(&format!("team/{path}"), target);
    }
    remote.commit("Link to elsewhere");
    let mut source = local.open_with(&remote.url(), |settings| settings.subpath = "team".into()).await;
    assert_changed(source.sync().await);
    let files = declared(&source);
    for (path, words) in [
        ("passwd.yaml", "out of the repository"),
        ("absolute.yaml", "out of the repository"),
        ("etc", "out of the repository"),
        ("up", "`outside`, out of the subpath"),
        ("up.yaml", "`outside/web.yaml`, out of the subpath"),
        ("gone.yaml", "leads to nothing"),
        ("gone", "leads to nothing"),
        ("below.yaml", "leads to nothing"),
        ("self.yaml", "in circles"),
        ("loop-a", "in circles"),
        ("loop-b", "in circles"),
        ("long.yaml", "is a directory"),
    ] {
        assert!(
            files.get(path).is_some_and(|what| what.starts_with("! ") && what.contains(words)),
            "{path}: {files:?}"
        );
    }
    assert_eq!(files["api.yaml"], "api");
    assert_eq!(files["again.yaml"], "api");
    assert_eq!(files.len(), 14, "{files:?}");
}

#[tokio::test]
async fn links_that_multiply_directories_are_cut_off() {
    let (remote, local) = (Remote::empty(), Local::new());
    for level in 0..40 {
        remote.link(&format!("{level}/a"), &format!("../{}", level + 1));
        remote.link(&format!("{level}/b"), &format!("../{}", level + 1));
    }
    remote.write("40/x.yaml", &manifest("x"));
    remote.commit("Two to the power of forty");
    let mut source = local.open(&remote.url()).await;
    let message = crate::rig::assert_failed(source.sync().await);
    assert!(message.contains("manifests and symbolic links"), "{message}");
}
