//! A controller on the simulated engine, in virtual time, with a real store and real status files.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wharf::controller::{Ending, Handle, Input, Options, RequestError, run};
use wharf::engine::simulated::{Operation, Simulated};
use wharf::engine::{ContainerDetail, Engine};
use wharf::events::Hub;
use wharf::model::Name;
use wharf::model::batch::Verb;
use wharf::model::event::{EventFilter, EventReason, EventRecord};
use wharf::model::hash::Fingerprint;
use wharf::model::status::{Condition, ConditionType, ContainerState, Phase, WorkspaceStatus};
use wharf::source::{ManifestFile, Reading, Snapshot, SourceFile};
use wharf::status_file::StatusFiles;
use wharf::store::{Lock, Store};
use wharf::tracker::Tracker;

/// How long, in virtual time, anything may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// What one path of the source has.
enum File {
    Text(String),
    Unreadable(String),
}

/// A controller and everything around it.
pub struct Rig {
    pub engine: Simulated,
    directory: TempDir,
    files: BTreeMap<String, File>,
    /// Of several sources, those that cannot be read, and why.
    lost: BTreeMap<Name, String>,
    inputs: Option<mpsc::UnboundedSender<Input>>,
    running: Option<(JoinHandle<Ending>, CancellationToken)>,
    /// The running controller's.
    store: Option<Store>,
    /// The live state, whichever controller runs.
    pub tracker: Tracker,
    /// What happens, whichever controller runs.
    pub hub: Hub,
    tune: fn(&mut Options),
}

/// One status file at one time.
#[derive(PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: SystemTime,
    text: String,
}

impl Rig {
    /// A controller that has not been started, on an engine with every image.
    pub fn new() -> Self {
        Self::with_options(|_| {})
    }

    pub fn with_options(tune: fn(&mut Options)) -> Self {
        Self::on(Simulated::new(7).with_any_image()).tuned(tune)
    }

    /// A controller that has not been started, on this engine.
    pub fn on(engine: Simulated) -> Self {
        // In memory where that is possible: a disk's flushes would take most of the time.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let directory = directory.expect("a temporary directory");
        Self {
            engine,
            directory,
            files: BTreeMap::new(),
            lost: BTreeMap::new(),
            inputs: None,
            running: None,
            store: None,
            tracker: Tracker::new(),
            hub: Hub::new(),
            tune: |_| {},
        }
    }

    #[must_use]
    pub fn tuned(self, tune: fn(&mut Options)) -> Self {
        Self { tune, ..self }
    }

