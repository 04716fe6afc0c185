//! A real ssh server with keys of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use wharf::source::git::{GitOptions, GitSource, Publication, Published, Publisher, Reference, SshAccess, Synced};

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, eventually, manifest};

struct Server {
    place: Local,
    remote: Remote,
    process: Child,
    port: u16,
}

impl Server {
    fn new() -> Self {
        let (place, remote) = (Local::new(), Remote::new());
        for name in ["host", "other-host", "client", "stranger"] {
            keygen(place.root(), name);
        }
        fs::copy(place.root().join("client.pub"), place.root().join("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = place.root().join("config");
        let root = place.root().display();
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        );
        fs::write(&config, text).unwrap();
        // Where the server locks itself in before somebody is known; only root's does.
        let _ = fs::create_dir_all("/run/sshd");
        let mut process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(fs::File::create(place.root().join("log")).unwrap())
            .spawn()
            .expect("sshd is installed: see tests/run");
        eventually("sshd listens", || {
            assert!(
                process.try_wait().unwrap().is_none(),
                "sshd ended: {:?}",
                fs::read_to_string(place.root().join("log"))
            );
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { place, remote, process, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.root().join(name)
    }

    fn url(&self) -> String {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, self.remote.path().display())
    }

    /// Writes down a host's key as that of the server.
    fn knows(&self, host: &str) {
        let key = fs::read_to_string(self.path(&format!("{host}.pub"))).unwrap();
        fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    async fn open(&self, local: &Local, key: &str, reference: Reference) -> GitSource {
        local
            .open_with(&self.url(), |settings| {
                settings.ssh = Some(SshAccess { key: self.path(key), known_hosts: self.path("known_hosts") });
                settings.reference = reference;
            })
            .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn keygen(place: &Path, name: &str) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(place.join(name)).status();
    assert!(made.unwrap().success());
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
    let mut settings = local.settings(&server.url());
    settings.ssh = Some(SshAccess { key: server.path("client"), known_hosts: server.path("known_hosts") });
    settings.status_branch = Some("wharf-status".into());
    let mut publisher = Publisher::open(&GitOptions::new(settings).unwrap()).await.unwrap().unwrap();
    let files = [("api.status.yaml".to_owned(), b"a: 1".to_vec())].into();
    let published = publisher.publish(&Publication { files, message: "Say".into() }).await.unwrap();
    assert!(matches!(published, Published::Pushed { over: None, .. }), "{published:?}");
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
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let message = assert_failed(source.sync().await);
    assert!(message.contains("cannot be reached"), "{message}");
    assert_eq!(declared(&source).len(), 1);
}
