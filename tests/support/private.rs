//! An engine of a test's own, to be killed and frozen: it shares nothing with this machine's, and leaves nothing behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::real::Client;
use super::world::{eventually_within, signal_to};

/// How long an engine may take to answer after its start: containers that ignore a stop are given ten seconds each.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// How long it may take to end in order.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A Docker engine with its own data, sockets, containerd and network namespace. Dropping it ends it and its containers, and
/// removes its mounts, its files and its namespace.
pub struct PrivateEngine {
    daemon: Child,
    namespace: Namespace,
    options: Vec<String>,
    home: TempDir,
}

impl PrivateEngine {
    /// Starts one with these options besides those that keep it apart. `None` where that is not permitted or something is not
    /// installed, which the caller's output tells: the machine's own engine cannot be killed in its place.
    pub fn start(options: &[&str]) -> Option<Self> {
        if let Some(reason) = obstacle() {
            eprintln!("NOT TESTED: {reason}");
            return None;
        }
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("daemon.json"), "{}").expect("written");
        let namespace = Namespace::new();
        // For whoever has to clean up after a test that was killed.
        fs::write(home.path().join("namespace"), &namespace.name).expect("written");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let daemon = launch(home.path(), &namespace, &options);
        let engine = Self { daemon, namespace, options, home };
        engine.until_it_answers();
        engine.client().ensure_image();
        Some(engine)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.home.path().join("docker.sock")
    }

    /// The docker command line, pointed at it.
    pub fn client(&self) -> Client {
        Client::at(&format!("unix://{}", self.socket().display()))
    }

    /// Kills it. Its containers run on without it.
    pub fn kill(&mut self) {
        self.daemon.kill().expect("it runs");
        self.daemon.wait().expect("waited");
        self.await_containerd();
    }

    /// Starts it again after [`Self::kill`]; what it does with containers that run is a matter of its options.
    pub fn start_again(&mut self) {
        self.daemon = launch(self.home.path(), &self.namespace, &self.options);
        self.until_it_answers();
    }

    /// Stops it, so that it takes connections and answers nobody.
    pub fn freeze(&self) {
        signal_to(&self.daemon, "STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal_to(&self.daemon, "CONT");
    }

    fn until_it_answers(&self) {
        let client = self.client();
        eventually_within(STARTS_WITHIN, "the private engine answers", || client.succeeds(&["version"]).then_some(()));
    }

    /// The engine's death ends its containerd. Where nobody collects orphans, a process that has ended still looks alive to the
    /// next engine, which would wait for it.
    fn await_containerd(&self) {
        let file = self.home.path().join("exec/containerd/containerd.pid");
        let Ok(pid) = fs::read_to_string(&file) else { return };
        eventually_within(ENDS_WITHIN, "containerd ends", || has_ended(pid.trim()).then_some(()));
        fs::remove_file(&file).expect("removed");
    }

    /// Lets the engine itself remove its containers, and with them what they have outside of its directories.
    fn remove_containers(&self) {
        let host = format!("unix://{}", self.socket().display());
        let script = format!("docker -H {host} ps --all --quiet | xargs -r docker -H {host} rm --force >/dev/null");
        drop(Command::new("timeout").args([&ENDS_WITHIN.as_secs().to_string(), "sh", "-c", &script]).status());
    }

    /// Ends what still runs in containers, and what watches over them.
    fn end_containers(&self) {
        let home = self.home.path().to_string_lossy().into_owned();
        let watchers: Vec<String> = processes().filter(|pid| command_line(pid).contains(&home)).collect();
        let inside: Vec<String> =
            processes().filter(|pid| parent(pid).is_some_and(|it| watchers.contains(&it))).collect();
        for pid in inside.iter().chain(&watchers) {
            // Some are gone by now.
            drop(Command::new("sh").args(["-c", &format!("kill -9 {pid} 2>/dev/null")]).status());
        }
    }

    fn unmount(&self) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let home = self.home.path().to_string_lossy().into_owned();
        let ours = mounts.lines().filter_map(|line| line.split(' ').nth(4)).filter(|path| path.starts_with(&home));
        for path in ours.collect::<Vec<_>>().into_iter().rev() {
            drop(Command::new("umount").args(["--lazy", path]).status());
        }
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
            println!("--- the end of the private engine's log ---\n{}", last_lines(&log));
        }
        // It may be frozen, or dead.
        if self.daemon.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.thaw();
            self.remove_containers();
        }
        drop(self.daemon.kill());
        drop(self.daemon.wait());
        self.end_containers();
        self.unmount();
    }
}

/// Starts the engine's process: the program that enters the namespace becomes it.
fn launch(home: &Path, namespace: &Namespace, options: &Vec<String>) -> Child {
    // A killed engine leaves it, and the number may be somebody else's by now.
    drop(fs::remove_file(home.join("pid")));
    let log = File::options().create(true).append(true).open(home.join("log")).expect("created");
    let path = |name: &str| home.join(name).to_str().expect("UTF-8").to_owned();
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", namespace.path().display())).arg("dockerd");
    for (option, value) in [
        ("--config-file", path("daemon.json")),
        ("--data-root", path("data")),
        ("--exec-root", path("exec")),
        ("--pidfile", path("pid")),
        ("--host", format!("unix://{}", path("docker.sock"))),
        // Works on every file system, and needs no mount.
        ("--storage-driver", "vfs".to_owned()),
        ("--log-level", "warn".to_owned()),
    ] {
        command.args([option, &value]);
    }
    command.args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("nsenter starts")
}

/// Why a private engine cannot be started here, if it cannot.
fn obstacle() -> Option<String> {
    let runs = |words: &[&str]| Command::new(words[0]).args(&words[1..]).output().is_ok_and(|it| it.status.success());
    if !runs(&["sh", "-c", "test $(id -u) = 0"]) {
        return Some("a private engine needs root; run as root".to_owned());
    }
    let needed =
        [("dockerd", "docker.io"), ("containerd", "containerd"), ("nsenter", "util-linux"), ("ip", "iproute2")];
    let missing = needed.iter().find(|(program, _)| !runs(&["sh", "-c", &format!("command -v {program}")]));
    missing.map(|(program, package)| format!("a private engine needs {program}; apt-get install {package}"))
}

/// A network namespace with nothing but loopback, in which the engine makes its bridges. Removed when dropped.
struct Namespace {
    name: String,
}

impl Namespace {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wharf-test-{}-{number}", std::process::id());
        ip(&["netns", "add", &name]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        Self { name }
    }

    fn path(&self) -> PathBuf {
        Path::new("/var/run/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "delete", &self.name]).status());
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status();
    assert!(status.expect("ip is installed").success(), "ip {}", arguments.join(" "));
}

/// The IDs of all processes.
fn processes() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").expect("readable").filter_map(Result::ok);
    entries.map(|it| it.file_name().to_string_lossy().into_owned()).filter(|it| it.parse::<u32>().is_ok())
}

fn command_line(pid: &str) -> String {
    fs::read(format!("/proc/{pid}/cmdline")).map(|it| String::from_utf8_lossy(&it).into_owned()).unwrap_or_default()
}

/// A field of a process's status.
fn status(pid: &str, field: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.split_whitespace().next().map(str::to_owned)
}

fn parent(pid: &str) -> Option<String> {
    status(pid, "PPid")
}

/// Whether a process is gone, or only waits for somebody to ask how it ended.
fn has_ended(pid: &str) -> bool {
    status(pid, "State").is_none_or(|state| state == "Z")
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("level=info") && !line.contains("shim")).collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
