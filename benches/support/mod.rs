//! What the benchmarks share: sources with many workspaces, a running `wharf`, clean-up on the real engine, and figures.
//!
//! Nothing here judges: each figure is printed with what it must reach beside it, and with the machine's load, for
//! others may use the machine at the same time.

#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod figures;
pub mod process;
#[path = "../../tests/support/real.rs"]
pub mod real;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use wharf::model::status::ConditionType;
use wharf::model::{Instance, Uid, WorkspaceStatus};
use wharf::plan::{Origin, Scope, Subject};

/// How many workspaces on the real engine, where the environment does not say.
const WORKSPACES: usize = 100;

/// How long to wait for anything before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(180);

/// `WHARF_BENCH_N`: how many workspaces on the real engine.
pub fn workspaces() -> usize {
    setting("WHARF_BENCH_N", WORKSPACES)
}

/// A number from the environment.
pub fn setting(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The manifest of a workspace that only sleeps.
pub fn manifest(name: &str, image: &str, more: &str) -> String {
    format!(
        "apiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: {name}\nspec:\n  image: {image}\n  \
         command: [sleep, infinity]\n  stopGracePeriod: 1s\n  resources: {{memory: 64Mi}}\n{more}"
    )
}

/// What Wharf makes of so many such workspaces.
pub fn subjects(count: usize, instance: &Instance, image: &str) -> Vec<Subject> {
    let scope = Scope { instance: instance.clone(), prefix: instance.as_str().parse().expect("a name") };
    let subject = |index: usize| {
        let text = manifest(&format!("w{index}"), image, "");
        let workspace = wharf::manifest::parse("w.yaml", text.as_bytes()).documents.remove(0).outcome.expect("valid");
        let uid = Uid::new(format!("bench-{index}"));
        let origin = Origin { uid: &uid, generation: 1, manifest: "w.yaml", directory: Path::new("/") };
        scope.compile(Arc::new(workspace), origin)
    };
    (0..count).map(subject).collect()
}

/// A source directory whose workspaces have a name of this run's own, and the promise to remove from the real engine all
/// that a controller made of them.
pub struct Source {
    directory: TempDir,
    instance: Instance,
}

impl Source {
    /// An empty one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let instance = format!("wharf-bench-{}-{number}", std::process::id());
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory, instance: instance.parse().expect("a valid instance") }
    }

    /// With so many workspaces of the test image.
    pub fn with_workspaces(count: usize) -> Self {
        let source = Self::new();
        for index in 0..count {
            source.declare(index, "");
            age(&source.manifest(index));
        }
        source
    }

    /// Declares a workspace, with more lines of its spec.
    pub fn declare(&self, index: usize, more: &str) {
        fs::write(self.manifest(index), manifest(&format!("w{index}"), real::IMAGE, more)).expect("written");
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The controller's instance, which is the prefix of names, too.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Where the manifest of a workspace is.
    pub fn manifest(&self, index: usize) -> PathBuf {
        self.root().join(format!("w{index}.yaml"))
    }

    /// Where its status is.
    pub fn status(&self, index: usize) -> PathBuf {
        self.root().join(format!("w{index}.status.yaml"))
    }

    /// The name of its container.
    pub fn container(&self, index: usize) -> String {
        format!("{}-w{index}", self.instance)
    }

    /// `wharf COMMAND` on this source.
    pub fn command(&self, command: &str) -> Command {
        // `WHARF_BENCH_BIN`: another build, to compare.
        let program = std::env::var_os("WHARF_BENCH_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_wharf").into());
        let mut wharf = Command::new(program);
        wharf.arg(command).arg(self.root()).args(["--instance", self.instance.as_str()]);
        wharf.args(["--name-prefix", self.instance.as_str()]).stdin(Stdio::null()).stdout(Stdio::null());
        wharf.stderr(Stdio::null());
        wharf
    }

    /// Starts `wharf run`.
    pub fn run(&self, arguments: &[&str]) -> Wharf {
        Wharf { child: self.command("run").args(arguments).spawn().expect("started") }
    }

    /// Waits until so many workspaces are Ready; returns when the last status was on the disk.
    pub fn until_ready(&self, count: usize) -> SystemTime {
        let mut waiting: Vec<(PathBuf, Option<SystemTime>)> = (0..count).map(|it| (self.status(it), None)).collect();
        let mut last = SystemTime::UNIX_EPOCH;
        let begun = Instant::now();
        while !waiting.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "{} workspaces are not ready", waiting.len());
            std::thread::sleep(Duration::from_millis(100));
            waiting.retain_mut(|(path, seen)| {
                let changed = changed_at(path);
                if changed == *seen {
                    return true;
                }
                *seen = changed;
                let ready = is_ready(path);
                if ready {
                    last = last.max(changed.unwrap_or(last));
                }
                !ready
            });
        }
        last
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        clean(&self.instance);
    }
}

/// Removes all objects of an instance, several at a time: an engine takes long for a hundred in a row.
pub fn clean(instance: &Instance) {
    let filter = format!("label=wharf.instance={instance}");
    let remove = |list: &str, remove: &str| {
        let line = format!("docker {list} -q --filter {filter} | xargs -r -P 4 -n 10 docker {remove} >/dev/null 2>&1");
        Command::new("sh").args(["-c", &line]).status().is_ok_and(|status| status.success())
    };
    // A busy engine takes some time to let go of what a container used. A panic here would hide the benchmark's own; what is
    // left behind is named by its label.
    for _ in 0..5 {
        if remove("ps --all --no-trunc", "rm --force --volumes") && remove("network ls --no-trunc", "network rm") {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    eprintln!("not everything of instance {instance} could be removed from the engine");
}

/// Makes a file an hour old: one that was written just now may not be complete yet, and is waited for.
pub fn age(path: &Path) {
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).expect("its time was set");
}

/// When a file was put in its place: renaming changes the time of the inode, writing alone that of the contents.
pub fn changed_at(path: &Path) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    let since = Duration::new(metadata.ctime().try_into().ok()?, metadata.ctime_nsec().try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + since)
}

/// The documents of a status file; none while there is no file.
pub fn statuses(path: &Path) -> Vec<WorkspaceStatus> {
    fs::read_to_string(path).map(|text| wharf::yaml::from_str(&text).expect("a status file")).unwrap_or_default()
}

fn is_ready(path: &Path) -> bool {
    statuses(path).iter().any(|document| document.status.is(ConditionType::Ready))
}

/// Waits until something is so.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// A running `wharf run`; dropping it ends it in order.
pub struct Wharf {
    child: Child,
}

impl Wharf {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Wharf {
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}
