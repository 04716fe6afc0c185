//! Who is read when, and from where.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wharf::engine::container::Attachment;
use wharf::engine::simulated::{CallRule, Fault, Operation, Simulated};
use wharf::engine::{ContainerSpec, Engine, Limits};
use wharf::model::reference::ImageReference;
use wharf::model::spec::{Security, ThresholdMetric};
use wharf::monitor::{Monitor, Options, Roots};

use crate::stage::{Told, target, threshold};
use crate::support::world::until;

fn spec(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        labels: BTreeMap::new(),
        image: image(),
        command: Vec::new(),
        args: Vec::new(),
        working_dir: None,
        user: None,
        hostname: name.to_owned(),
        env: Vec::new(),
        mounts: Vec::new(),
        ports: Vec::new(),
        limits: Limits::default(),
        shm_size: None,
        network: None::<Attachment>,
        security: Security::default(),
        health_check: None,
    }
}

fn image() -> ImageReference {
    "box:1".parse().expect("a reference")
}

/// A simulated engine on which containers of these names run, and their IDs.
async fn engine(names: &[&str]) -> (Arc<Simulated>, Vec<String>) {
    let engine = Simulated::new(1).with_image(&image());
    let mut ids = Vec::new();
    for name in names {
        let id = engine.create(&spec(name)).await.expect("created");
        engine.start(&id).await.expect("started");
        ids.push(id);
    }
    (Arc::new(engine), ids)
}

/// As for an engine elsewhere.
fn remote() -> Options {
    Options { roots: None, ..Options::default() }
}

/// Lets the monitor watch for so long.
async fn watch(monitor: &Monitor, stage: &Arc<Told>, engine: &Arc<Simulated>, time: Duration) {
    let shutdown = CancellationToken::new();
    let (stage, engine, token) = (Arc::clone(stage), Arc::clone(engine), shutdown.clone());
    let monitor = monitor.clone();
    let watching = tokio::spawn(async move { monitor.run(stage, engine, token).await });
    tokio::time::sleep(time).await;
    shutdown.cancel();
    watching.await.expect("it ends in order");
}

fn stats_calls(engine: &Simulated, name: &str) -> usize {
    engine.calls().iter().filter(|call| call.operation == Operation::Stats && call.object == name).count()
}

