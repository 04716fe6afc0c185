//! A real ssh server with keys of its own, which gives and takes any repository of this machine.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::super::world::{eventually, signal_to};

/// The server. It ends when dropped.
pub struct SshServer {
    place: TempDir,
    process: Child,
    port: u16,
}

impl SshServer {
    /// One that knows the key `client`, has the key `host`, and is not known to anybody.
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for name in ["host", "other-host", "client", "stranger"] {
            keygen(place.path(), name);
        }
        fs::copy(place.path().join("client.pub"), place.path().join("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = place.path().display();
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        );
        fs::write(place.path().join("config"), text).unwrap();
        // Where the server locks itself in before somebody is known; only root's does.
        let _ = fs::create_dir_all("/run/sshd");
        let process = listening(place.path(), port);
        Self { place, process, port }
    }

    /// A file of the server: a key, or `known_hosts`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The address of a repository.
    pub fn url(&self, repository: &Path) -> String {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, repository.display())
    }

    /// Writes down a host's key as that of the server.
    pub fn knows(&self, host: &str) {
        let key = fs::read_to_string(self.path(&format!("{host}.pub"))).unwrap();
        fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    /// Who connects waits for ever from now on.
    pub fn freeze(&self) {
        signal_to(&self.process, "STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        signal_to(&self.process, "CONT");
    }

    /// Nothing answers from now on.
    pub fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// It is back, at the same address.
    pub fn start(&mut self) {
        self.process = listening(self.place.path(), self.port);
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn listening(place: &Path, port: u16) -> Child {
    let mut process = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(place.join("config"))
        .stdout(Stdio::null())
        .stderr(fs::File::create(place.join("log")).unwrap())
        .spawn()
        .expect("sshd is installed: see tests/run");
    eventually("sshd listens", || {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "sshd ended: {:?}", fs::read_to_string(place.join("log")));
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    process
}

fn keygen(place: &Path, name: &str) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(place.join(name)).status();
    assert!(made.unwrap().success());
}
