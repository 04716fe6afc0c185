//! The real engine of this machine, driven from outside through its own command line.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use wharf::model::labels::INSTANCE;

/// The image that containers of tests are made from: busybox and nothing else. It is kept between runs, like any image.
pub const IMAGE: &str = "wharf-test/busybox:2";

/// The label by which a test's objects are found when it ends, however it ends.
pub const MARK: &str = "wharf.test";

/// The docker command line, pointed at an engine: this machine's own, or one that a test has started.
#[derive(Clone, Debug, Default)]
pub struct Client {
    host: Option<String>,
}

impl Client {
    /// For the engine at an address.
    pub fn at(host: &str) -> Self {
        Self { host: Some(host.to_owned()) }
    }

    /// The engine's address, unless it is the machine's own.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// A command that has not run yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        if let Some(host) = &self.host {
            command.args(["--host", host]);
        }
        command.args(arguments);
        command
    }

    /// Runs `docker` and answers whether it succeeded.
    pub fn succeeds(&self, arguments: &[&str]) -> bool {
        self.command(arguments).output().expect("the docker command line is installed").status.success()
    }

    /// Runs `docker` and answers its output; fails the test with the engine's words.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the docker command line is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {}: {errors}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What the engine says about a container.
    pub fn inspect(&self, container: &str) -> Option<Value> {
        let output = self.command(&["container", "inspect", container]).output();
        let output = output.expect("the docker command line is installed");
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        found.into_iter().next()
    }

    /// Makes sure that the engine has [`IMAGE`]. One that a test has started gets it from the machine's own.
    pub fn ensure_image(&self) {
        ensure_image();
        if self.host.is_none() {
            return;
        }
        let mut save = Command::new("docker").args(["save", IMAGE]).stdout(Stdio::piped()).spawn().expect("it starts");
        let archive = save.stdout.take().expect("piped");
        let load = self.command(&["load", "--quiet"]).stdin(archive).stdout(Stdio::null()).status();
        assert!(load.expect("it ran").success() && save.wait().expect("waited").success(), "{IMAGE} is handed over");
    }

    /// Lists what the filter selects, and removes it.
    fn clear(&self, filter: &str, list: &[&str], remove: &[&str]) {
        let listed = self.command(list).args(["--quiet", "--filter", filter]).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let found: Vec<&str> = listed.split_whitespace().collect();
        if !found.is_empty() {
            // A panic here would hide the test's own; what is left behind is named by its label.
            drop(self.command(remove).args(&found).stdout(Stdio::null()).status());
        }
    }
}

/// Runs `docker` on this machine's engine and answers whether it succeeded.
pub fn succeeds(arguments: &[&str]) -> bool {
    Client::default().succeeds(arguments)
}

/// Runs `docker` on this machine's engine and answers its output; fails the test with the engine's words.
pub fn docker(arguments: &[&str]) -> String {
    Client::default().docker(arguments)
}

/// Makes sure that this machine's engine has [`IMAGE`].
pub fn ensure_image() {
    // Two programs that import at once would leave an image without a name.
    let lock = File::create(std::env::temp_dir().join("wharf-test-image.lock")).expect("a lock file");
    lock.lock().expect("locked");
    if docker(&["images", "--quiet", IMAGE]).is_empty() {
        import_image();
    }
}

fn import_image() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let bin = root.path().join("bin");
    for folder in ["bin", "tmp", "data", "workspace"] {
        std::fs::create_dir(root.path().join(folder)).expect("created");
    }
    let busybox = Path::new("/bin/busybox");
    assert!(busybox.exists(), "tests on the real engine need busybox: apt-get install busybox-static");
    std::fs::copy(busybox, bin.join("busybox")).expect("copied");
    for applet in [
        "cat", "dd", "env", "false", "grep", "hostname", "id", "ip", "ls", "nc", "ping", "sh", "sleep", "sort", "tail",
        "touch", "tr", "true",
    ] {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).expect("linked");
    }
    let mut tar = Command::new("tar")
        .args(["--create", "--owner=0", "--group=0", "--directory"])
        .arg(root.path())
        .arg(".")
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar is installed");
    let archive = tar.stdout.take().expect("piped");
    let status = Command::new("docker").args(["import", "-", IMAGE]).stdin(archive).stdout(Stdio::null()).status();
    assert!(status.expect("the docker command line is installed").success());
    assert!(tar.wait().expect("waited").success());
}

/// A name that no other test uses at this time, and the promise to remove every container, network and volume that carries it
/// as its [`MARK`] label or that belongs to the instance of this name.
pub struct Scope {
    name: String,
    client: Client,
}

impl Scope {
    /// A new one.
    pub fn new() -> Self {
        Self::on(Client::default())
    }

    /// A new one on an engine.
    pub fn on(client: Client) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("wharf-test-{}-{number}", std::process::id()), client }
    }

    /// The name: valid as a workspace's, an instance's and a container's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The engine.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        for label in [MARK, INSTANCE] {
            let filter = format!("label={label}={}", self.name);
            self.client.clear(&filter, &["ps", "--all", "--no-trunc"], &["rm", "--force", "--volumes"]);
            self.client.clear(&filter, &["network", "ls", "--no-trunc"], &["network", "rm"]);
            self.client.clear(&filter, &["volume", "ls"], &["volume", "rm"]);
        }
    }
}
