//! The monitor's loop: who is due, where to read, and what comes of it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::cgroup::{Buffer, Cgroups, Location, Sample};
use super::disk::Disks;
use super::rates::{Counters, Reading, Run};
use super::statistics::{Meter, Statistics};
use super::watched::{Outcome, Watched};
use super::{Capacity, Options, Round, Stage, Target};
use crate::engine::{Engine, Stats};
use crate::model::Name;

/// The resource monitor. A handle: clones share the statistics.
#[derive(Clone, Debug)]
pub struct Monitor {
    options: Options,
    meter: Meter,
}

impl Monitor {
    /// One that has not begun.
    pub fn new(options: Options) -> Self {
        Self { options, meter: Meter::default() }
    }

    /// What it has done so far.
    pub fn statistics(&self) -> Statistics {
        self.meter.read()
    }

    /// Watches the workspaces of a stage until the shutdown. Alerts that stand then go on standing.
    pub async fn run<S: Stage, E: Engine>(&self, stage: Arc<S>, engine: Arc<E>, shutdown: CancellationToken) {
        let mut monitoring = Monitoring::new(self, stage, engine);
        loop {
            let wake = monitoring.begun + monitoring.next;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep_until(wake) => monitoring.round().await,
                Some(answer) = monitoring.answers.next(), if !monitoring.answers.is_empty() => {
                    monitoring.answered(answer).await;
                }
            }
        }
    }
}

/// What an engine said about a workspace's container, or that it did not.
struct Answer {
    name: Name,
    container: String,
    /// When the answer came.
    at: Duration,
    stats: Option<Stats>,
}

type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The files of one workspace that are to be read.
struct Errand {
    name: Name,
    container: String,
    location: Option<Location>,
}

/// What came of it.
struct Found {
    errand: Errand,
    sample: io::Result<Sample>,
}

/// A monitor that runs.
struct Monitoring<S, E> {
    stage: Arc<S>,
    engine: Arc<E>,
    options: Options,
    meter: Meter,
    /// `None`: the engine is elsewhere.
    cgroups: Option<Arc<Cgroups>>,
    machine: Capacity,
    disks: Disks,
    watched: HashMap<Name, Watched>,
    answers: FuturesUnordered<Asking>,
    permits: Arc<Semaphore>,
    /// All monotonic times count from here.
    begun: Instant,
    /// When the next round is.
    next: Duration,
}

