//! A run of a scenario: the whole controller with its source, store, executor and status writer on a simulated engine and disk, in
//! virtual time, with a judge who sees every step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wharf::controller::{Ending, Handle, Options, Readings, follow_confirmations, follow_directory, run};
use wharf::disk::simulated::Simulated as Disk;
use wharf::engine::simulated::{CallRule, EventRule, Fault, Operation as Call, Refusal, Simulated as Engine};
use wharf::model::WorkspaceStatus;
use wharf::model::batch::Verb;
use wharf::source::{self, Source};
use wharf::status_file::StatusFiles;
use wharf::store::simulated::Simulated as Medium;
use wharf::store::{Store, confirm};
use wharf::witness::{WitnessedDisk, WitnessedEngine, WitnessedMedium};

use crate::judge::{Judge, Stage, Violation};
use crate::requests::Requests;
use crate::scenario::{CANARY, CallFault, EventFault, Loss, Operation, Request, Scenario, Spec, State, Way, What};

pub const SOURCE: &str = "/source";
pub const STATE: &str = "/source/.wharf";
/// How soon a controller that ended begins again, as a service manager lets it.
const RESTART: Duration = Duration::from_millis(500);

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub steps: u64,
    pub violation: Option<Violation>,
    pub trace: Vec<String>,
}

/// Everything there is in a run.
pub struct World {
    pub stage: Stage,
    pub judge: Judge,
    /// What valid manifests last asked for; those that were withdrawn are not there.
    pub wanted: BTreeMap<String, Spec>,
    /// Containers of somebody else, by ID: which workspace they resemble, and their name.
    pub strangers: BTreeMap<String, (String, String)>,
    /// Containers that carry our labels though they are not ours, by ID: they may be taken over once nobody remembers better.
    pub resembling: BTreeSet<String>,
    /// Where each manifest is, below the source.
    places: BTreeMap<String, String>,
    damaged: BTreeSet<String>,
    hidden: BTreeSet<String>,
    copies: BTreeSet<String>,
    lost: Option<Loss>,
    clock: Arc<AtomicI64>,
    begun: Instant,
    running: Option<Running>,
    restart_at: Option<Instant>,
    survive: usize,
    /// Whether the store was damaged, or could not be written for a while.
    pub has_lost_memory: bool,
    /// Until when what is known may not be stored though it could be.
    full_until: Option<Instant>,
    pub made: u64,
    /// What was asked of the controller.
    pub requests: Requests,
    /// Workspaces whose deletion was acknowledged.
    deleted: BTreeSet<String>,
    /// Workspaces that were withdrawn at some time.
    pub withdrawn: BTreeSet<String>,
    /// Status files that were parsed, by path.
    pub parsed: RefCell<BTreeMap<String, Parsed>>,
}

/// What a file held, and the documents in it.
type Parsed = (Arc<[u8]>, Vec<WorkspaceStatus>);

struct Running {
    handle: Handle,
    controller: JoinHandle<Ending>,
    following: JoinHandle<()>,
    shutdown: CancellationToken,
}

/// Plays a scenario from its beginning until everything is at rest, or until a promise is broken.
pub fn play(scenario: &Scenario, with_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(scenario, with_trace);
        world.play(scenario).await;
        let violation = world.judge.violation();
        Outcome { steps: world.judge.steps(), violation, trace: world.judge.trace() }
    })
}

