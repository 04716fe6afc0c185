//! A registry of a test's own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::real::{IMAGE, docker, succeeds};
use super::world::until;

/// A registry on a loopback port, which engines speak to without TLS. Gone when dropped, with the images that were pulled.
pub struct Registry {
    pub server: Child,
    pub port: u16,
    storage: TempDir,
}

impl Registry {
    /// Starts one.
    pub fn start() -> Self {
        let storage = tempfile::tempdir().expect("a temporary directory");
        // Free a moment ago, and nobody else is likely to get it.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let root = storage.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        );
        let path = storage.path().join("config.yml");
        fs::write(&path, config).expect("written");
        let server =
            Command::new(program()).arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let registry = Self { server: server.expect("the registry starts"), port, storage };
        until("the registry listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        registry
    }

    /// The name of an image in it.
    pub fn image(&self, tag: &str) -> String {
        format!("127.0.0.1:{}/wharf-test:{tag}", self.port)
    }

    /// Pushes an image with contents of its own, by another address of the registry: the engine never has it under the name
    /// that is returned.
    pub fn push(&self, tag: &str) -> String {
        let local = format!("localhost:{}/wharf-test:{tag}", self.port);
        let context = self.storage.path().join(format!("context-{tag}"));
        fs::create_dir(&context).expect("created");
        fs::write(context.join("mark"), format!("{tag} of {}", self.port)).expect("written");
        fs::write(context.join("Dockerfile"), format!("FROM {IMAGE}\nCOPY mark /mark\n")).expect("written");
        docker(&["build", "--quiet", "--tag", &local, context.to_str().expect("UTF-8")]);
        docker(&["push", "--quiet", &local]);
        docker(&["rmi", &local]);
        self.image(tag)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Also when it was stopped.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Images of a registry on the engine, removed when dropped: declare it before what uses them.
pub struct Pulled(pub Vec<String>);

impl Drop for Pulled {
    fn drop(&mut self) {
        for image in &self.0 {
            succeeds(&["rmi", "--force", image]);
        }
    }
}

/// The registry's program: an installed one, or Debian's package unpacked beside the build.
fn program() -> PathBuf {
    const HINT: &str = "this test needs a registry: apt-get install docker-registry";
    let installed = Path::new("/usr/bin/docker-registry");
    if installed.exists() {
        return installed.to_owned();
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registry");
    fs::create_dir_all(&home).expect("created");
    // Two test programs may want it at the same time.
    let lock = File::create(home.join("lock")).expect("a lock file");
    lock.lock().expect("locked");
    let program = home.join("usr/bin/docker-registry");
    if !program.exists() {
        let script = "apt-get download docker-registry && dpkg -x docker-registry_*.deb .";
        let output = Command::new("sh").args(["-c", script]).current_dir(&home).output().expect("a shell");
        assert!(output.status.success(), "{HINT}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    program
}