    /// A controller that runs these workspaces, all Ready.
    pub async fn running(workspaces: &[(&str, &str)]) -> Self {
        let mut rig = Self::new();
        for (name, spec) in workspaces {
            rig.declare(name, spec);
        }
        rig.start();
        let names: Vec<&str> = workspaces.iter().map(|(name, _)| *name).collect();
        rig.until_ready(&names).await;
        rig.settle().await;
        rig
    }

    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.root().join(".wharf")
    }

    fn options(&self) -> Options {
        let mut options = Options::new(self.root().to_owned());
        let engine = self.engine.clone();
        options.clock = Arc::new(move || engine.now());
        options.seed = 7;
        options.tracker = self.tracker.clone();
        options.hub = self.hub.clone();
        (self.tune)(&mut options);
        options
    }

    /// Starts a controller with what the state directory remembers.
    pub fn start(&mut self) {
        self.start_on(self.engine.clone());
    }

    /// Starts a controller whose first reading of the source fails.
    pub fn start_with_lost_source(&mut self, why: &str) {
        self.launch(self.engine.clone());
        self.lose_source(why);
    }

    /// Starts a controller on something that stands in front of the engine.
    pub fn start_on<E: Engine>(&mut self, engine: E) {
        self.launch(engine);
        self.read_source();
    }

    fn launch<E: Engine>(&mut self, engine: E) {
        assert!(self.running.is_none(), "a controller runs already");
        let (sender, inputs) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let lock = Lock::acquire(&self.state_dir(), "test").expect("the lock is free");
        let store = Store::open(&lock).expect("the store opens").store;
        drop(lock);
        self.store = Some(store.clone());
        let statuses = StatusFiles::new(self.root(), None);
        let (options, token) = (self.options(), shutdown.clone());
        let controller =
            async move { run(engine, store, statuses, inputs, options, token).await.expect("the controller runs") };
        self.running = Some((tokio::spawn(controller), shutdown));
        self.inputs = Some(sender);
    }

    /// To ask the running controller for something.
    pub fn handle(&self) -> Handle {
        Handle::new(self.inputs.clone().expect("a controller was started"))
    }

    /// Asks for something, under a name that is used once.
    pub async fn ask(&self, verb: Verb, name: &str) -> Result<(), RequestError> {
        self.handle().ask(verb, name.parse().expect("a name"), format!("{:?}", Instant::now())).await
    }

    /// Ends the controller in order.
    pub async fn stop(&mut self) {
        self.store = None;
        if let Some((task, shutdown)) = self.running.take() {
            shutdown.cancel();
            task.await.expect("the controller ends");
        }
    }

    /// Ends the controller at once, as kill -9 does.
    pub async fn kill(&mut self) {
        self.store = None;
        if let Some((task, _)) = self.running.take() {
            task.abort();
            assert!(task.await.is_err(), "it was aborted");
        }
    }

    /// Waits for a controller that ends by itself.
    pub async fn ended(&mut self) -> Ending {
        self.store = None;
        let (task, _) = self.running.take().expect("a controller runs");
        task.await.expect("the controller ends")
    }

    /// Writes a manifest and tells the controller.
    pub fn write(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), File::Text(text.to_owned()));
        self.read_source();
    }

    /// Writes the manifest of one workspace from its spec, in flow form.
    pub fn declare(&mut self, name: &str, spec: &str) {
        self.write(&format!("{name}.yaml"), &manifest(name, spec));
    }

    /// Makes a manifest unreadable.
    pub fn obscure(&mut self, path: &str, why: &str) {
        self.files.insert(path.to_owned(), File::Unreadable(why.to_owned()));
        self.read_source();
    }

    pub fn delete(&mut self, path: &str) {
        self.delete_many(&[path]);
    }

    /// Deletes manifests, all of them before the source is read again.
    pub fn delete_many(&mut self, paths: &[&str]) {
        for path in paths {
            assert!(self.files.remove(*path).is_some(), "{path} was not there");
        }
        self.read_source();
    }

    /// Renames a manifest.
    pub fn move_file(&mut self, from: &str, to: &str) {
        let file = self.files.remove(from).unwrap_or_else(|| panic!("{from} was not there"));
        self.files.insert(to.to_owned(), file);
        self.read_source();
    }

    pub fn delete_all(&mut self) {
        self.files.clear();
        self.read_source();
    }

    pub fn lose_source(&self, why: &str) {
        self.send(Input::Reading(Reading::Lost(why.to_owned())));
    }

    /// One of several sources cannot be read.
    pub fn lose_one(&mut self, source: &str, why: &str) {
        self.lost.insert(source.parse().expect("a name"), why.to_owned());
        self.read_source();
    }

    /// It can be again.
    pub fn find_one(&mut self, source: &str) {
        self.lost.retain(|lost, _| lost.as_str() != source);
        self.read_source();
    }

    pub fn send(&self, input: Input) {
        if let Some(inputs) = &self.inputs {
            // A controller that has ended does not listen.
            let _ = inputs.send(input);
        }
    }

    pub fn read_source(&self) {
        let is_lost = |path: &str| self.lost.keys().any(|source| path.starts_with(&format!("{source}/")));
        let files = self.files.iter().filter(|(path, _)| !is_lost(path));
        let files = files.map(|(path, file)| (path.clone(), self.read(path, file))).collect();
        self.send(Input::Reading(Reading::Complete(Snapshot { files, lost: self.lost.clone() })));
    }

    fn read(&self, path: &str, file: &File) -> SourceFile {
        match file {
            File::Unreadable(why) => SourceFile::Unreadable(why.clone()),
            File::Text(text) => SourceFile::Read(Arc::new(ManifestFile {
                fingerprint: Fingerprint::of_bytes(text.as_bytes()),
                directory: self.root().join(path).parent().expect("a parent").to_owned(),
                manifest: wharf::manifest::parse(path, text.as_bytes()),
            })),
        }
    }

    /// The status of a workspace, from its file. Of several sources, the name begins with the source's: `one/box`.
    pub fn status(&self, name: &str) -> Option<WorkspaceStatus> {
        let own = name.rsplit('/').next().unwrap_or(name);
        self.statuses(&format!("{name}.status.yaml")).into_iter().find(|status| status.metadata.name == own)
    }

    pub fn statuses(&self, file: &str) -> Vec<WorkspaceStatus> {
        let text = std::fs::read_to_string(self.root().join(file)).unwrap_or_default();
        wharf::yaml::from_str(&text).expect("a status file always parses")
    }

    /// Waits until something is so; says what was last seen when it never is.
    pub async fn until(&self, what: &str, predicate: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !predicate(self) {
            assert!(begun.elapsed() < DEADLINE, "never: {what}\n{}", self.picture());
            // Looking costs real time: what takes longer is looked at less often.
            let pause = (begun.elapsed() / 10).clamp(Duration::from_millis(10), Duration::from_millis(200));
            tokio::time::sleep(pause).await;
        }
    }

    pub async fn until_condition(&self, name: &str, kind: ConditionType, reason: &str) -> Condition {
        let found = |rig: &Self| rig.condition(name, kind).filter(|it| it.reason.to_string() == reason);
        self.until(&format!("{name}: {kind:?} because {reason}"), |rig| found(rig).is_some()).await;
        found(self).expect("it was just there")
    }

    pub fn condition(&self, name: &str, kind: ConditionType) -> Option<Condition> {
        self.status(name)?.status.condition(kind).cloned()
    }

    pub async fn until_ready(&self, names: &[&str]) {
        for name in names {
            self.until(&format!("{name} ready and reconciled"), |rig| {
                let Some(status) = rig.status(name) else { return false };
                status.status.is(ConditionType::Ready)
                    && status.status.is(ConditionType::Reconciled)
                    && status.status.is(ConditionType::Accepted)
            })
            .await;
        }
    }

    /// Waits until the present generation is observed and nothing remains to be done.
    pub async fn until_reconciled(&self, name: &str, generation: u64) {
        let reconciled = |rig: &Self| {
            rig.status(name).is_some_and(|it| {
                it.status.observed_generation == generation && it.status.is(ConditionType::Reconciled)
            })
        };
        self.until(&format!("{name} reconciled at generation {generation}"), reconciled).await;
    }

    pub async fn until_phase(&self, name: &str, phase: Phase) {
        self.until(&format!("{name} {phase:?}"), |rig| rig.status(name).is_some_and(|it| it.status.phase == phase))
            .await;
    }

    /// Lets what was begun come to its end.
    pub async fn settle(&self) {
        self.pass(Duration::from_secs(5)).await;
    }

    /// Lets virtual time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub fn container(&self, name: &str) -> Option<ContainerDetail> {
        self.engine.snapshot().into_iter().find(|container| container.name == name)
    }

    pub fn id(&self, name: &str) -> String {
        self.container(name).unwrap_or_else(|| panic!("no container {name}\n{}", self.picture())).id
    }

    pub fn is_running(&self, name: &str) -> bool {
        self.container(name).is_some_and(|container| container.state == ContainerState::Running)
    }

    /// Engine calls so far, as the beginning of [`Self::calls_since`].
    pub fn count(&self) -> usize {
        self.engine.calls().len()
    }

    /// Engine calls since an earlier count.
    pub fn calls_since(&self, count: usize) -> Vec<String> {
        self.engine.calls()[count..].iter().map(ToString::to_string).collect()
    }

    /// When calls of a kind were made since an earlier count, in seconds since the engine's construction.
    pub fn times_of(&self, operation: Operation, count: usize) -> Vec<f64> {
        let calls = self.engine.calls();
        calls[count..].iter().filter(|call| call.operation == operation).map(|call| call.at.as_secs_f64()).collect()
    }

    /// The events of a status, newest first, as `Reason: message`.
    pub fn events(&self, name: &str) -> Vec<String> {
        let events = self.status(name).map(|status| status.status.events).unwrap_or_default();
        events.iter().map(|event| format!("{:?}: {}", event.reason, event.message)).collect()
    }

    /// Whether the status shows an event of this reason whose message has these words.
    pub fn has_event(&self, name: &str, reason: EventReason, words: &str) -> bool {
        let events = self.status(name).map(|status| status.status.events).unwrap_or_default();
        events.iter().any(|event| event.reason == reason && event.message.contains(words))
    }

    /// The event log of a workspace, also of one that is gone.
    pub fn log(&self, name: &str) -> Vec<EventRecord> {
        let store = self.store.as_ref().expect("a controller was started");
        let filter = EventFilter { workspace: Some(name.parse().expect("a name")), ..EventFilter::default() };
        let events = store.events(&filter, 100).expect("readable");
        events.into_iter().rev().map(|event| event.record).collect()
    }

    /// No rule of the engine was broken.
    pub fn assert_lawful(&self) {
        assert!(self.engine.violations().is_empty(), "{:?}\n{}", self.engine.violations(), self.picture());
    }

    /// The status files, and what the file system knows of each: a write changes it.
    pub fn stamps(&self) -> BTreeMap<PathBuf, Stamp> {
        let entries = std::fs::read_dir(self.root()).expect("the source can be listed").flatten();
        let statuses = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".status.yaml"));
        let stamp = |entry: std::fs::DirEntry| {
            let metadata = entry.metadata().expect("it was just there");
            let text = std::fs::read_to_string(entry.path()).expect("it was just there");
            let modified = metadata.modified().expect("a time");
            (entry.path(), Stamp { inode: metadata.ino(), modified, text })
        };
        statuses.map(stamp).collect()
    }

    /// No status file was written since.
    pub fn assert_unwritten(&self, before: &BTreeMap<PathBuf, Stamp>) {
        for (path, now) in self.stamps() {
            let before = before.get(&path).unwrap_or_else(|| panic!("{} is new", path.display()));
            assert!(*before == now, "written\nbefore: {}\nafter: {}", before.text, now.text);
        }
    }

    pub fn picture(&self) -> String {
        use std::fmt::Write;
        let mut picture = String::new();
        for container in self.engine.snapshot() {
            let _ = writeln!(picture, "container {} {} {:?}", container.name, container.state, container.health);
        }
        for call in self.engine.calls().iter().rev().take(30).collect::<Vec<_>>().into_iter().rev() {
            let _ = writeln!(picture, "call {call}");
        }
        for entry in std::fs::read_dir(self.root()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with(".status.yaml") {
                let _ = writeln!(picture, "{}", std::fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        picture
    }
}

/// A manifest of one workspace, in flow form.
pub fn manifest(name: &str, spec: &str) -> String {
    format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}
