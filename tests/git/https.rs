//! Over TLS, with an authority and a token of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use wharf::source::git::{GitSource, Synced, TokenAccess};

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, files, manifest};
use crate::support::git::https::HttpsServer;

const TOKEN: &str = "canary-7f3a9c";

struct Server {
    https: HttpsServer,
    remote: Remote,
}

impl Server {
    fn new() -> Self {
        let remote = Remote::new();
        Self { https: HttpsServer::of(remote.path().parent().unwrap(), TOKEN), remote }
    }

    fn url(&self) -> String {
        self.https.url("remote/.git")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.https.path(name)
    }

    fn token(&self, token: &str) -> TokenAccess {
        TokenAccess { user: "git".into(), file: self.https.give(token) }
    }

    async fn open(&self, local: &Local, token: &str, ca: &str) -> GitSource {
        local
            .open_with(&self.url(), |settings| {
                settings.token = Some(self.token(token));
                settings.ca_file = Some(self.path(ca));
            })
            .await
    }
}

#[tokio::test]
async fn a_token_opens_a_repository_and_is_kept_nowhere() {
    let (server, local) = (Server::new(), Local::new());
    let mut source = server.open(&local, TOKEN, "ca.pem").await;
    assert_changed(source.sync().await);
    assert_eq!(declared(&source)["api.yaml"], "api");
    for (path, content) in files(&local.state()) {
        assert!(!content.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()), "{}", path.display());
    }
    assert!(!format!("{source:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_token_that_is_not_valid_any_more_leaves_the_last_commit_in_force_until_it_is_renewed() {
    let (server, local) = (Server::new(), Local::new());
    let mut source = server.open(&local, TOKEN, "ca.pem").await;
    assert_changed(source.sync().await);
    server.https.expect("another");
    server.remote.write("web.yaml", &manifest("web"));
    server.remote.commit("Add the site");
    let message = assert_failed(source.sync().await);
    assert!(message.contains("access is denied") && message.contains("token"), "{message}");
    assert!(message.contains("not allowed: git:***") && !message.contains(TOKEN), "{message}");
    assert_eq!(declared(&source).len(), 1);
    server.token("another");
    assert_changed(source.sync().await);
    assert_eq!(declared(&source).len(), 2);
}

#[tokio::test]
async fn without_a_token_nobody_is_asked_for_one() {
    let (server, local) = (Server::new(), Local::new());
    let mut source = local.open_with(&server.url(), |settings| settings.ca_file = Some(server.path("ca.pem"))).await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("access is denied"), "{message}");
}

#[tokio::test]
async fn a_server_of_another_authority_learns_no_token() {
    let (server, local) = (Server::new(), Local::new());
    let mut source = server.open(&local, TOKEN, "other-ca.pem").await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("certificate is not trusted") && message.contains("CA file"), "{message}");
    drop(source);
    let mut source = server.open(&local, TOKEN, "ca.pem").await;
    assert_changed(source.sync().await);
    assert_eq!(source.sync().await.unwrap(), Synced::Unchanged);
}

#[tokio::test]
async fn a_server_that_sends_elsewhere_is_not_followed() {
    let (server, local) = (Server::new(), Local::new());
    let url = server.url().replace("/remote/", "/moved/remote/");
    let mut source = local
        .open_with(&url, |settings| {
            settings.token = Some(server.token(TOKEN));
            settings.ca_file = Some(server.path("ca.pem"));
        })
        .await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("sends to another address"), "{message}");
}

#[tokio::test]
async fn a_token_that_others_can_read_is_not_used() {
    let (server, local) = (Server::new(), Local::new());
    let mut source = server.open(&local, TOKEN, "ca.pem").await;
    fs::set_permissions(server.path("token"), PermissionsExt::from_mode(0o644)).unwrap();
    let message = assert_failed(source.sync().await);
    assert!(message.contains("chmod 600"), "{message}");
}
