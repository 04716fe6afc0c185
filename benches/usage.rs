//! Watching what workspaces use: reading the files of containers, and writing and asking history.

#![allow(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use wharf::engine::Limits;
use wharf::engine::simulated::Simulated;
use wharf::metrics::{Metrics, Request, Retention};
use wharf::model::Uid;
use wharf::model::metrics::{Metric, Usage};
use wharf::monitor::cgroup::{Buffer, Cgroups};
use wharf::monitor::{Monitor, Options, Roots, Round, Stage, Target};
use wharf::store::{Lock, Store};

use support::figures::{figure, median, milliseconds};
use support::process;
use support::real::{IMAGE, MARK, Scope, docker, ensure_image};

/// Containers on the real engine, where the environment does not say (`WHARF_BENCH_USAGE`); figures are for each of them.
const CONTAINERS: usize = 25;

/// What a monitor reads in a round.
const WORKSPACES: usize = 100;

const ROUNDS: u32 = 50;
const DAY: i64 = 86_400;
const INTERVAL: i64 = 10;

fn main() {
    let files = Files::new();
    let ids: Vec<String> = (0..WORKSPACES).map(|index| files.container(index)).collect();
    reading("files of a file system", &Cgroups::new(files.roots()), &ids);
    real_containers();
    history();
}

