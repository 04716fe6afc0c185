//! Signatures that a commit needs to come into force.

use std::path::{Path, PathBuf};
use std::process::Command;

use wharf::source::Reading;
use wharf::source::git::{GitSource, Reference, Verify};

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, manifest};

fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A pair of ssh keys; the path is that of the private one.
fn ssh_key(place: &Path, name: &str) -> PathBuf {
    let path = place.join(name);
    succeed(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path));
    path
}

fn allow(keys: &[&Path], file: &Path) {
    let line = |key: &&Path| {
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        format!("ada@example.com namespaces=\"git\" {public}")
    };
    std::fs::write(file, keys.iter().map(line).collect::<String>()).unwrap();
}

fn sign_with_ssh(remote: &Remote, key: &Path, subject: &str) {
    let key = format!("user.signingKey={}", key.display());
    remote.git(&["add", "--all"]);
    remote.git(&["-c", "gpg.format=ssh", "-c", &key, "commit", "--quiet", "--allow-empty", "-S", "-m", subject]);
}

async fn assert_refused(source: &mut GitSource) {
    let message = assert_failed(source.sync().await);
    assert!(message.contains("no signature that is trusted") && message.contains("verify"), "{message}");
}

#[tokio::test]
async fn only_commits_signed_by_a_known_ssh_key_come_into_force() {
    let (remote, local, keys) = (Remote::new(), Local::new(), Local::new());
    let (ada, eve) = (ssh_key(keys.root(), "ada"), ssh_key(keys.root(), "eve"));
    let signers = keys.root().join("signers");
    allow(&[&ada], &signers);
    let verify = Verify::Ssh { allowed_signers: signers.clone() };
    let mut source = local.open_with(&remote.url(), |settings| settings.verify = Some(verify.clone())).await;
    assert_refused(&mut source).await;
    assert!(matches!(source.reading(), Reading::Lost(_)));
    sign_with_ssh(&remote, &eve, "Eve was here");
    assert_refused(&mut source).await;
    sign_with_ssh(&remote, &ada, "Sign");
    assert_changed(source.sync().await);
    remote.write("evil.yaml", &manifest("evil"));
    sign_with_ssh(&remote, &eve, "Eve again");
    assert_refused(&mut source).await;
    assert_eq!(declared(&source).len(), 1);
    // Who may sign may change while wharf is down: what is read back is judged again.
    drop(source);
    allow(&[&eve], &signers);
    let mut source = local.open_with(&remote.url(), |settings| settings.verify = Some(verify)).await;
    assert!(matches!(source.reading(), Reading::Lost(why) if why.contains("no signature that is trusted")));
    assert_changed(source.sync().await);
    assert_eq!(declared(&source).len(), 2);
}

#[tokio::test]
async fn a_signed_tag_is_as_good_as_a_signed_commit() {
    let (remote, local, keys) = (Remote::new(), Local::new(), Local::new());
    let ada = ssh_key(keys.root(), "ada");
    let signers = keys.root().join("signers");
    allow(&[&ada], &signers);
    remote.git(&["tag", "-a", "-m", "Release", "v1"]);
    let mut source = local
        .open_with(&remote.url(), |settings| {
            settings.verify = Some(Verify::Ssh { allowed_signers: signers.clone() });
            settings.reference = Reference::Tag("v1".into());
        })
        .await;
    assert_refused(&mut source).await;
    let key = format!("user.signingKey={}", ada.display());
    remote.git(&["-c", "gpg.format=ssh", "-c", &key, "tag", "-f", "-s", "-m", "Release", "v1"]);
    assert_changed(source.sync().await);
    let options = source.options().clone();
    drop(source);
    assert!(matches!(GitSource::open(options).await.unwrap().reading(), Reading::Complete(_)));
}

/// A home of gpg with one key; the agent that it starts ends with it.
struct Gpg {
    user: String,
    home: tempfile::TempDir,
}

impl Gpg {
    fn new(user: &str) -> Self {
        let gpg = Self { user: user.to_owned(), home: tempfile::tempdir().unwrap() };
        gpg.run(&["--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", user, "ed25519", "sign"]);
        gpg
    }

    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        succeed(Command::new("gpg").env("GNUPGHOME", self.home.path()).args(["--batch", "--quiet"]).args(arguments))
    }

    fn sign(&self, remote: &Remote, subject: &str) {
        // The program that signs, with the home that has the key.
        let program = self.home.path().join("sign");
        std::fs::write(
            &program,
            format!("#!/bin/sh\nGNUPGHOME={} exec gpg --batch \"$@\"\n", self.home.path().display()),
        )
        .unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let program = format!("gpg.program={}", program.display());
        let key = format!("user.signingKey={}", self.user);
        remote.git(&["-c", &program, "-c", &key, "commit", "--quiet", "--allow-empty", "-S", "-m", subject]);
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).status();
    }
}

#[tokio::test]
async fn only_commits_signed_by_a_key_of_the_keyring_come_into_force() {
    let (remote, local, keys) = (Remote::new(), Local::new(), Local::new());
    let (ada, eve) = (Gpg::new("ada@example.com"), Gpg::new("eve@example.com"));
    let keyring = keys.root().join("keyring.gpg");
    std::fs::write(&keyring, ada.run(&["--export"])).unwrap();
    let mut source = local
        .open_with(&remote.url(), |settings| settings.verify = Some(Verify::Gpg { keyring: keyring.clone() }))
        .await;
    assert_refused(&mut source).await;
    eve.sign(&remote, "Eve was here");
    assert_refused(&mut source).await;
    // A signature of the other kind is none.
    let key = ssh_key(keys.root(), "ssh");
    sign_with_ssh(&remote, &key, "Another kind");
    assert_refused(&mut source).await;
    ada.sign(&remote, "Sign");
    assert_changed(source.sync().await);
    assert_eq!(declared(&source).len(), 1);
}
