//! Over ssh, with keys of its own.

use std::fs;
use std::path::PathBuf;

use wharf::source::git::{GitOptions, GitSource, Publication, Published, Publisher, Reference, SshAccess, Synced};

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, manifest};
use crate::support::git::ssh::SshServer;

struct Server {
    ssh: SshServer,
    remote: Remote,
}

impl Server {
    fn new() -> Self {
        Self { ssh: SshServer::new(), remote: Remote::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.ssh.path(name)
    }

    fn knows(&self, host: &str) {
        self.ssh.knows(host);
    }

    async fn open(&self, local: &Local, key: &str, reference: Reference) -> GitSource {
        local
            .open_with(&self.ssh.url(&self.remote.path()), |settings| {
                settings.ssh = Some(SshAccess { key: self.path(key), known_hosts: self.path("known_hosts") });
                settings.reference = reference;
            })
            .await
    }
}

#[tokio::test]
async fn a_key_opens_a_repository_of_a_known_server() {
    let (server, local) = (Server::new(), Local::new());
    server.knows("host");
    let mut source = server.open(&local, "client", Reference::Head).await;
    assert_changed(source.sync().await);
    assert_eq!(declared(&source)["api.yaml"], "api");
    server.remote.write("web.yaml", &manifest("web"));
    server.remote.commit("Add the site");
    assert_changed(source.sync().await);
    assert_eq!(source.sync().await.unwrap(), Synced::Unchanged);
}

#[tokio::test]
async fn statuses_are_pushed_with_the_same_key() {
    let (server, local) = (Server::new(), Local::new());
    server.knows("host");
    let mut settings = local.settings(&server.ssh.url(&server.remote.path()));
    settings.ssh = Some(SshAccess { key: server.path("client"), known_hosts: server.path("known_hosts") });
    settings.status_branch = Some("wharf-status".into());
    let mut publisher = Publisher::open(&GitOptions::new(settings).unwrap()).await.unwrap().unwrap();
    let files = [("api.status.yaml".to_owned(), b"a: 1".to_vec())].into();
    let outcome = publisher.publish(&Publication { files, message: "Say".into() }).await.unwrap();
    assert!(matches!(outcome, Published::Pushed { over: None, .. }), "{outcome:?}");
    assert_eq!(server.remote.git(&["show", "wharf-status:api.status.yaml"]), "a: 1");
}

#[tokio::test]
async fn another_server_or_an_unknown_one_is_refused() {
    let (server, local) = (Server::new(), Local::new());
    server.knows("host");
    let mut source = server.open(&local, "client", Reference::Head).await;
    assert_changed(source.sync().await);
    server.knows("other-host");
    let message = assert_failed(source.sync().await);
    assert!(message.contains("key is not the one in the known_hosts file"), "{message}");
    fs::write(server.path("known_hosts"), "").unwrap();
    let message = assert_failed(source.sync().await);
    assert!(message.contains("key is not the one in the known_hosts file"), "{message}");
    assert_eq!(fs::read_to_string(server.path("known_hosts")).unwrap(), "", "nothing is learnt by itself");
    assert_eq!(declared(&source).len(), 1);
    server.knows("host");
    source.sync().await.unwrap();
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_refused() {
    let (server, local) = (Server::new(), Local::new());
    server.knows("host");
    let mut source = server.open(&local, "stranger", Reference::Head).await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("access is denied") && message.contains("token or key"), "{message}");
}

#[tokio::test]
async fn a_server_that_gives_nothing_by_its_id_is_told_what_to_do() {
    let (server, local) = (Server::new(), Local::new());
    server.knows("host");
    let old = server.remote.head();
    server.remote.commit("Go on");
    // Without `AcceptEnv GIT_PROTOCOL` a server speaks the old protocol, which gives what has a name only.
    let mut source = server.open(&local, "client", Reference::Revision(old)).await;
    let message = assert_failed(source.sync().await);
    assert!(message.contains("tag the commit") && message.contains("allowReachableSHA1InWant"), "{message}");
    let current = server.remote.head();
    drop(source);
    let mut source = server.open(&local, "client", Reference::Revision(current)).await;
    assert_changed(source.sync().await);
}

#[tokio::test]
async fn a_server_that_ended_leaves_the_last_commit_in_force() {
    let (mut server, local) = (Server::new(), Local::new());
    server.knows("host");
    let mut source = server.open(&local, "client", Reference::Head).await;
    assert_changed(source.sync().await);
    server.ssh.stop();
    let message = assert_failed(source.sync().await);
    assert!(message.contains("cannot be reached"), "{message}");
    assert_eq!(declared(&source).len(), 1);
}
