//! Documents as a controller has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use wharf::api::{WorkspaceAnalysis, WorkspaceView};
use wharf::model::Name;
use wharf::model::batch::{Batch, BatchItem, BatchState, ItemState, Verb};
use wharf::model::event::{Event, EventReason, EventRecord, EventType};
use wharf::model::metrics::{Advice, Analysis, Metric, Recommendation};
use wharf::model::source::{SourceKind, SourceOutcome, SourceStatus};

/// The id of the batch that is always there.
pub const BATCH: &str = "01K0000000000000000000BATC";

/// The source that is always there.
pub const SOURCE: &str = "team";

/// What a forge signs its messages about it with.
pub const SECRET: &str = "It is a secret to all";

pub fn source() -> SourceStatus {
    let time = Timestamp::UNIX_EPOCH.into();
    SourceStatus {
        reference: Some("branch main".to_owned()),
        last_sync: Some(time),
        outcome: SourceOutcome::AppliedWithErrors,
        message: "web.yaml:4:8: `imaeg` is no field".to_owned(),
        workspaces: 3,
        refused: 1,
        ..SourceStatus::new(SOURCE, SourceKind::Git, "https://git.example/team.git")
    }
}

/// A workspace that runs; those with an even number belong to a team.
pub fn workspace(name: &str) -> Arc<WorkspaceView> {
    let even = name.ends_with(['0', '2', '4', '6', '8']);
    let labels = if even { BTreeMap::from([("team", "payments")]) } else { BTreeMap::new() };
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 1,
               "lastTransitionTime": "2026-01-31T12:00:00Z"})
    };
    let document: Value = json!({
        "apiVersion": "wharf/v1",
        "kind": "WorkspaceStatus",
        "metadata": {"name": name, "generation": 1, "labels": labels, "manifest": format!("{name}.yaml")},
        "status": {
            "phase": "Active", "observedGeneration": 1, "summary": "running, healthy",
            "conditions": [
                condition("Accepted", "True", "Valid"), condition("Reconciled", "True", "UpToDate"),
                condition("Ready", "True", "Running"), condition("Held", "False", "NotHeld"),
            ],
            "container": {
                "id": "0".repeat(64), "name": format!("wharf-{name}"), "image": "ghcr.io/acme/dev:1.4",
                "imageId": format!("sha256:{}", "1".repeat(64)), "state": "running", "oomKilled": false, "restarts": 0,
                "startedAt": "2026-01-31T12:00:00Z", "ip": "172.18.0.2", "ports": ["127.0.0.1:18080->8080/tcp"],
            },
            "events": (0..10).map(|_| event(None, name, EventReason::Started).record).collect::<Vec<_>>(),
        },
    });
    let usage: Value = json!({
        "time": "2026-01-31T12:00:00Z", "cpuPercent": 12.5, "memoryBytes": 104_857_600, "networkRxBytes": 1, "networkTxBytes": 2,
        "blockReadBytes": 3, "blockWriteBytes": 4, "networkRxRate": 0.5, "networkTxRate": 0.25, "blockReadRate": 0.0,
        "blockWriteRate": 0.0, "pids": 7,
    });
    let document = serde_json::from_value(document).expect("a status document");
    Arc::new(WorkspaceView { document, usage: Some(serde_json::from_value(usage).expect("a reading")) })
}

pub fn event(sequence: Option<u64>, workspace: &str, reason: EventReason) -> Event {
    let time = Timestamp::UNIX_EPOCH.into();
    let record = EventRecord {
        kind: EventType::Normal,
        reason,
        message: format!("{reason:?}\r\nin two lines\n\n"),
        count: 1,
        first_time: time,
        last_time: time,
        details: None,
    };
    Event { sequence, kind: reason.kind(), workspace: Some(workspace.to_owned()), record, usage: None }
}

pub fn batch(verb: Verb) -> Batch {
    let workspace = "ws-000".parse().expect("a name");
    let item = BatchItem { workspace, state: ItemState::Pending, error: None, started_at: None, ended_at: None };
    Batch {
        id: BATCH.to_owned(),
        verb,
        state: BatchState::Running,
        parallelism: 4,
        max_failures: None,
        created_at: Timestamp::UNIX_EPOCH.into(),
        ended_at: None,
        canceled: false,
        items: vec![item],
    }
}

pub fn analysis(workspace: Name) -> WorkspaceAnalysis {
    let advice = || Advice { current: None, p95: 0.5, max: 1.0, suggested: "600m".to_owned() };
    let (from, to) = (Timestamp::UNIX_EPOCH.into(), Timestamp::UNIX_EPOCH.into());
    let patch = "spec: {resources: {cpu: 600m}}".to_owned();
    let recommendation = Recommendation { from, to, readings: 9, cpu: advice(), memory: advice(), patch };
    let cpu = Analysis { metric: Metric::Cpu, unit: Metric::Cpu.unit(), trend: None, anomalies: Vec::new() };
    WorkspaceAnalysis { workspace, metrics: vec![cpu], recommendation: Some(recommendation) }
}
