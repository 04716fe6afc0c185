//! A real server over TLS, with authorities and a token of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The server. It ends when dropped.
pub struct HttpsServer {
    place: TempDir,
    process: Child,
    port: u16,
}

impl HttpsServer {
    /// One that gives and takes the repositories below a directory to and from who has the token, with a certificate of `ca.pem`.
    pub fn of(repositories: &Path, token: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        authority(place.path(), "ca");
        authority(place.path(), "other-ca");
        certificate(place.path());
        fs::write(place.path().join("expected"), token).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/git/https.py");
        let mut process = Command::new("python3")
            .arg(script)
            .arg(repositories)
            .args([place.path().join("server.pem"), place.path().join("expected")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { place, process, port: line.trim().parse().unwrap() }
    }

    /// The address of a repository, by its path below the directory.
    pub fn url(&self, repository: &str) -> String {
        format!("https://127.0.0.1:{}/{repository}", self.port)
    }

    /// A file of the server: an authority, or the token of [`Self::give`].
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Only this token opens from now on.
    pub fn expect(&self, token: &str) {
        fs::write(self.path("expected"), token).unwrap();
    }

    /// Writes a token down as whoever uses it keeps it, and returns where.
    pub fn give(&self, token: &str) -> PathBuf {
        let file = self.path("token");
        fs::write(&file, format!("{token}\n")).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        file
    }
}

impl Drop for HttpsServer {
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