impl<S: Stage, E: Engine> Monitoring<S, E> {
    fn new(monitor: &Monitor, stage: Arc<S>, engine: Arc<E>) -> Self {
        let options = monitor.options.clone();
        let machine = options.roots.as_ref().map(|roots| Capacity::read(&roots.proc)).unwrap_or_default();
        Self {
            stage,
            engine,
            cgroups: options.roots.clone().map(|roots| Arc::new(Cgroups::new(roots))),
            machine,
            meter: monitor.meter.clone(),
            disks: Disks::default(),
            watched: HashMap::new(),
            answers: FuturesUnordered::new(),
            permits: Arc::new(Semaphore::new(options.parallel.max(1))),
            begun: Instant::now(),
            next: Duration::ZERO,
            options,
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Looks at who is due, and reads it.
    async fn round(&mut self) {
        let at = self.now();
        let mut round = Round { time: Timestamp::now(), readings: Vec::new(), alerts: Vec::new() };
        self.follow(at, &mut round);
        let due: Vec<Name> =
            self.watched.values().filter(|it| it.due <= at && !it.asking).map(|it| it.target.name.clone()).collect();
        let (errands, to_ask) = self.errands(due, at);
        let disks = self.disks.read(self.projects(&errands)).await;
        for found in read(self.cgroups.clone(), &self.meter, errands).await {
            self.found(found, &disks, at, &mut round);
        }
        for name in to_ask {
            self.ask(&name);
        }
        self.tell(round);
        self.meter.count(|it| it.rounds += 1);
        self.plan(at);
    }

    /// Takes over who is to be watched.
    fn follow(&mut self, at: Duration, round: &mut Round) {
        let mut former = std::mem::take(&mut self.watched);
        for target in self.stage.targets() {
            let name = target.name.clone();
            let known = former.remove(&name).filter(|known| known.target.uid == target.uid);
            let watched = match known {
                Some(mut known) => {
                    let ended = known.follow(target, at, self.options.interval);
                    round.alerts.extend(ended.into_iter().map(|alert| (name.clone(), alert)));
                    known
                }
                None => Watched::new(target, at, round.time),
            };
            self.watched.insert(name, watched);
        }
        for (name, mut gone) in former {
            round.alerts.extend(gone.end().into_iter().map(|alert| (name.clone(), alert)));
        }
        let watched = u64::try_from(self.watched.len()).unwrap_or(u64::MAX);
        self.meter.count(|it| it.watched = watched);
    }

    /// Of those that are due: whose files are read, and whom the engine is asked about.
    fn errands(&mut self, due: Vec<Name>, at: Duration) -> (Vec<Errand>, Vec<Name>) {
        let (mut errands, mut to_ask) = (Vec::new(), Vec::new());
        for name in due {
            let Some(watched) = self.watched.get_mut(&name) else { continue };
            if self.cgroups.is_none() || !watched.may_look(at) {
                to_ask.push(name);
                continue;
            }
            let (container, location) = (watched.target.container.clone(), watched.location.take());
            errands.push(Errand { name, container, location });
        }
        (errands, to_ask)
    }

    fn projects(&self, errands: &[Errand]) -> BTreeSet<PathBuf> {
        let targets = errands.iter().filter_map(|errand| self.watched.get(&errand.name));
        targets.filter_map(|watched| watched.target.project.clone()).collect()
    }

    /// Takes note of what files said, or asks the engine in their place.
    fn found(&mut self, found: Found, disks: &HashMap<PathBuf, f64>, at: Duration, round: &mut Round) {
        let Found { errand: Errand { name, location, .. }, sample } = found;
        let Some(watched) = self.watched.get_mut(&name) else { return };
        match sample {
            Ok(Sample { counters, cgroup, at }) => {
                watched.location = location;
                let at = at.saturating_duration_since(self.begun.into_std());
                let run = Run { started_at: watched.target.started_at, cgroup: Some(cgroup) };
                let reading = Reading { counters, at, engine_time: None, run, capacity: self.machine };
                let disk = watched.target.project.as_ref().and_then(|path| disks.get(path)).copied();
                let outcome = watched.take(reading, round.time, disk, self.options.interval);
                self.note(name, outcome, round);
            }
            Err(error) => {
                debug!(workspace = %name, %error, "no files of its container can be read; the engine is asked");
                watched.lost(at);
                self.ask(&name);
            }
        }
    }

    fn note(&self, name: Name, outcome: Outcome, round: &mut Round) {
        let Outcome { usage, alerts } = outcome;
        self.meter.count(|it| if usage.is_some() { it.samples += 1 } else { it.skipped += 1 });
        round.alerts.extend(alerts.into_iter().map(|alert| (name.clone(), alert)));
        round.readings.extend(usage.map(|usage| (name, usage)));
    }

    /// Asks the engine, beside everything else: who answers late, or not at all, delays nobody.
    fn ask(&mut self, name: &Name) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        watched.asking = true;
        self.meter.count(|it| it.asked += 1);
        let (engine, permits) = (Arc::clone(&self.engine), Arc::clone(&self.permits));
        let (begun, timeout) = (self.begun, self.options.timeout);
        let Target { name, container, .. } = watched.target.clone();
        self.answers.push(Box::pin(async move {
            // Never closed.
            let _permit = permits.acquire().await;
            let stats = match tokio::time::timeout(timeout, engine.stats(&container)).await {
                Ok(Ok(stats)) => Some(stats),
                Ok(Err(error)) => {
                    debug!(workspace = %name, %error, "the engine does not tell what it uses");
                    None
                }
                Err(_) => None,
            };
            Answer { name, container, at: begun.elapsed(), stats }
        }));
    }

    /// Takes note of an answer, and of others that have come in the meantime.
    async fn answered(&mut self, first: Answer) {
        let mut answers = vec![first];
        while let Some(Some(answer)) = self.answers.next().now_or_never() {
            answers.push(answer);
        }
        let targets = answers.iter().filter_map(|answer| self.watched.get(&answer.name));
        let disks = self.disks.read(targets.filter_map(|watched| watched.target.project.clone()).collect()).await;
        let mut round = Round { time: Timestamp::now(), readings: Vec::new(), alerts: Vec::new() };
        for answer in answers {
            self.take(answer, &disks, &mut round);
        }
        self.tell(round);
        self.plan(self.now());
    }

    fn take(&mut self, answer: Answer, disks: &HashMap<PathBuf, f64>, round: &mut Round) {
        let Answer { name, container, at, stats } = answer;
        let Some(watched) = self.watched.get_mut(&name) else { return };
        // It may be about a container that has been replaced.
        watched.asking = false;
        if watched.target.container != container {
            return;
        }
        let Some(stats) = stats else {
            self.meter.count(|it| it.failed += 1);
            watched.failed(at, self.options.interval);
            return;
        };
        let counters = Counters::of_engine(&stats, watched.target.limits.memory.is_some());
        let run = Run { started_at: watched.target.started_at, cgroup: None };
        let capacity = capacity_of_engine(&stats, self.machine);
        let reading = Reading { counters, at, engine_time: Some(stats.time), run, capacity };
        let disk = watched.target.project.as_ref().and_then(|path| disks.get(path)).copied();
        let outcome = watched.take(reading, round.time, disk, self.options.interval);
        self.note(name, outcome, round);
    }

    fn tell(&self, round: Round) {
        if !round.readings.is_empty() || !round.alerts.is_empty() {
            self.stage.measured(round);
        }
    }

    /// The next round: when the first of the watched is due, and in any case soon enough to see who is new.
    fn plan(&mut self, at: Duration) {
        let least = at + Duration::from_millis(1);
        let waiting = self.watched.values().filter(|watched| !watched.asking).map(|watched| watched.due);
        let next = waiting.chain([at + self.options.interval]).min();
        self.next = next.map_or(least, |next| next.max(least));
    }
}

/// Reads files, all in one task: what waits for a disk must not be on a thread that others need, and they do not wait long.
async fn read(cgroups: Option<Arc<Cgroups>>, meter: &Meter, errands: Vec<Errand>) -> Vec<Found> {
    let Some(cgroups) = cgroups.filter(|_| !errands.is_empty()) else { return Vec::new() };
    let begun = std::time::Instant::now();
    let task = tokio::task::spawn_blocking(move || {
        let before = processor_time();
        let mut buffer = Buffer::default();
        let found: Vec<Found> = errands.into_iter().map(|errand| run_errand(&cgroups, errand, &mut buffer)).collect();
        (found, processor_time().saturating_sub(before))
    });
    // It ends otherwise only when the runtime does.
    let (found, used) = task.await.unwrap_or_default();
    meter.count(|it| {
        it.last_round = begun.elapsed();
        it.cpu_time += used;
    });
    found
}

/// What percentages are of where the engine was asked: the engine's machine, which may be another one.
fn capacity_of_engine(stats: &Stats, machine: Capacity) -> Capacity {
    let cores = (stats.online_cpus > 0).then_some(f64::from(stats.online_cpus));
    Capacity { cores: cores.or(machine.cores), memory_bytes: stats.memory_limit_bytes, pids: machine.pids }
}

/// Reads the files of one workspace. Those that were known may be of a run that has ended, so they are looked for once more.
fn run_errand(cgroups: &Cgroups, mut errand: Errand, buffer: &mut Buffer) -> Found {
    if let Some(location) = &errand.location
        && let Ok(sample) = cgroups.read(location, buffer)
    {
        return Found { errand, sample: Ok(sample) };
    }
    errand.location = cgroups.locate(&errand.container);
    let not_found = || io::Error::new(io::ErrorKind::NotFound, "no cgroup is called like the container");
    let sample = errand.location.as_ref().ok_or_else(not_found).and_then(|found| cgroups.read(found, buffer));
    Found { errand, sample }
}

/// Of this thread.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
