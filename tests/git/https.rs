//! A real server over TLS, with an authority and a token of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use wharf::source::git::{GitSource, Synced, TokenAccess};

use crate::rig::{Local, Remote, assert_changed, assert_failed, declared, files, manifest};

const TOKEN: &str = "canary-7f3a9c";

struct Server {
    place: Local,
    remote: Remote,
    process: Child,
    port: u16,
}

impl Server {
    fn new() -> Self {
        let (place, remote) = (Local::new(), Remote::new());
        authority(place.root(), "ca");
        authority(place.root(), "other-ca");
        certificate(place.root());
        fs::write(place.root().join("expected"), TOKEN).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/git/https.py");
        let mut process = Command::new("python3")
            .arg(script)
            .arg(remote.path().parent().unwrap())
            .args([place.root().join("server.pem"), place.root().join("expected")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { place, remote, process, port: line.trim().parse().unwrap() }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}/remote/.git", self.port)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.root().join(name)
    }

    fn token(&self, token: &str) -> TokenAccess {
        let file = self.path("token");
        fs::write(&file, format!("{token}\n")).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        TokenAccess { user: "git".into(), file }
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

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(place: &Path, arguments: &str) {
    let output = Command::new("openssl").current_dir(place).args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn authority(place: &Path, name: &str) {
    openssl(
        place,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ),
    );
}

fn certificate(place: &Path) {
    fs::write(place.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        place,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout server.key -out server.csr",
    );
    openssl(
        place,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    );
    let both = [fs::read(place.join("server.key")).unwrap(), fs::read(place.join("server.crt")).unwrap()].concat();
    fs::write(place.join("server.pem"), both).unwrap();
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
    fs::write(server.path("expected"), "another").unwrap();
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