#[tokio::test(start_paused = true)]
async fn each_workspace_is_read_at_its_own_interval_and_wakeups_are_shared() {
    let (engine, ids) = engine(&["often", "usual", "seldom"]).await;
    let mut targets: Vec<_> =
        ["often", "usual", "seldom"].iter().zip(&ids).map(|(name, id)| target(name, id)).collect();
    targets[0].interval = Some(Duration::from_secs(5));
    targets[2].interval = Some(Duration::from_secs(60));
    let (stage, monitor) = (Told::of(targets), Monitor::new(remote()));
    watch(&monitor, &stage, &engine, Duration::from_secs(301)).await;
    // At once, a second later, and then with the interval up to five minutes.
    let calls = ["often", "usual", "seldom"].map(|name| stats_calls(&engine, name));
    assert_eq!(calls, [62, 32, 7]);
    let readings = ["often", "usual", "seldom"].map(|name| stage.readings(name).len());
    assert_eq!(readings, [61, 31, 6]);
    let statistics = monitor.statistics();
    assert_eq!((statistics.samples, statistics.skipped, statistics.failed, statistics.asked), (98, 3, 0, 101));
    // Nobody is woken but for the shortest interval.
    assert!((61..=64).contains(&statistics.rounds), "{statistics:?}");
    assert_eq!(statistics.watched, 3);
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_says_becomes_a_usage() {
    let (engine, ids) = engine(&["box"]).await;
    let first = engine.stats(&ids[0]).await.expect("read");
    let (stage, monitor) = (Told::of(vec![target("box", &ids[0])]), Monitor::new(remote()));
    watch(&monitor, &stage, &engine, Duration::from_secs(61)).await;
    let last = engine.stats(&ids[0]).await.expect("read");
    let elapsed = Duration::try_from(last.time.duration_since(first.time)).expect("time passes").as_secs_f64();
    let expected = Duration::from_nanos(last.cpu_nanos - first.cpu_nanos).as_secs_f64() / elapsed * 100.0;
    let readings = stage.readings("box");
    assert_eq!(readings.len(), 7);
    for usage in &readings {
        // The simulated load is steady.
        assert!((usage.cpu_percent - expected).abs() < 0.01 * expected, "{usage:?} {expected}");
        assert!(usage.block_write_rate > 0.0 && usage.memory_bytes > 0 && usage.pids > 0, "{usage:?}");
        assert_eq!((usage.memory_limit_bytes, usage.network_rx_bytes), (None, 0), "it has no limit and no network");
    }
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_hangs_delays_no_other_and_is_asked_less_often() {
    let (engine, ids) = engine(&["hangs", "a", "b", "c"]).await;
    engine.inject(CallRule::new(Fault::Hang).on(Operation::Stats).of("hangs"));
    let targets = ["hangs", "a", "b", "c"].iter().zip(&ids).map(|(name, id)| target(name, id)).collect();
    let (stage, monitor) = (Told::of(targets), Monitor::new(Options { parallel: 2, ..remote() }));
    watch(&monitor, &stage, &engine, Duration::from_secs(301)).await;
    assert_eq!(["hangs", "a", "b", "c"].map(|name| stage.readings(name).len()), [0, 31, 31, 31]);
    let calls = stats_calls(&engine, "hangs");
    assert!((3..=12).contains(&calls), "{calls}");
    assert_eq!(monitor.statistics().failed, u64::try_from(calls).expect("few"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_between_two_readings_makes_none_of_them_absurd() {
    let (engine, ids) = engine(&["box"]).await;
    let (stage, monitor) = (Told::of(vec![target("box", &ids[0])]), Monitor::new(remote()));
    let shutdown = CancellationToken::new();
    let (told, asked, token, running) = (Arc::clone(&stage), Arc::clone(&engine), shutdown.clone(), monitor.clone());
    let watching = tokio::spawn(async move { running.run(told, asked, token).await });
    tokio::time::sleep(Duration::from_secs(605)).await;
    let steady = stage.readings("box")[30].cpu_percent;
    engine.outside().restart("box").expect("restarted");
    // First only the engine knows of it, and later the stage as well.
    tokio::time::sleep(Duration::from_secs(20)).await;
    stage.change("box", |target| target.started_at = Some(jiff::Timestamp::now()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    shutdown.cancel();
    watching.await.expect("it ends in order");
    assert_eq!(monitor.statistics().skipped, 3, "the first, the counters that went back, the run that is another");
    for usage in stage.readings("box") {
        assert!((0.0..=steady * 1.05).contains(&usage.cpu_percent), "{usage:?}, steady {steady}");
        assert!(usage.block_write_rate >= 0.0, "{usage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn alerts_are_told_once_each_way() {
    let (engine, ids) = engine(&["new", "stood", "leaves"]).await;
    let mut targets: Vec<_> = ["new", "stood", "leaves"].iter().zip(&ids).map(|(name, id)| target(name, id)).collect();
    for target in &mut targets {
        target.limits.pids = Some(1_000_000);
        target.thresholds = vec![threshold("{metric: block, above: 1, for: 15s}")];
    }
    targets[0].thresholds.push(threshold("{metric: pids, above: 90%}"));
    targets[1].raised = vec![ThresholdMetric::Block];
    let (stage, monitor) = (Told::of(targets), Monitor::new(remote()));
    let shutdown = CancellationToken::new();
    let (told, asked, token, running) = (Arc::clone(&stage), Arc::clone(&engine), shutdown.clone(), monitor.clone());
    let watching = tokio::spawn(async move { running.run(told, asked, token).await });
    tokio::time::sleep(Duration::from_secs(65)).await;
    let sorted = |mut alerts: Vec<String>| {
        alerts.sort();
        alerts
    };
    assert_eq!(sorted(stage.alerts()), ["leaves block raised", "new block raised"]);
    stage.targets.lock().expect("not poisoned").retain(|target| target.name.as_str() != "leaves");
    stage.change("stood", |target| target.thresholds.clear());
    tokio::time::sleep(Duration::from_secs(35)).await;
    shutdown.cancel();
    watching.await.expect("it ends in order");
    let all = ["leaves block cleared", "leaves block raised", "new block raised", "stood block cleared"];
    assert_eq!(sorted(stage.alerts()), all);
}

/// A machine whose files say what a test wants.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().expect("a directory") };
        files.write("cgroup/cgroup.controllers", "cpu memory\n");
        files.write("proc/7/net/dev", "eth0: 100 0 0 0 0 0 0 0 200 0 0 0 0 0 0 0\n");
        files
    }

    /// Replaced as a whole, so that nobody reads half of it.
    fn write(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().expect("below")).expect("made");
        let beside = path.with_extension("new");
        fs::write(&beside, text).expect("written");
        fs::rename(&beside, &path).expect("renamed");
    }

    fn container(&self, id: &str, cpu_micros: u64) {
        let write = |file: &str, text: &str| self.write(&format!("cgroup/docker/{id}/{file}"), text);
        write("cpu.stat", &format!("usage_usec {cpu_micros}\n"));
        write("memory.current", "4096000\n");
        write("memory.stat", "inactive_file 96000\n");
        write("cgroup.procs", "7\n");
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    fn options(&self) -> Options {
        let roots = Roots { cgroup: self.path("cgroup"), proc: self.path("proc") };
        Options { roots: Some(roots), interval: Duration::from_millis(50), ..Options::default() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_without_the_engine_and_found_again_after_a_restart() {
    let (engine, _) = engine(&[]).await;
    let files = Files::new();
    files.container("abc", 5_000_000);
    let mut watched = target("box", "abc");
    watched.project = Some(files.path(""));
    let (stage, monitor) = (Told::of(vec![watched]), Monitor::new(files.options()));
    let shutdown = CancellationToken::new();
    let (told, asked, token, running) = (Arc::clone(&stage), Arc::clone(&engine), shutdown.clone(), monitor.clone());
    let watching = tokio::spawn(async move { running.run(told, asked, token).await });
    until("it is read", || stage.readings("box").len() >= 3);
    let before = monitor.statistics();
    // Another run: a new directory, whose counters begin anew and are soon beyond the old ones.
    fs::rename(files.path("cgroup/docker/abc"), files.path("former")).expect("moved");
    files.container("abc", 900_000_000);
    until("the new run is noticed", || monitor.statistics().skipped > before.skipped);
    let seen = stage.readings("box").len();
    until("it is read again", || stage.readings("box").len() > seen + 2);
    shutdown.cancel();
    watching.await.expect("it ends in order");
    for usage in stage.readings("box") {
        assert!(usage.cpu_percent.abs() < f64::EPSILON, "nothing was used: {usage:?}");
        assert_eq!((usage.memory_bytes, usage.network_rx_bytes, usage.network_tx_bytes), (4_000_000, 100, 200));
        assert!(usage.disk_percent.is_some_and(|percent| (0.0..=100.0).contains(&percent)), "{usage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_files_cannot_be_found_the_engine_is_asked() {
    let (engine, ids) = engine(&["box"]).await;
    let files = Files::new();
    let (stage, monitor) = (Told::of(vec![target("box", &ids[0])]), Monitor::new(files.options()));
    let shutdown = CancellationToken::new();
    let (told, asked, token, running) = (Arc::clone(&stage), Arc::clone(&engine), shutdown.clone(), monitor.clone());
    let watching = tokio::spawn(async move { running.run(told, asked, token).await });
    until("the engine tells", || stage.readings("box").len() >= 2);
    shutdown.cancel();
    watching.await.expect("it ends in order");
    let statistics = monitor.statistics();
    assert!(statistics.asked >= 3 && statistics.failed == 0, "{statistics:?}");
    assert!(Path::new(&files.path("cgroup")).exists());
}
