//! What is refused before anything is run, and with which words.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use wharf::source::git::{GitOptions, GitSettings, Reference, SshAccess, TokenAccess, Verify};

use crate::rig::Local;

#[track_caller]
fn assert_refused(change: impl FnOnce(&mut GitSettings), url: &str, words: &[&str]) {
    let local = Local::new();
    let mut settings = local.settings(url);
    change(&mut settings);
    let message = GitOptions::new(settings).expect_err("it is refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word}: {message}");
    }
}

const FILE: &str = "/srv/manifests.git";
const HTTPS: &str = "https://git.example/manifests.git";
const SSH: &str = "git@git.example:manifests.git";

#[test]
fn references_that_are_none_are_refused() {
    for name in ["", "-x", "a b", "a..b", "refs/heads/main", "a:b", "a\nb", "x.lock", "a//b", "/a", "@{u}", "x^"] {
        assert_refused(
            |settings| settings.reference = Reference::Branch(name.into()),
            FILE,
            &["branch", "its name alone"],
        );
        assert_refused(|settings| settings.reference = Reference::Tag(name.into()), FILE, &["tag"]);
    }
    for id in ["", "abc123", "HEAD", &"A".repeat(40), &"a".repeat(41), "--upload-pack=touch"] {
        assert_refused(
            |settings| settings.reference = Reference::Revision(id.into()),
            FILE,
            &["40 hexadecimal digits"],
        );
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for subpath in ["../x", "a/../../x", "/etc", "-x", "a\nb"] {
        assert_refused(|settings| settings.subpath = subpath.into(), FILE, &["subpath", "without `..`"]);
    }
    assert_refused(|settings| settings.base = PathBuf::from("base"), FILE, &["base directory", "from `/`"]);
    assert_refused(|settings| settings.state = PathBuf::from("state"), FILE, &["state directory", "from `/`"]);
}

#[test]
fn what_the_transport_needs_is_asked_for_and_what_it_does_not_is_refused() {
    let local = Local::new();
    let file = local.root().join("secret");
    fs::write(&file, "x").unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let ssh = SshAccess { key: file.clone(), known_hosts: file.clone() };
    let token = TokenAccess { user: "git".into(), file: file.clone() };
    assert_refused(|_| {}, SSH, &["known_hosts", "ssh-keyscan"]);
    assert_refused(|settings| settings.ssh = Some(ssh), HTTPS, &["with ssh only"]);
    assert_refused(|settings| settings.token = Some(token.clone()), FILE, &["with https only"]);
    let nobody = TokenAccess { user: String::new(), ..token };
    assert_refused(|settings| settings.token = Some(nobody), HTTPS, &["needs a user"]);
    assert_refused(|settings| settings.interval = Duration::ZERO, FILE, &["longer than nothing"]);
}

#[test]
fn files_that_cannot_be_used_or_that_others_can_read_are_refused() {
    let local = Local::new();
    let path = |name: &str| local.root().join(name);
    let token = |file| Some(TokenAccess { user: "git".into(), file });
    assert_refused(|settings| settings.token = token(path("none")), HTTPS, &["the token file", "none", "No such file"]);
    fs::write(path("open"), "canary").unwrap();
    fs::set_permissions(path("open"), PermissionsExt::from_mode(0o640)).unwrap();
    assert_refused(|settings| settings.token = token(path("open")), HTTPS, &["0640", "chmod 600"]);
    assert_refused(|settings| settings.token = token(PathBuf::from("open")), HTTPS, &["not an absolute path"]);
    assert_refused(|settings| settings.ca_file = Some(local.root().into()), HTTPS, &["CA file", "not a file"]);
    let keyring = Verify::Gpg { keyring: path("none") };
    assert_refused(|settings| settings.verify = Some(keyring), FILE, &["keyring file", "No such file"]);
    fs::write(path("a b"), "x").unwrap();
    fs::set_permissions(path("a b"), PermissionsExt::from_mode(0o600)).unwrap();
    let ssh = SshAccess { key: path("a b"), known_hosts: path("open") };
    assert_refused(|settings| settings.ssh = Some(ssh), SSH, &["key file", "blanks"]);
}
