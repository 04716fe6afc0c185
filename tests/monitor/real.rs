//! The monitor beside `docker stats`, under a real load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wharf::engine::docker::Docker;
use wharf::engine::{Engine, Stats};
use wharf::model::metrics::Usage;
use wharf::monitor::cgroup::{Buffer, Cgroups};
use wharf::monitor::rates::Counters;
use wharf::monitor::{Monitor, Options, Roots, Target};

use crate::stage::{Told, target};
use crate::support::real::{Client, IMAGE, MARK, Scope, ensure_image};
use crate::support::world::until;

/// A load that a busy machine can still give: less than half a core, before all others, and 40 MiB that stay.
const LOAD: &str = "dd if=/dev/zero of=/dev/shm/load bs=1M count=40 2>/dev/null; while :; do :; done";

/// How far the two may be apart.
const TOLERANCE: f64 = 0.05;

/// How many values of each are compared by their medians, at least; a noisy machine is given more.
const LEAST: usize = 5;
const PATIENCE: Duration = Duration::from_secs(90);

fn start(scope: &Scope) -> String {
    ensure_image();
    let label = format!("{MARK}={}", scope.name());
    scope.client().docker(&[
        "run",
        "--detach",
        "--name",
        scope.name(),
        "--label",
        &label,
        "--cpus",
        "0.4",
        "--cpu-shares",
        "100000",
        "--memory",
        "128m",
        "--shm-size",
        "64m",
        IMAGE,
        "/bin/sh",
        "-c",
        LOAD,
    ])
}

fn watched(client: &Client, id: &str) -> Target {
    let started = client.inspect(id).expect("it is there")["State"]["StartedAt"].as_str().map(str::to_owned);
    let started_at = started.and_then(|text| text.parse::<Timestamp>().ok());
    Target { interval: Some(Duration::from_secs(1)), started_at, ..target("box", id) }
}

/// `docker stats --no-stream`: percent of a core, bytes of memory, the limit's bytes, processes.
fn docker_stats(client: &Client, id: &str) -> [f64; 4] {
    let text = client.docker(&["stats", "--no-stream", "--format", "{{json .}}", id]);
    let found: Value = serde_json::from_str(&text).expect("JSON");
    let field = |name: &str| found[name].as_str().expect("text").to_owned();
    let memory = field("MemUsage");
    let (used, limit) = memory.split_once(" / ").expect("used and limit");
    let percent = field("CPUPerc").trim_end_matches('%').parse().expect("a number");
    [percent, bytes(used), bytes(limit), field("PIDs").parse().expect("a number")]
}

/// As docker writes it: `41.2MiB`.
fn bytes(text: &str) -> f64 {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).expect("a unit");
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "B" => 1.0,
        "KiB" => 1_024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        other => panic!("the unit {other}"),
    };
    number.parse::<f64>().expect("a number") * scale
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn differ(ours: f64, theirs: f64) -> f64 {
    (ours - theirs).abs() / theirs
}

#[expect(clippy::cast_precision_loss, reason = "far below 52 bits")]
fn of(usage: &Usage) -> [f64; 4] {
    let limit = usage.memory_limit_bytes.expect("it has a limit");
    [usage.cpu_percent, usage.memory_bytes as f64, limit as f64, usage.pids as f64]
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_agrees_with_docker_stats_under_load_and_over_a_restart() {
    let scope = Scope::new();
    let id = start(&scope);
    let client = scope.client().clone();
    let engine = Arc::new(Docker::connect(None).expect("an engine"));
    let (stage, monitor) = (Told::of(vec![watched(&client, &id)]), Monitor::new(Options::default()));
    let shutdown = CancellationToken::new();
    let (told, token, running) = (Arc::clone(&stage), shutdown.clone(), monitor.clone());
    let watching = tokio::spawn(async move { running.run(told, engine, token).await });
    // Until the memory is in use.
    until("the load is up", || stage.readings("box").last().is_some_and(|usage| usage.memory_bytes > 40 << 20));

    let (begun, skip, mut theirs) = (Instant::now(), stage.readings("box").len(), Vec::new());
    loop {
        theirs.push(docker_stats(&client, &id));
        let ours: Vec<[f64; 4]> = stage.readings("box")[skip..].iter().map(of).collect();
        if theirs.len() < LEAST || ours.len() < LEAST {
            continue;
        }
        let medians = |all: &[[f64; 4]]| [0, 1, 2, 3].map(|index| median(all.iter().map(|it| it[index]).collect()));
        let (ours, theirs) = (medians(&ours), medians(&theirs));
        if (0..4).all(|index| differ(ours[index], theirs[index]) <= TOLERANCE) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "ours {ours:?}, of docker stats {theirs:?}");
    }
    assert_eq!(monitor.statistics().asked, 0, "files are read, and the engine is left alone");

    let before = (monitor.statistics(), stage.readings("box").len());
    client.docker(&["restart", "--time", "0", &id]);
    let fresh = watched(&client, &id);
    stage.change("box", |target| *target = fresh);
    until("the new run is read", || stage.readings("box").len() > before.1 + 3);
    shutdown.cancel();
    watching.await.expect("it ends in order");
    assert!(monitor.statistics().skipped > before.0.skipped, "no rate over two runs");
    for usage in stage.readings("box") {
        // Four tenths of a core, and what a quota lets through at the edges of a short window.
        assert!((0.0..80.0).contains(&usage.cpu_percent), "{usage:?}");
    }
}

/// What grows, in the order: processor time, received, sent, read, written.
fn growing(counters: &Counters) -> [u64; 5] {
    let Counters { cpu_nanos, network_rx_bytes, network_tx_bytes, block_read_bytes, block_write_bytes, .. } = *counters;
    [cpu_nanos, network_rx_bytes, network_tx_bytes, block_read_bytes, block_write_bytes]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_counts_lies_between_two_looks_at_the_files() {
    let scope = Scope::new();
    let id = start(&scope);
    let engine = Docker::connect(None).expect("an engine");
    let cgroups = Cgroups::new(Roots::default());
    let location = cgroups.locate(&id).expect("found without the engine");
    let mut buffer = Buffer::default();
    let mut read = || cgroups.read(&location, &mut buffer).expect("readable").counters;
    until("its network says something", || read().network_rx_bytes > 0);
    for _ in 0..5 {
        let before = read();
        let stats: Stats = engine.stats(&id).await.expect("read");
        let after = read();
        let theirs = growing(&Counters::of_engine(&stats, true));
        let (low, high) = (growing(&before), growing(&after));
        for index in 0..5 {
            let range = low[index]..=high[index];
            assert!(range.contains(&theirs[index]), "{index}: {} is not in {range:?}", theirs[index]);
        }
        assert_eq!(stats.memory_limit_bytes, after.memory_limit_bytes);
    }
}
