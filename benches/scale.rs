//! A thousand and ten thousand workspaces on the simulated engine: how cost grows with their number.
//!
//! The controller runs in this process, so that the same engine can be found again by a second life. Processor time
//! includes the engine's; memory is measured of `wharf run --engine simulated`, and the engine's own is taken off.

#![allow(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf::controller::{self, Ending, Input, Options};
use wharf::engine::Engine;
use wharf::engine::simulated::{Operation, Simulated};
use wharf::model::Instance;
use wharf::model::reference::ImageReference;
use wharf::model::status::ContainerState;
use wharf::source::{Directory, Reading};
use wharf::status_file::StatusFiles;
use wharf::store::{Lock, Store};

use support::figures::{figure, milliseconds};
use support::process::{self, own_processor_time};
use support::{Source, until};

const IMAGE: &str = "box:1";
const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// How often the engine is listed while idle costs are measured, and how many lists are.
const RESYNC: Duration = Duration::from_secs(1);
const RESYNCS: u32 = 10;

/// What some number of workspaces cost, in milliseconds.
struct Costs {
    converge: f64,
    cold_start: f64,
    resync: f64,
    list: f64,
}

fn main() {
    // First, while nothing that was freed is there to be used again.
    let engine = engine_memory();
    memory(engine);
    let runtime = Runtime::new().expect("a runtime");
    let (few, many) = (costs(&runtime, FEW), costs(&runtime, MANY));
    for (count, it) in [(FEW, &few), (MANY, &many)] {
        figure(&format!("simulated, {count}: converge from nothing, processor time"), it.converge, "ms", None);
        let most = (count == MANY).then_some(2_000.0);
        figure(&format!("simulated, {count}: cold start to converged knowledge"), it.cold_start, "ms", most);
        let most = (count == MANY).then_some(50.0);
        figure(&format!("simulated, {count}: idle resync, processor time"), it.resync, "ms", most);
        figure(&format!("simulated, {count}: of which the simulated engine's list"), it.list, "ms", None);
    }
    figure("simulated: converge, 10k over 1k", many.converge / few.converge, "×", Some(10.5));
    figure("simulated: cold start, 10k over 1k", many.cold_start / few.cold_start, "×", Some(10.5));
    figure("simulated: idle resync, 10k over 1k", many.resync / few.resync, "×", Some(10.5));
}

fn costs(runtime: &Runtime, count: usize) -> Costs {
    let life = Life::new(count);
    let begun = own_processor_time();
    let first = runtime.block_on(async { life.begin() });
    until("all run", || life.running() == count);
    until("all statuses are written", || life.statuses() == count);
    let converge = milliseconds(own_processor_time().saturating_sub(begun));
    first.end(runtime);

    let calls = life.inspections();
    let begun = Instant::now();
    let second = runtime.block_on(async { life.begin() });
    // Each container is inspected once, and what it comes to has been told when nothing is left to compute.
    until("all are known", || life.inspections() - calls >= count);
    let cold_start = milliseconds(begun.elapsed());
    until_idle();
    let resync = resync();
    second.end(runtime);
    Costs { converge, cold_start, resync, list: life.list(runtime) }
}

/// Processor time of one resync.
fn resync() -> f64 {
    let begun = own_processor_time();
    std::thread::sleep(RESYNC * RESYNCS);
    milliseconds(own_processor_time().saturating_sub(begun)) / f64::from(RESYNCS)
}

/// Waits until next to nothing is computed any more but resyncs.
fn until_idle() {
    let mut before = own_processor_time();
    loop {
        std::thread::sleep(RESYNC);
        let now = own_processor_time();
        if now.saturating_sub(before) < RESYNC / 4 {
            return;
        }
        before = now;
    }
}

/// An engine and a source, on which controllers live one after the other.
struct Life {
    directory: TempDir,
    engine: Simulated,
    reading: Reading,
    options: Options,
}

impl Life {
    fn new(count: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        declare(directory.path(), count);
        let engine = Simulated::new(1).with_image(&IMAGE.parse().expect("a reference")).with_epoch(Timestamp::now());
        let options = Options { resync: RESYNC, ..Options::new(directory.path().to_owned()) };
        let reading = Directory::new(directory.path(), vec![options.state_dir.clone()]).scan();
        Self { directory, engine, reading, options }
    }