impl World {
    fn new(scenario: &Scenario, with_trace: bool) -> Self {
        let options = Options::new(PathBuf::from(SOURCE));
        let instance = options.scope.instance;
        let latency = Duration::from_millis(scenario.latency);
        let engine = Engine::new(scenario.seed).with_any_image().with_latency(latency).owned_by(&instance);
        let disk = Disk::new(scenario.seed).with_latency(latency / 10);
        disk.make_directory(Path::new(STATE));
        disk.make_directory(Path::new("/projects/one"));
        disk.write(Path::new("/secrets/key"), format!("{CANARY}\n").as_bytes());
        let stage = Stage { engine, disk, medium: Medium::new("/source/.wharf/db"), instance, source: SOURCE.into() };
        Self {
            judge: Judge::new(stage.clone(), with_trace),
            stage,
            wanted: BTreeMap::new(),
            strangers: BTreeMap::new(),
            resembling: BTreeSet::new(),
            places: BTreeMap::new(),
            damaged: BTreeSet::new(),
            hidden: BTreeSet::new(),
            copies: BTreeSet::new(),
            lost: None,
            clock: Arc::default(),
            begun: Instant::now(),
            running: None,
            restart_at: Some(Instant::now()),
            survive: 0,
            has_lost_memory: false,
            full_until: None,
            made: 0,
            requests: Requests::default(),
            deleted: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            parsed: RefCell::default(),
        }
    }

    async fn play(&mut self, scenario: &Scenario) {
        for happening in &scenario.happenings {
            self.go_on_until(self.begun + Duration::from_millis(happening.at)).await;
            if self.is_over() {
                return;
            }
            self.judge.note(|| format!("{:?}", happening.what));
            self.happen(&happening.what).await;
        }
        self.calm_down().await;
        self.come_to_rest().await;
        self.judge.note(|| "the end".to_owned());
        if let Some(running) = self.running.take() {
            end(&running);
        }
    }

    pub fn is_over(&self) -> bool {
        self.judge.violation().is_some()
    }

    /// Lets time pass, and lets a controller that ended begin again.
    pub async fn go_on_until(&mut self, time: Instant) {
        loop {
            let due = self.restart_at.unwrap_or(time).min(time);
            tokio::select! {
                biased;
                () = self.judge.ended.notified() => self.bury(),
                () = sleep_until(due) => {
                    if self.restart_at.is_some_and(|at| at <= Instant::now()) {
                        self.start();
                    }
                    self.check_process();
                    if due >= time {
                        return;
                    }
                }
            }
            if self.is_over() {
                return;
            }
        }
    }

    pub async fn pass(&mut self, time: Duration) {
        self.go_on_until(Instant::now() + time).await;
    }

    /// A controller never ends by itself, and nothing in it panics.
    fn check_process(&mut self) {
        let over = self.running.as_ref().is_some_and(|it| it.controller.is_finished() || it.following.is_finished());
        if over && self.judge.lives() {
            self.judge.violate(0, "the controller ended by itself");
        }
        if let Some(panic) = crate::panics::take() {
            self.judge.violate(0, format!("a panic: {panic}"));
        }
    }

    /// A process that was killed: nothing of it goes on, and of what it had not made durable only the beginning survives.
    fn bury(&mut self) {
        if self.judge.lives() || self.running.is_none() {
            return;
        }
        if let Some(running) = self.running.take() {
            end(&running);
        }
        self.lose_what_is_not_durable();
        self.restart_at = Some(Instant::now() + RESTART);
    }

    fn lose_what_is_not_durable(&self) {
        self.stage.medium.crash(self.survive);
        if self.full_until.is_some_and(|until| Instant::now() < until) {
            // What could not be stored was told and is forgotten: there is no way to know better.
            self.judge.forget_all_generations();
        }
    }