/// The cost of reading counters, once they have been found.
fn reading(of: &str, cgroups: &Cgroups, ids: &[String]) -> f64 {
    let begun = process::own_processor_time();
    let found: Vec<_> = ids.iter().map(|id| cgroups.locate(id).expect("found")).collect();
    let locating = process::own_processor_time().saturating_sub(begun);
    let mut buffer = Buffer::default();
    let begun = process::own_processor_time();
    for _ in 0..ROUNDS {
        for location in &found {
            cgroups.read(location, &mut buffer).expect("readable");
        }
    }
    let used = process::own_processor_time().saturating_sub(begun);
    let each = micros(used) / f64::from(ROUNDS) / ids.len() as f64;
    figure(
        &format!("usage: finding a container, {of}, processor time"),
        micros(locating) / ids.len() as f64,
        "µs",
        None,
    );
    figure(&format!("usage: reading a container, {of}, processor time"), each, "µs", Some(200.0));
    each
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn real_containers() {
    ensure_image();
    let scope = Scope::new();
    let label = format!("{MARK}={}", scope.name());
    let start = |_| docker(&["run", "--detach", "--label", &label, "--memory", "64m", IMAGE, "sleep", "infinity"]);
    let ids: Vec<String> = (0..support::setting("WHARF_BENCH_USAGE", CONTAINERS)).map(start).collect();
    let each = reading("real containers", &Cgroups::new(Roots::default()), &ids);
    let percent = each * WORKSPACES as f64 / 1e6 / INTERVAL as f64 * 100.0;
    figure("usage: 100 workspaces every 10 s, by that, of a core", percent, "%", Some(0.2));
    monitor(&ids);
}

/// The whole monitor, with its wakeups and thresholds: read more often than usual, so that it can be measured.
fn monitor(ids: &[String]) {
    const EVERY: Duration = Duration::from_secs(1);
    const TIME: Duration = Duration::from_secs(15);
    let runtime = Runtime::new().expect("a runtime");
    let stage = Arc::new(Counting { targets: ids.iter().map(|id| target(id)).collect(), told: AtomicU64::new(0) });
    let monitor = Monitor::new(Options { interval: EVERY, ..Options::default() });
    let shutdown = CancellationToken::new();
    let (running, told, token) = (monitor.clone(), Arc::clone(&stage), shutdown.clone());
    let begun = process::own_processor_time();
    runtime.block_on(async {
        let engine = Arc::new(Simulated::new(1));
        let watching = tokio::spawn(async move { running.run(told, engine, token).await });
        tokio::time::sleep(TIME).await;
        shutdown.cancel();
        watching.await.expect("it ends in order");
    });
    let used = micros(process::own_processor_time().saturating_sub(begun));
    let told = stage.told.load(Ordering::Relaxed) as f64;
    figure("usage: a sample of the whole monitor, processor time", used / told, "µs", Some(200.0));
    figure("usage: 100 workspaces every 10 s, by that, of a core", used / told * 1e-6 * 10.0 * 100.0, "%", Some(0.2));
}

struct Counting {
    targets: Vec<Target>,
    told: AtomicU64,
}

impl Stage for Counting {
    fn targets(&self) -> Vec<Target> {
        self.targets.clone()
    }

    fn measured(&self, round: Round) {
        self.told.fetch_add(round.readings.len() as u64, Ordering::Relaxed);
    }
}

fn target(id: &str) -> Target {
    Target {
        name: format!("w{}", &id[..12]).parse().expect("a name"),
        uid: Uid::new(id),
        container: id.to_owned(),
        started_at: None,
        interval: None,
        thresholds: wharf::yaml::from_str("[{metric: memory, above: 90%}, {metric: cpu, above: 90%, for: 5m}]\n")
            .expect("thresholds")
            .remove(0),
        limits: Limits::default(),
        project: Some(std::env::temp_dir()),
        raised: Vec::new(),
    }
}

fn uid(index: usize) -> Uid {
    Uid::new(format!("01J{index:023}"))
}

/// A day of 100 workspaces, read every ten seconds and written every minute.
fn history() {
    let directory = tempfile::tempdir().expect("a directory");
    let lock = Lock::acquire(directory.path(), "bench").expect("locked");
    let store = || Store::open_on(Store::history_medium(&lock)).expect("opened").store;
    let metrics = Metrics::new(store(), Retention::default());
    let now = Timestamp::from_second(20_000 * DAY).expect("a time");
    let mut flushes = Vec::new();
    let before = process::resident(std::process::id());
    for second in (0..DAY).step_by(usize::try_from(INTERVAL).expect("small")) {
        let time = now - SignedDuration::from_secs(DAY - second);
        (0..WORKSPACES).for_each(|index| metrics.add(&uid(index), &usage(time, (second % 977) as f64)));
        if second % 60 == 60 - INTERVAL {
            let begun = Instant::now();
            metrics.flush(time).expect("flushed");
            flushes.push(milliseconds(begun.elapsed()));
        }
    }
    let memory = process::resident(std::process::id()).saturating_sub(before) as f64;
    figure("usage: writing a minute of 100 workspaces, median", median(&flushes), "ms", None);
    figure("usage: resident memory for the history of 100 workspaces", memory / 1_048_576.0, "MiB", None);
    figure("usage: a day of 100 workspaces on disk", size(directory.path()) as f64 / 1_048_576.0, "MiB", None);
    let begun = Instant::now();
    drop(metrics);
    let metrics = Metrics::new(store(), Retention::default());
    figure("usage: opening it again", milliseconds(begun.elapsed()), "ms", None);
    for (what, wanted) in [("one metric", vec![Metric::Cpu]), ("all metrics", Metric::ALL.to_vec())] {
        let times: Vec<f64> = (0..WORKSPACES).map(|index| ask(&metrics, index, &wanted, now)).collect();
        figure(&format!("usage: 24 h of a workspace by minutes, {what}, median"), median(&times), "ms", Some(20.0));
    }
}

fn ask(metrics: &Metrics, index: usize, wanted: &[Metric], now: Timestamp) -> f64 {
    let from = now - SignedDuration::from_secs(DAY);
    let step = Some(Duration::from_secs(60));
    let request = Request { metrics: wanted.to_vec(), from, to: now, step, now };
    let begun = Instant::now();
    let series = metrics.query(&uid(index), &request).expect("answered");
    let taken = milliseconds(begun.elapsed());
    assert_eq!(series.metrics[0].points.len(), 1_440);
    taken
}

fn usage(time: Timestamp, value: f64) -> Usage {
    Usage {
        time: time.into(),
        cpu_percent: value,
        memory_bytes: 1 << 30,
        memory_limit_bytes: None,
        network_rx_bytes: 0,
        network_tx_bytes: 0,
        block_read_bytes: 0,
        block_write_bytes: 0,
        network_rx_rate: value * 100.0,
        network_tx_rate: value * 10.0,
        block_read_rate: 0.0,
        block_write_rate: value,
        pids: 12,
        disk_percent: Some(40.0),
    }
}

fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("listed").flatten();
    entries
        .map(
            |entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |it| it.len()) },
        )
        .sum()
}

/// A tree as a kernel with cgroup v2 shows it, on a plain file system.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().expect("a directory") };
        files.write("cgroup/cgroup.controllers", "cpu io memory pids\n");
        files.write("proc/7/net/dev", "    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 100 0 0 0 0 0 0 0 200 0 0 0 0 0 0 0\n");
        files
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("below")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn roots(&self) -> Roots {
        Roots { cgroup: self.directory.path().join("cgroup"), proc: self.directory.path().join("proc") }
    }

    fn container(&self, index: usize) -> String {
        let id = format!("{index:064x}");
        // As long as the kernel's.
        let stat =
            (0..50).fold(String::from("inactive_file 96000\n"), |text, line| text + &format!("pgscan_{line} 123456\n"));
        for (file, text) in [
            ("cpu.stat", "usage_usec 5000000\nuser_usec 1\nsystem_usec 1\n"),
            ("memory.current", "4096000\n"),
            ("memory.max", "67108864\n"),
            ("memory.stat", stat.as_str()),
            ("io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"),
            ("pids.current", "3\n"),
            ("cgroup.procs", "7\n"),
        ] {
            self.write(&format!("cgroup/system.slice/docker-{id}.scope/{file}"), text);
        }
        id
    }
}