    fn begin(&self) -> Living {
        let lock = Lock::acquire(&self.options.state_dir, "bench").expect("locked");
        let store = Store::open(&lock).expect("opened").store;
        let statuses = StatusFiles::new(self.directory.path(), None);
        let (inputs, receiver) = mpsc::unbounded_channel();
        inputs.send(Input::Reading(self.reading.clone())).expect("received");
        let shutdown = CancellationToken::new();
        let (engine, options, token) = (self.engine.clone(), self.options.clone(), shutdown.clone());
        let run = async move {
            // Inputs stay open while the controller runs.
            let _inputs = inputs;
            controller::run(engine, store, statuses, receiver, options, token).await.expect("ran")
        };
        Living { controller: tokio::spawn(run), shutdown }
    }

    fn running(&self) -> usize {
        pause();
        self.engine.snapshot().iter().filter(|container| container.state == ContainerState::Running).count()
    }

    fn inspections(&self) -> usize {
        pause();
        self.engine.calls().iter().filter(|call| call.operation == Operation::Inspect).count()
    }

    fn statuses(&self) -> usize {
        pause();
        let entries = std::fs::read_dir(self.directory.path()).expect("listed");
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".status.yaml")).count()
    }

    fn list(&self, runtime: &Runtime) -> f64 {
        let instance = self.options.scope.instance.clone();
        let begun = own_processor_time();
        for _ in 0..RESYNCS {
            runtime.block_on(self.engine.list(&instance)).expect("listed");
        }
        milliseconds(own_processor_time().saturating_sub(begun)) / f64::from(RESYNCS)
    }
}

/// Looking costs as well: not too often.
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// A controller under way.
struct Living {
    controller: JoinHandle<Ending>,
    shutdown: CancellationToken,
}

impl Living {
    fn end(self, runtime: &Runtime) {
        self.shutdown.cancel();
        runtime.block_on(self.controller).expect("ended in order");
    }
}

/// Resident memory of a controller with its engine, and without.
fn memory(engine: f64) {
    let of = |count: usize| {
        let source = Source::new();
        declare(source.root(), count);
        let wharf = source.run(&["--engine", "simulated"]);
        source.until_ready(count);
        // What is freed late.
        std::thread::sleep(Duration::from_secs(3));
        process::resident(wharf.id()) as f64
    };
    let slope = (of(MANY) - of(FEW)) / (MANY - FEW) as f64;
    figure("simulated: resident memory of a workspace, 1k to 10k, with its engine", slope, "B", None);
    figure("simulated: resident memory of a container in the engine alone", engine, "B", None);
    figure("simulated: resident memory of a workspace, 1k to 10k", slope - engine, "B", Some(4_096.0));
}

/// Resident memory of a container in an engine that nobody controls, in bytes.
fn engine_memory() -> f64 {
    let runtime = Runtime::new().expect("a runtime");
    let image: ImageReference = IMAGE.parse().expect("a reference");
    let engine = Simulated::new(1).with_image(&image);
    let own = || process::resident(std::process::id()) as f64;
    fill(&runtime, &engine, 0, FEW);
    let few = own();
    fill(&runtime, &engine, FEW, MANY);
    (own() - few) / (MANY - FEW) as f64
}

fn fill(runtime: &Runtime, engine: &Simulated, from: usize, to: usize) {
    let instance: Instance = "bench".parse().expect("an instance");
    runtime.block_on(async {
        for subject in support::subjects(to, &instance, IMAGE).into_iter().skip(from) {
            if let Some(network) = subject.network {
                engine.ensure_network(&network).await.expect("a network");
            }
            let id = engine.create(&subject.container).await.expect("created");
            engine.start(&id).await.expect("started");
            engine.inspect(&id).await.expect("inspected");
        }
    });
}

fn declare(root: &Path, count: usize) {
    for index in 0..count {
        let name = format!("w{index}");
        let path = root.join(format!("{name}.yaml"));
        std::fs::write(&path, support::manifest(&name, IMAGE, "")).expect("written");
        support::age(&path);
    }
}
