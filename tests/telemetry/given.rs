//! What expositions are made from here, and Prometheus' own tool.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use wharf::model::WorkspaceStatus;
use wharf::model::batch::Batch;
use wharf::model::metrics::Usage;
use wharf::model::statistics::{Durations, MonitorStatistics, Statistics, Summary};
use wharf::model::status::{ErrorClass, Phase};
use wharf::model::webhook::WebhookStatistics;
use wharf::telemetry::{Process, Scrape, exposition};
use wharf::tracker::{Remaining, Tracked};

/// What an exposition is made from.
pub struct Given {
    pub statistics: Statistics,
    pub summary: Summary,
    pub workspaces: Vec<Arc<Tracked>>,
    pub webhooks: Vec<WebhookStatistics>,
    pub batches: Vec<Batch>,
}

impl Given {
    /// A controller that has just begun.
    pub fn empty() -> Self {
        let (statistics, summary) = (Statistics::default(), Summary::default());
        Self { statistics, summary, workspaces: Vec::new(), webhooks: Vec::new(), batches: Vec::new() }
    }

    /// Everything there is to tell.
    pub fn full() -> Self {
        let webhook = |name: &str| WebhookStatistics {
            name: name.to_owned(),
            delivered: 41,
            dead_letters: 2,
            failed_attempts: 12,
            pending: 3,
            missed: 0,
        };
        Self {
            statistics: statistics(),
            summary: Summary { phases: [(Phase::Active, 2), (Phase::Failed, 1)].into(), ..Summary::default() },
            workspaces: vec![Arc::new(tracked("api", "Active")), Arc::new(bare("db \"old\"\\"))],
            webhooks: vec![webhook("chat"), webhook("hooks.example.com#2")],
            batches: vec![batch()],
        }
    }

    /// So many workspaces, with everything that can be told of each.
    pub fn many(count: usize) -> Self {
        let workspaces =
            (0..count).map(|index| Arc::new(tracked(&format!("workspace-{index:04}"), "Active"))).collect();
        Self { statistics: statistics(), workspaces, ..Self::empty() }
    }

    pub fn exposition(&self) -> String {
        let Self { statistics, summary, workspaces, webhooks, batches } = self;
        let process = Process { cpu_seconds: Some(1.25), resident_bytes: Some(9 << 20), open_files: Some(31) };
        exposition(&Scrape { alive: true, process, statistics, summary, workspaces, webhooks, batches })
    }
}

fn statistics() -> Statistics {
    Statistics {
        started_at: Some("2026-01-31T12:00:00Z".parse::<jiff::Timestamp>().expect("a time").into()),
        engine_reachable: true,
        passes: 1000,
        pass_duration: Durations { count: 1000, p50_millis: 2.5, p99_millis: 120.0 },
        actions: 12,
        errors: [(ErrorClass::Network, 3)].into(),
        queue_depth: 7,
        in_flight: 1,
        event_lag: Durations { count: 40, p50_millis: 0.75, p99_millis: 9.0 },
        engine_events: 40,
        subscribers: 2,
        monitor: Some(MonitorStatistics {
            rounds: 60,
            samples: 600,
            skipped: 4,
            failed: 1,
            last_round_millis: 3.5,
            cpu_millis: 250.0,
        }),
    }
}

fn batch() -> Batch {
    let batch = json!({
        "id": "01JJJJJJJJJJJJJJJJJJJJJJJJ", "verb": "restart", "state": "Running", "parallelism": 4,
        "createdAt": "2026-01-31T12:00:00Z", "items": [],
    });
    serde_json::from_value(batch).expect("a batch")
}

fn status(name: &str, phase: &str, rest: &Value) -> WorkspaceStatus {
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-31T12:00:00Z",
        })
    };
    let mut status = json!({
        "phase": phase, "observedGeneration": 1, "summary": "",
        "conditions": [
            condition("Ready", if phase == "Active" { "True" } else { "False" }, "Running"),
            condition("Alerting", "True", "ThresholdExceeded"),
        ],
    });
    status.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
    let document = json!({
        "apiVersion": "wharf/v1", "kind": "WorkspaceStatus",
        "metadata": {"name": name, "generation": 1, "manifest": format!("{name}.yaml")},
        "status": status,
    });
    serde_json::from_value(document).expect("a status")
}

/// A workspace of which everything is known.
pub fn tracked(name: &str, phase: &str) -> Tracked {
    let rest = json!({
        "requested": {"state": "Running", "time": "2026-01-31T12:00:00Z"},
        "container": {
            "id": "c0ffee", "name": name, "image": "a", "imageId": "sha256:0", "state": "running", "restarts": 3,
        },
        "metrics": {
            "cpuPercent": 0, "memoryBytes": 0, "networkRxBytes": 0, "networkTxBytes": 0, "blockReadBytes": 0,
            "blockWriteBytes": 0, "pids": 0, "errorCount": 5, "lastErrorTime": "2026-01-31T11:00:00Z",
            "time": "2026-01-31T12:00:00Z",
        },
    });
    let usage = Usage {
        time: "2026-01-31T12:00:10Z".parse::<jiff::Timestamp>().expect("a time").into(),
        cpu_percent: 150.0,
        memory_bytes: 64 << 20,
        memory_limit_bytes: Some(128 << 20),
        network_rx_bytes: 9_007_199_254_740_993,
        network_tx_bytes: 2000,
        block_read_bytes: 3000,
        block_write_bytes: 4000,
        network_rx_rate: 0.0,
        network_tx_rate: 0.0,
        block_read_rate: 0.0,
        block_write_rate: 0.0,
        pids: 12,
        disk_percent: Some(62.5),
    };
    Tracked { usage: Some(usage), ..of(status(name, phase, &rest)) }
}

/// A workspace of which next to nothing is known.
fn bare(name: &str) -> Tracked {
    of(status(name, "Failed", &json!({})))
}

fn of(document: WorkspaceStatus) -> Tracked {
    Tracked { document, workspace: None, project: None, remaining: Remaining::default(), passes: 0, usage: None }
}

/// Runs promtool: whether it is content, and what it says.
pub fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(root.join("tests/promtool"))
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tests/promtool runs");
    // It may say what is wrong before it has read everything.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}
