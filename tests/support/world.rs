//! A source directory, a place on the engine, and the program pointed at both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wharf::model::WorkspaceStatus;
use wharf::model::labels;
use wharf::model::status::{Condition, ConditionType, Phase};
use wharf::status_file::StatusFiles;

use super::manifest::Manifest;
use super::real::{Client, Scope};

/// How long anything may take. Nothing comes near it unless it never happens.
const DEADLINE: Duration = Duration::from_secs(30);

/// Between two looks at what is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The name of a configuration.
const CONFIGURATION: &str = "wharf.yaml";

/// Waits until something is seen.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, look)
}

/// Waits until something is seen that may take longer, or must come sooner.
pub fn eventually_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// Waits until something is so.
pub fn until(what: &str, mut predicate: impl FnMut() -> bool) {
    eventually(what, || predicate().then_some(()));
}

/// A source directory of its own, and an instance and a name prefix of its own on the engine. Dropping it removes all of it.
pub struct World {
    directory: TempDir,
    /// Where the controllers' logs go: no part of the source.
    logs: TempDir,
    prefix: String,
    scope: Scope,
}

/// What a command that has ended said.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A controller that runs. Dropping it kills it, and tells its log if the test is failing.
pub struct Controller {
    child: Child,
    log: PathBuf,
}

impl World {
    pub fn new() -> Self {
        Self::on(&Client::default())
    }

    /// On another engine than the machine's own.
    pub fn on(client: &Client) -> Self {
        let scope = Scope::on(client.clone());
        Self::with_prefix(scope.name().to_owned(), scope)
    }

    /// Another source and another instance that give their containers the same names.
    pub fn beside(&self) -> Self {
        Self::with_prefix(self.prefix.clone(), Scope::on(self.client().clone()))
    }

    fn with_prefix(prefix: String, scope: Scope) -> Self {
        scope.client().ensure_image();
        let directory = || tempfile::tempdir().expect("a temporary directory");
        let world = Self { directory: directory(), logs: directory(), prefix, scope };
        fs::create_dir(world.source()).expect("created");
        world
    }

    /// The source directory.
    pub fn source(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    /// A place beside the source directory.
    pub fn beside_source(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A place in the source directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.source().join(name)
    }

    /// Writes the controller's configuration, which counts from now on instead of the source directory. `spec`: lines of it, without
    /// where status files and the state are, which is beside it.
    pub fn configure(&self, spec: &str) {
        let head =
            "apiVersion: wharf/v1\nkind: ControllerConfiguration\nspec:\n  stateDir: state\n  statusDir: statuses\n";
        fs::write(self.beside_source(CONFIGURATION), format!("{head}{spec}")).expect("written");
    }

    /// The controller's configuration, where there is one.
    fn configuration(&self) -> Option<PathBuf> {
        Some(self.beside_source(CONFIGURATION)).filter(|file| file.exists())
    }

    /// Where status files are if not beside the manifests.
    pub fn status_dir(&self) -> Option<PathBuf> {
        self.configuration().map(|file| file.with_file_name("statuses"))
    }

    /// The instance.
    pub fn instance(&self) -> &str {
        self.scope.name()
    }

    /// The engine.
    pub fn client(&self) -> &Client {
        self.scope.client()
    }

    /// The name of an object of a workspace on the engine.
    pub fn object(&self, workspace: &str) -> String {
        format!("{}-{workspace}", self.prefix)
    }

    /// Writes a file of the source as editors do: whole.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        let temporary = path.with_file_name(".being-written");
        fs::write(&temporary, text).expect("written");
        fs::rename(temporary, path).expect("renamed");
    }

    /// Writes the manifest of one workspace, `NAME.yaml`.
    pub fn declare(&self, name: &str, manifest: &Manifest) {
        self.write(&format!("{name}.yaml"), &manifest.to_string());
    }

