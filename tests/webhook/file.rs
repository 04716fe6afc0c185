//! The file of webhooks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;
use wharf::model::event::EventKind;
use wharf::webhook::{Webhook, read};

/// A directory with a file of webhooks and a good secret.
struct Given(tempfile::TempDir);

impl Given {
    fn new(text: &str) -> Self {
        let given = Self(tempfile::tempdir().expect("a directory"));
        given.file("hooks.yaml", text.as_bytes(), 0o644);
        given.file("secret", b"0123456789abcdef\n", 0o600);
        given
    }

    fn file(&self, name: &str, bytes: &[u8], mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn read(&self) -> Result<Vec<Webhook>, String> {
        read(&self.0.path().join("hooks.yaml")).map_err(|error| self.short(&error.to_string()))
    }

    /// A text without the directory's name.
    fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn refused(text: &str) -> String {
    Given::new(text).read().expect_err("it is wrong")
}

#[test]
fn everything_can_be_said() {
    let text = "
webhooks:
  - name: chat
    url: https://me:s3cret@hooks.example.com/T0/s3cret
    secretFile: secret
    events: [error, metrics_update]
    workspaces: {selector: 'team=web,!legacy', names: [api]}
  - url: https://hooks.example.com/a
  - url: https://hooks.example.com/b
  - {url: 'http://192.0.2.1/', insecure: true}
";
    let webhooks = Given::new(text).read().expect("it is right");
    let names: Vec<&str> = webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    assert_eq!(names, ["chat", "hooks.example.com", "hooks.example.com#2", "192.0.2.1"]);
    let chat = &webhooks[0];
    assert_eq!(chat.kinds, [EventKind::Error, EventKind::MetricsUpdate]);
    assert_eq!(chat.secret.as_ref().expect("a secret").expose_secret(), b"0123456789abcdef");
    let workspaces = chat.workspaces.as_ref().expect("some");
    assert_eq!(workspaces.selector.as_ref().map(wharf::model::selector::Selector::as_str), Some("team=web,!legacy"));
    assert_eq!(workspaces.names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["api"]);
    assert!(webhooks[1].secret.is_none() && webhooks[1].kinds.is_empty() && webhooks[1].workspaces.is_none());
    let shown = format!("{webhooks:?}");
    assert!(
        shown.contains("https://hooks.example.com") && !shown.contains("s3cret") && !shown.contains("0123"),
        "{shown}"
    );
    let none = Given::new("webhooks: []\n").read().expect("it is right");
    assert!(none.is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_would_be_right() {
    for (text, expected) in [
        (
            "webhooks:\n  - urll: https://a\n",
            "hooks.yaml:2:5: unknown field `webhooks[0].urll`; did you mean `url`? allowed: `events`, `insecure`, `name`, `secretFile`, \
             `url` or `workspaces`\nhooks.yaml:2:5: the required field `webhooks[0].url` is missing; add it; `wharf schema webhooks` describes it",
        ),
        (
            "webhooks:\n  - url: https://a\n    events: [errors]\n",
            "hooks.yaml:3:14: `webhooks[0].events[0]` cannot be `errors`; did you mean `error`? allowed: `status_changed`, \
             `container_update`, `error`, `recovery`, `metrics_update`, `sync_start` or `sync_complete`",
        ),
        (
            "webhooks:\n  - url: http://example.com/s3cret\n",
            "hooks.yaml:2:10: `webhooks[0].url`: `http://example.com` would send events unprotected over the network; use `https://`, \
             or set `insecure: true` if everybody on the way may read and change them",
        ),
        (
            "webhooks:\n  - url: https://a\n    workspaces: {selector: 'team in (a)'}\n",
            "hooks.yaml:3:28: `webhooks[0].workspaces.selector`: `team in (a)` is not a label requirement: use `key=value`, \
             `key!=value`, `key` or `!key`, separated by commas; such as `team=web,!legacy`",
        ),
        (
            "webhooks:\n  - url: https://a\n    workspaces: {}\n",
            "hooks.yaml:3:17: `webhooks[0].workspaces`: chooses no workspace; give `names` or a `selector`, or leave out `workspaces` for all",
        ),
        (
            "webhooks:\n  - {name: a, url: https://a}\n  - {name: a, url: https://b}\n",
            "hooks.yaml:3:12: `webhooks[1].name`: `a` is the name of webhooks[0], too; give each webhook its own name",
        ),
        (
            "webhooks: []\n---\nwebhooks: []\n",
            "hooks.yaml:3:1: a second document; such a file has one document: remove `---`",
        ),
        ("# nothing\n", "hooks.yaml:1:1: the file says nothing; `wharf schema webhooks` describes what it can say"),
        ("", "hooks.yaml:1:1: the file is empty"),
    ] {
        let found = refused(text);
        assert!(found.starts_with(expected), "{text}:\n{found}\n{expected}");
    }
    let given = Given::new("");
    let error = read(&given.0.path().join("none.yaml")).expect_err("there is no such file").to_string();
    assert!(given.short(&error).starts_with("cannot read the webhooks in `none.yaml`: check that"), "{error}");
}

#[test]
fn every_mistake_is_told_at_once_and_no_address_is_quoted() {
    let text = "webhooks:\n  - url: 'ftp://s3cret@a/s3cret'\n  - url: s3cret\n    secretFile: none\n  - {url: 7}\n";
    let first = refused(text);
    assert_eq!(first.lines().count(), 1, "the form comes first: {first}");
    let second = refused(&text.replace("  - {url: 7}\n", ""));
    assert_eq!(second.lines().count(), 3, "{second}");
    assert!(!first.contains("s3cret") && !second.contains("s3cret"), "{first}\n{second}");
}

#[test]
fn a_secret_must_be_private_and_long_enough() {
    let text = "webhooks:\n  - url: https://a\n    secretFile: other\n";
    for (bytes, mode, expected) in [
        (
            &b"0123456789abcdef"[..],
            0o640,
            "others than its owner may use the secret in `other` (mode 0640); make it private: chmod 600 other",
        ),
        (
            b"0123456789abcdef",
            0o604,
            "others than its owner may use the secret in `other` (mode 0604); make it private: chmod 600 other",
        ),
        (
            b"s3cret\n\n",
            0o600,
            "the secret in `other` has 6 bytes; it needs 16 to 4096, such as those of `openssl rand -hex 32`",
        ),
        (
            &[b'x'; 5000],
            0o400,
            "the secret in `other` has too many bytes; it needs 16 to 4096, such as those of `openssl rand -hex 32`",
        ),
    ] {
        let given = Given::new(text);
        given.file("other", bytes, mode);
        let expected = format!("hooks.yaml:3:17: `webhooks[0].secretFile`: {expected}");
        assert_eq!(given.read().expect_err("it is wrong"), expected);
    }
    let given = Given::new(text);
    assert!(
        given.read().expect_err("there is none").contains("`other` cannot be read: No such file"),
        "{:?}",
        given.read()
    );
    fs::create_dir(given.0.path().join("other")).expect("a directory");
    assert!(given.read().expect_err("no file").contains("`other` is not a file; name a file that holds the secret"));
    given.file("raw", &[0, 255, b'\n', 7, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, b'\r', b'\n'], 0o400);
    given.file("hooks.yaml", text.replace("other", "raw").as_bytes(), 0o600);
    let secret = given.read().expect("any bytes are a secret").remove(0).secret.expect("one");
    assert_eq!(secret.expose_secret().len(), 17);
}