    fn start(&mut self) {
        let witness = self.judge.begin_process();
        self.restart_at = None;
        let disk: Arc<dyn wharf::disk::Disk> =
            Arc::new(WitnessedDisk::new(Arc::new(self.stage.disk.clone()), Arc::clone(&witness)));
        let medium = WitnessedMedium::new(Arc::new(self.stage.medium.clone()), Arc::clone(&witness));
        let Ok(opened) = Store::open_on(Arc::new(medium)) else {
            // Without space, or killed while it opened: the service manager tries again.
            self.judge.process_is_over();
            self.stage.medium.crash(self.survive);
            self.restart_at = Some(Instant::now() + RESTART);
            return;
        };
        let engine = WitnessedEngine::new(self.stage.engine.clone(), witness);
        let options = self.options(Arc::clone(&disk));
        let source_options = source::Options { poll: options.poll, watch: false };
        let source = Source::on(Arc::clone(&disk), Path::new(SOURCE), vec![STATE.into()], source_options);
        let (inputs, receiver) = mpsc::unbounded_channel();
        let (handle, shutdown) = (Handle::new(inputs.clone()), CancellationToken::new());
        let readings = Readings::new(&options.places, options.tracker.sources().clone(), inputs.clone());
        let confirming = follow_confirmations(Arc::clone(&disk), STATE.into(), options.poll, inputs, shutdown.clone());
        let directory = follow_directory(source, 0, readings, shutdown.clone());
        let following = tokio::spawn(async move {
            tokio::join!(directory, confirming);
        });
        let statuses = StatusFiles::on(disk, Path::new(SOURCE), None);
        let controller = run(engine, opened.store, statuses, receiver, options, shutdown.clone());
        let controller = tokio::spawn(async move { controller.await.expect("the store was just read") });
        self.running = Some(Running { handle, controller, following, shutdown });
    }

    fn options(&self, disk: Arc<dyn wharf::disk::Disk>) -> Options {
        let mut options = Options::new(PathBuf::from(SOURCE));
        let (engine, skew) = (self.stage.engine.clone(), Arc::clone(&self.clock));
        options.clock = Arc::new(move || {
            let skew = SignedDuration::from_secs(skew.load(Ordering::Relaxed));
            engine.now().checked_add(skew).expect("a time that can be told")
        });
        options.disk = disk;
        options.seed = self.made + 7;
        options.resync = Duration::from_secs(10);
        options.audit = Duration::from_secs(20);
        options
    }

    async fn happen(&mut self, what: &What) {
        match what {
            What::Declare { name, spec, way } => self.declare(name, spec, *way).await,
            What::Withdraw { names } => {
                for name in names {
                    self.withdraw(name);
                }
            }
            What::Damage { name, text } => self.damage(name, text),
            What::Hide { name } => self.hide(name),
            What::Show { name } => self.show(name),
            What::Copy { name } => self.copy(name),
            What::Move { name } => self.move_file(name),
            What::LoseSource { how } => self.lose_source(*how),
            What::RestoreSource => {
                if self.lost == Some(Loss::Empty) {
                    // Long enough to be noticed.
                    self.pass(Duration::from_millis(2500)).await;
                }
                self.restore_source();
            }
            What::Confirm => self.confirm(),
            What::Person { name, deed } => self.person(name, *deed),
            What::Ask { name, request } => {
                let handle = self.running.as_ref().map(|running| running.handle.clone());
                match handle {
                    Some(handle) if *request == Request::Delete => self.delete(&handle, name).await,
                    Some(handle) => self.ask(&handle, name, *request),
                    None => {}
                }
            }
            What::Stranger { name, kind } => self.stranger(name, *kind),
            What::Call { operation, fault } => self.stage.engine.inject(call_rule(*operation, *fault)),
            What::Events { fault, times } => self.stage.engine.inject_event(event_rule(*fault, *times)),
            What::StopEngine => self.stage.engine.stop_engine(),
            What::KillEngine => self.stage.engine.kill_engine(),
            What::StartEngine => self.stage.engine.start_engine(),
            What::Crash { after, survive } => {
                self.survive = *survive;
                self.judge.end_process(*after);
            }
            What::Restart => self.restart().await,
            What::FillDisk => {
                self.set_full(true);
                self.has_lost_memory = true;
                self.full_until = Some(Instant::now() + Duration::from_secs(3600));
            }
            What::FreeDisk => {
                self.set_full(false);
                self.full_until = Some(Instant::now() + Duration::from_secs(4));
            }
            What::JumpClock { seconds } => {
                self.clock.fetch_add(*seconds, Ordering::Relaxed);
            }
            What::DamageStore => {
                self.stage.medium.damage("a flipped bit");
                self.has_lost_memory = true;
                self.strangers.clear();
                self.judge.forget_generations();
                self.requests.forget();
                // Who remembers nothing has to believe the first list.
                self.stage.engine.clear_faults();
                self.judge.end_process(0);
            }
        }
        self.tell_source();
    }

