//! An engine of a story's own, to be killed: it shares nothing with this machine's and leaves nothing behind.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wharf::engine::Engine;
use wharf::engine::docker::Docker;

use crate::story::Power;
use crate::support::real::{IMAGE, docker};

/// How long an engine may take to come or to go: containers that ignore a stop are given ten seconds.
const WITHIN: Duration = Duration::from_secs(60);

/// An engine with its own data, sockets, containerd and network namespace. It ends when dropped, with all that it started.
pub struct OwnEngine {
    home: TempDir,
    live_restore: bool,
    daemon: Child,
}

impl OwnEngine {
    /// A new one, which has the image of the tests.
    pub async fn start(live_restore: bool) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("daemon.json"), "{}").expect("written");
        let engine = Self { daemon: launch(home.path(), live_restore), home, live_restore };
        engine.until_it_answers().await;
        let (host, image) = (engine.host(), engine.home.path().join("image.tar"));
        let bring = move || {
            let image = image.to_str().expect("UTF-8");
            docker(&["save", "--output", image, IMAGE]);
            docker(&["--host", &host, "load", "--quiet", "--input", image]);
        };
        tokio::task::spawn_blocking(bring).await.expect("the image is there");
        engine
    }

    /// Its address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.home.path().join("docker.sock").display())
    }

    /// Takes it down or brings it up.
    pub async fn power(&mut self, power: Power) {
        match power {
            Power::Start => {
                self.daemon = launch(self.home.path(), self.live_restore);
                return self.until_it_answers().await;
            }
            Power::Kill => signal("KILL", self.daemon.id()),
            Power::ShutDown => signal("TERM", self.daemon.id()),
            Power::Fail => {
                signal("KILL", self.daemon.id());
                self.kill_the_rest();
            }
        }
        until("the engine is gone", || self.daemon.try_wait().expect("asked").map(drop)).await;
        // Its containerd ends with it, a little later; the next engine would take the number for a living one's.
        let file = self.home.path().join("exec/containerd/containerd.pid");
        if let Some(pid) = fs::read_to_string(&file).ok().and_then(|pid| pid.trim().parse().ok()) {
            until("containerd is gone", || has_ended(pid).then_some(())).await;
            drop(fs::remove_file(file));
        }
    }

    /// Sends a signal to the main process of a container, whether or not the engine is up, and waits for the end.
    pub async fn end_container(&self, id: &str, name: &str) {
        let main = of_container(id).into_iter().min().expect("the container has processes");
        signal(name, main);
        until("the process is gone", || has_ended(main).then_some(())).await;
    }

    async fn until_it_answers(&self) {
        let client = Docker::connect(Some(&self.host())).expect("a valid address");
        let deadline = tokio::time::Instant::now() + WITHIN;
        while client.info().await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Kills everything that the engine started: its containerd, what watches over containers, and what runs in them.
    fn kill_the_rest(&self) {
        let home = self.home.path().to_string_lossy().into_owned();
        let watchers: Vec<u32> =
            processes().filter(|pid| *pid != self.daemon.id() && read(*pid, "cmdline").contains(&home)).collect();
        let containers = fs::read_dir(self.home.path().join("data/containers")).into_iter().flatten();
        let ids = containers.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let inside: Vec<u32> = ids.flat_map(|id| of_container(&id)).collect();
        watchers.iter().chain(&inside).for_each(|pid| signal("KILL", *pid));
    }

    fn unmount(&self) {
        let home = self.home.path().to_string_lossy().into_owned();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let ours = mounts.lines().filter_map(|line| line.split(' ').nth(4)).filter(|path| path.starts_with(&home));
        for path in ours.collect::<Vec<_>>().into_iter().rev() {
            drop(Command::new("umount").args(["--lazy", path]).status());
        }
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log());
        }
        drop(self.daemon.kill());
        drop(self.daemon.wait());
        self.kill_the_rest();
        self.unmount();
    }
}

/// Starts the process: the program that makes the namespace becomes it. Without the namespace, an engine that is to have no
/// bridge would remove this machine's.
fn launch(home: &Path, live_restore: bool) -> Child {
    // A killed engine leaves it, and the number may be somebody else's by now.
    drop(fs::remove_file(home.join("pid")));
    let log = File::options().create(true).append(true).open(home.join("log")).expect("created");
    let path = |name: &str| home.join(name).to_str().expect("UTF-8").to_owned();
    let mut command = Command::new("unshare");
    command.args(["--net", "dockerd", "--bridge=none", "--iptables=false", "--storage-driver=vfs", "--log-level=warn"]);
    for (option, value) in [
        ("--config-file", path("daemon.json")),
        ("--data-root", path("data")),
        ("--exec-root", path("exec")),
        ("--pidfile", path("pid")),
        ("--host", format!("unix://{}", path("docker.sock"))),
    ] {
        command.args([option, &value]);
    }
    command.args(live_restore.then_some("--live-restore")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("unshare is installed")
}

async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + WITHIN;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(name: &str, pid: u32) {
    // Some are gone by now.
    drop(Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status());
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("readable").filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn read(pid: u32, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The processes of a container, by their control groups.
fn of_container(id: &str) -> Vec<u32> {
    processes().filter(|pid| read(*pid, "cgroup").contains(id)).collect()
}

/// Whether a process is gone, or only waits for somebody to ask how it ended.
fn has_ended(pid: u32) -> bool {
    let status = read(pid, "status");
    status.is_empty() || status.contains("State:\tZ")
}