    /// Removes a file of the source.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).expect("removed");
    }

    /// The program, with this source and place on the engine, and with nothing of the developer's own settings.
    pub fn command(&self, command: &str, more: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_wharf"));
        program.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        program.arg("--no-color").arg(command);
        let plans = ["run", "plan"].contains(&command);
        match self.configuration() {
            Some(file) => program.arg("--config").arg(file),
            None if plans => program.arg(self.source()),
            None => program.arg("--dir").arg(self.source()),
        };
        if plans {
            program.args(["--instance", self.instance(), "--name-prefix", &self.prefix]);
            if let Some(host) = self.client().host().filter(|_| !more.contains(&"--host")) {
                program.args(["--host", host]);
            }
        }
        program.args(more);
        program
    }

    /// Runs a command to its end.
    pub fn wharf(&self, command: &str, more: &[&str]) -> Outcome {
        let output = self.command(command, more).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let code = output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"));
        Outcome { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a controller until everything has settled, or until it ends otherwise, with one more variable in its environment. Returns
    /// how it ended, and its log.
    pub fn run_once(&self, variable: Option<(&str, &str)>) -> (ExitStatus, String) {
        let mut command = self.command("run", &["--once", "--once-timeout", "60s"]);
        let output = command.envs(variable).stdin(Stdio::null()).output().expect("the program starts");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What the engine has of this instance, a line each, without what is another thing in each world.
    pub fn on_engine(&self) -> BTreeSet<String> {
        let filter = format!("label={}={}", labels::INSTANCE, self.instance());
        let list = |arguments: &[&str]| self.client().docker(&[arguments, &["--filter", &filter]].concat());
        let own = |text: &str| text.replace(&self.prefix, "PREFIX").replace(self.instance(), "INSTANCE");
        let mut found = BTreeSet::new();
        for id in list(&["ps", "--all", "--quiet"]).lines() {
            let format = "container {{.Name}} {{.State.Status}} {{.HostConfig.Memory}} {{.Config.Env}}";
            found.insert(own(&self.client().docker(&["container", "inspect", "--format", format, id])));
        }
        found.extend(list(&["network", "ls", "--format", "network {{.Name}}"]).lines().map(own));
        found.extend(list(&["volume", "ls", "--format", "volume {{.Name}}"]).lines().map(own));
        found
    }

    /// Starts a controller.
    pub fn start(&self, more: &[&str]) -> Controller {
        let number = fs::read_dir(&self.logs).expect("readable").count();
        let log = self.logs.path().join(format!("{number:03}.log"));
        let file = File::create(&log).expect("created");
        let mut command = self.command("run", more);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        Controller { child: child.expect("the program starts"), log }
    }

    /// All statuses, beside the manifests or in `status_dir`.
    pub fn statuses_in(&self, status_dir: Option<&Path>) -> Vec<WorkspaceStatus> {
        let found = StatusFiles::new(&self.source(), status_dir).read_all().unwrap_or_default();
        found.into_iter().map(|found| found.status.expect("a status file always parses")).collect()
    }

    /// All statuses.
    pub fn statuses(&self) -> Vec<WorkspaceStatus> {
        self.statuses_in(self.status_dir().as_deref())
    }

    /// The status of a workspace.
    pub fn status(&self, name: &str) -> Option<WorkspaceStatus> {
        self.statuses().into_iter().find(|status| status.metadata.name == name)
    }

    /// One condition of a workspace.
    pub fn condition(&self, name: &str, kind: ConditionType) -> Option<Condition> {
        self.status(name)?.status.condition(kind).cloned()
    }

    /// Waits until a condition has this reason.
    pub fn until_condition(&self, name: &str, kind: ConditionType, reason: &str) -> Condition {
        eventually(&format!("{name}: {kind:?} because {reason}"), || {
            self.condition(name, kind).filter(|condition| condition.reason.to_string() == reason)
        })
    }

    /// Waits until a workspace is in a phase.
    pub fn until_phase(&self, name: &str, phase: Phase) {
        until(&format!("{name} is {phase:?}"), || self.status(name).is_some_and(|it| it.status.phase == phase));
    }

    /// Waits until this generation of a workspace is in force and ready; returns its status.
    pub fn until_ready(&self, name: &str, generation: u64) -> WorkspaceStatus {
        eventually(&format!("generation {generation} of {name} is ready"), || {
            self.status(name).filter(|status| is_ready(status, generation))
        })
    }

    /// A workspace's container as the engine describes it.
    pub fn container(&self, name: &str) -> Option<Value> {
        self.client().inspect(&self.object(name))
    }

    /// The ID of a workspace's container, which must be there.
    pub fn id(&self, name: &str) -> String {
        let container = self.container(name).unwrap_or_else(|| panic!("{name} has a container"));
        container["Id"].as_str().expect("an ID").to_owned()
    }

    /// The instance's containers in any state: name and the label with the UID, in the order of names.
    pub fn containers(&self) -> Vec<(String, String)> {
        let filter = format!("label={}={}", labels::INSTANCE, self.instance());
        let format = format!("{{{{.Names}}}} {{{{.Label \"{}\"}}}}", labels::UID);
        let listed = self.client().docker(&["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format]);
        let line = |line: &str| line.split_once(' ').map(|(name, uid)| (name.to_owned(), uid.to_owned()));
        let mut containers: Vec<_> = listed.lines().filter_map(line).collect();
        containers.sort();
        containers
    }

    /// Every file under the source, the state directory included, with what changes when it is written or replaced.
    pub fn files(&self) -> BTreeMap<PathBuf, (u64, i64, i64, u64)> {
        let mut files = BTreeMap::new();
        let mut directories = vec![self.source()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable")) {
                let metadata = entry.metadata().expect("readable");
                if metadata.is_dir() {
                    directories.push(entry.path());
                }
                let stamp = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len());
                files.insert(entry.path(), stamp);
            }
        }
        files
    }
}

/// Whether a generation is in force and ready.
pub fn is_ready(status: &WorkspaceStatus, generation: u64) -> bool {
    let holds = [ConditionType::Accepted, ConditionType::Reconciled, ConditionType::Ready];
    status.metadata.generation == generation
        && status.status.observed_generation == generation
        && holds.iter().all(|kind| status.status.is(*kind))
}

impl Controller {
    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("readable")
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        signal_to(&self.child, signal);
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("waited");
    }

    /// Waits until it has ended; returns its exit code.
    pub fn ended(&mut self) -> i32 {
        let status = eventually("the controller ends", || self.child.try_wait().expect("waited"));
        status.code().unwrap_or_else(|| panic!("ended by a signal: {status}\n{}", self.log()))
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.ended(), 0);
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // One that has ended already is no concern.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            println!("--- the log of controller {} ---\n{log}", self.child.id());
        }
    }
}

/// Sends a signal to a child that has not been waited for.
pub fn signal_to(child: &Child, signal: &str) {
    let command = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().expect("a shell").success());
}