    fn set_full(&self, is_full: bool) {
        self.stage.disk.set_full(is_full);
        self.stage.medium.set_full(is_full);
    }

    /// Tells it to end, and waits until it has.
    async fn restart(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.shutdown.cancel();
        let limit = Instant::now() + Duration::from_secs(60);
        while !running.controller.is_finished() && Instant::now() < limit && self.judge.lives() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if self.judge.lives() && !running.controller.is_finished() {
            self.judge.violate(0, "the controller did not end when it was told to");
        }
        self.judge.process_is_over();
        end(&running);
        self.lose_what_is_not_durable();
        self.restart_at = Some(Instant::now() + RESTART);
    }

    fn path(&self, name: &str) -> PathBuf {
        let place = self.places.get(name).map_or("", String::as_str);
        Path::new(SOURCE).join(place).join(format!("{name}.yaml"))
    }

    async fn declare(&mut self, name: &str, spec: &Spec, way: Way) {
        if self.lost.is_some() {
            return;
        }
        self.show(name);
        let (path, text) = (self.path(name), spec.manifest(name));
        let (first, _) = text.split_at(text.len() / 2);
        self.judge.excuse(name);
        self.deleted.remove(name);
        self.judge.end_deletion(name);
        let tenth = Duration::from_millis(100);
        self.wanted.insert(name.to_owned(), spec.clone());
        self.tell_source();
        match way {
            Way::Renamed => self.stage.disk.replace(&path, text.as_bytes()),
            Way::InPlace => self.stage.disk.write(&path, text.as_bytes()),
            Way::Slowly => {
                self.stage.disk.write(&path, b"");
                self.pass(tenth).await;
                self.stage.disk.write(&path, first.as_bytes());
                self.pass(tenth).await;
                self.stage.disk.write(&path, text.as_bytes());
            }
        }
        self.damaged.remove(name);
    }

    /// Asks for the end of a workspace, and waits for the answer.
    async fn delete(&mut self, handle: &Handle, name: &str) {
        if self.lost.is_some() || self.damaged.contains(name) || self.hidden.contains(name) {
            return;
        }
        // The copy may have become the one that is in force.
        self.judge.give_up(vec![self.path(name), copy_of(name)]);
        self.judge.ask_deletion(name);
        let asked = tokio::spawn({
            let (handle, name) = (handle.clone(), name.parse().expect("a name"));
            async move { handle.ask(Verb::Delete, name, String::new()).await }
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        while !asked.is_finished() && Instant::now() < deadline && !self.is_over() {
            self.pass(Duration::from_millis(1)).await;
        }
        let is_answered = asked.is_finished();
        let is_granted = is_answered && matches!(asked.await, Ok(Ok(())));
        self.judge.note(|| format!("delete {name}: granted: {is_granted}"));
        self.judge.keep();
        // One that was moved a moment ago may be granted all the same: what nobody has read yet is not found, and stays.
        let is_gone = self.stage.disk.bytes(&self.path(name)).is_none();
        if is_gone {
            self.forget(name);
        }
        if is_gone && is_granted {
            self.deleted.insert(name.to_owned());
        } else if is_answered && !is_granted {
            self.judge.end_deletion(name);
        }
    }

    fn withdraw(&mut self, name: &str) {
        if self.lost.is_none() && self.stage.disk.remove(&self.path(name)) {
            self.forget(name);
        }
    }

    /// Nothing declares it any more.
    fn forget(&mut self, name: &str) {
        self.wanted.remove(name);
        self.withdrawn.insert(name.to_owned());
        // With the workspace forgotten, what carries our labels may be taken over when it is declared again.
        self.strangers.retain(|_, (resembles, _)| resembles != name);
        self.damaged.remove(name);
        self.hidden.remove(name);
        self.stage.disk.mend_path(&self.path(name));
        self.uncopy(name);
        self.judge.excuse(name);
    }

    fn damage(&mut self, name: &str, text: &str) {
        if self.lost.is_none() && self.wanted.contains_key(name) {
            self.stage.disk.write(&self.path(name), text.as_bytes());
            self.damaged.insert(name.to_owned());
        }
    }

    fn hide(&mut self, name: &str) {
        if self.wanted.contains_key(name) && self.hidden.insert(name.to_owned()) {
            self.stage.disk.break_path(self.path(name), ErrorKind::PermissionDenied);
        }
    }

    fn show(&mut self, name: &str) {
        if self.hidden.remove(name) {
            self.stage.disk.mend_path(&self.path(name));
        }
    }

    fn copy(&mut self, name: &str) {
        let bytes = self.stage.disk.bytes(&self.path(name));
        if let Some(bytes) = bytes.filter(|_| self.lost.is_none() && self.copies.insert(name.to_owned())) {
            self.stage.disk.write(&copy_of(name), &bytes);
        }
    }

    fn uncopy(&mut self, name: &str) {
        if self.copies.remove(name) {
            self.stage.disk.remove(&copy_of(name));
        }
    }

    fn move_file(&mut self, name: &str) {
        if self.lost.is_some() || self.hidden.contains(name) {
            return;
        }
        let from = self.path(name);
        let place = if self.places.get(name).is_some_and(|place| place == "team") { "" } else { "team" };
        let earlier = self.places.insert(name.to_owned(), place.to_owned());
        self.stage.disk.make_directory(&Path::new(SOURCE).join("team"));
        if !self.stage.disk.move_to(&from, &self.path(name)) {
            self.places.insert(name.to_owned(), earlier.unwrap_or_default());
        }
    }

    fn lose_source(&mut self, how: Loss) {
        if self.lost.is_some() {
            return;
        }
        let (disk, source) = (&self.stage.disk, Path::new(SOURCE));
        match how {
            Loss::Missing => drop(disk.move_to(source, Path::new("/elsewhere"))),
            Loss::Empty => {
                disk.move_to(source, Path::new("/elsewhere"));
                disk.make_directory(Path::new(STATE));
            }
            Loss::Forbidden => disk.break_path(source, ErrorKind::PermissionDenied),
            Loss::InputOutputError => disk.break_path(source, ErrorKind::Other),
        }
        self.lost = Some(how);
    }

    pub fn restore_source(&mut self) {
        let (disk, source) = (&self.stage.disk, Path::new(SOURCE));
        match self.lost.take() {
            Some(Loss::Missing | Loss::Empty) => {
                disk.remove(source);
                disk.move_to(Path::new("/elsewhere"), source);
            }
            Some(Loss::Forbidden | Loss::InputOutputError) => disk.mend_path(source),
            None => {}
        }
    }

    /// As `wharf prune --confirm` does.
    pub fn confirm(&mut self) {
        let all = ["a", "b", "c", "d", "e"].into_iter();
        let gone: Vec<String> = all.filter(|name| !self.wanted.contains_key(*name)).map(str::to_owned).collect();
        let names = gone.iter().map(|name| name.parse().expect("a name")).collect();
        if confirm(&self.stage.disk, Path::new(STATE), &names).is_ok() {
            self.judge.confirm(gone.into_iter());
        }
    }

    /// Tells the judge what is declared: what is in any file, be it one that cannot be read.
    fn tell_source(&self) {
        let is_gone = matches!(self.lost, Some(Loss::Empty | Loss::Missing));
        let present = if is_gone { BTreeSet::new() } else { self.wanted.keys().cloned().collect() };
        // A file that cannot be read any more is known as long as it does not change.
        let is_readable = matches!(self.lost, None | Some(Loss::Empty));
        let archived = self.wanted.iter().filter(|(_, spec)| spec.state == State::Archived);
        self.judge.set_source(present, archived.map(|(name, _)| name.clone()).collect(), is_readable);
    }

    /// Nothing goes wrong any more, and people put right what only they can.
    async fn calm_down(&mut self) {
        self.judge.note(|| "calm".to_owned());
        self.judge.spare_process();
        self.stage.engine.clear_faults();
        self.stage.engine.start_engine();
        self.set_full(false);
        self.restore_source();
        for name in self.hidden.clone() {
            self.show(&name);
        }
        for name in self.copies.clone() {
            self.uncopy(&name);
        }
        self.remove_name_holders();
        for name in self.damaged.clone() {
            let spec = self.wanted[&name].clone();
            self.declare(&name, &spec, Way::Renamed).await;
        }
        self.tell_source();
        // What is held is confirmed once it has been shown to be held.
        self.pass(Duration::from_secs(20)).await;
        for name in self.deleted.clone() {
            let record = name.parse().ok().and_then(|name| self.stage.medium.record(&name));
            // A confirmation does not outlive a disk that was full when it was to be acted on.
            if !self.has_lost_memory && record.is_some_and(|record| record.deletion.is_none()) {
                self.judge.violate(15, format!("the deletion of {name} was acknowledged, but it is kept"));
            }
        }
        self.confirm();
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn writes(&self) -> (u64, u64, u64) {
        (self.stage.disk.writes(), self.stage.medium.counts().0, self.stage.medium.counts().1)
    }
}

fn copy_of(name: &str) -> PathBuf {
    Path::new(SOURCE).join(format!("z-copy-of-{name}.yaml"))
}

fn end(running: &Running) {
    running.controller.abort();
    running.following.abort();
}

fn call_rule(operation: Option<Operation>, fault: CallFault) -> CallRule {
    let fault = match fault {
        CallFault::Unavailable => Fault::Unavailable,
        CallFault::Refused => Fault::Refuse(Refusal::Failed("simulated failure".to_owned())),
        CallFault::LostReply => Fault::LostReply,
        CallFault::Late => Fault::Delay(Duration::from_millis(700)),
        CallFault::TooLate => Fault::Delay(Duration::from_secs(15)),
        CallFault::Hang => Fault::Hang,
        CallFault::Stale => Fault::Stale(2),
    };
    let rule = CallRule::new(fault).times(1);
    match operation {
        None => rule,
        Some(operation) => rule.on(call(operation)),
    }
}

fn call(operation: Operation) -> Call {
    match operation {
        Operation::List => Call::List,
        Operation::Inspect => Call::Inspect,
        Operation::Create => Call::Create,
        Operation::Start => Call::Start,
        Operation::Stop => Call::Stop,
        Operation::Rename => Call::Rename,
        Operation::Update => Call::Update,
        Operation::Remove => Call::Remove,
        Operation::Pull => Call::Pull,
        Operation::EnsureNetwork => Call::EnsureNetwork,
    }
}

fn event_rule(fault: EventFault, times: u64) -> EventRule {
    use wharf::engine::simulated::EventFault as Real;
    let fault = match fault {
        EventFault::Drop => Real::Drop,
        EventFault::Duplicate => Real::Duplicate,
        EventFault::Late => Real::Delay(Duration::from_secs(3)),
        EventFault::Swap => Real::Swap,
        EventFault::End => Real::End,
        EventFault::Garbage => Real::Garbage,
    };
    EventRule::new(fault).times(times)
}
