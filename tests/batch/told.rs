//! Statuses as a controller tells them, from a few words.

use serde_json::{Value, json};
use wharf::batch::Look;

/// What is told of a workspace after so many passes. Words: `ready`, `reconciled`, `running`, `exited`, `created`, `paused`, `restarting`,
/// `failed`, `held`, `retry`, `no-project`, `no-image`, `rejected`.
pub fn told(words: &str, passes: u64) -> Look {
    let has = |word: &str| words.split_whitespace().any(|own| own == word);
    let condition = |kind: &str, holds: bool, reason: &str, message: &str| {
        let status = if holds { "True" } else { "False" };
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let reason = [("no-project", "ProjectDirMissing"), ("no-image", "ImageMissing"), ("rejected", "Rejected")];
    let waits = reason.iter().find(|(word, _)| has(word)).map(|(_, reason)| *reason);
    let state = ["running", "exited", "created", "paused"].into_iter().find(|state| has(state));
    let container = state.map(|state| {
        json!({"id": "1", "name": "wharf-box", "image": "debian:12", "imageId": "2", "state": state, "restarts": 0})
    });
    let time = "2026-01-01T00:00:00Z";
    let requested = has("restarting").then(|| json!({"restart": true, "time": time}));
    let error = json!({"class": "Network", "message": "no such image", "time": time});
    let retry = has("retry").then(|| json!({"attempts": 1, "lastError": error}));
    let mut status = json!({
        "phase": if has("failed") { "Failed" } else { "Active" },
        "observedGeneration": 1,
        "summary": "the summary",
        "conditions": [
            condition("Accepted", true, "Valid", ""),
            condition("Reconciled", has("reconciled"), waits.unwrap_or("Progressing"), "not as declared"),
            condition("Ready", has("ready"), "Running", ""),
            condition("Held", has("held"), "Suspended", "it is held"),
        ],
        "events": [],
    });
    for (field, value) in [("container", container), ("requested", requested), ("retry", retry)] {
        status[field] = value.unwrap_or(Value::Null);
    }
    let document = json!({
        "apiVersion": "wharf/v1", "kind": "WorkspaceStatus",
        "metadata": {"name": "box", "generation": 1, "manifest": "box.yaml"}, "status": status,
    });
    Look { status: serde_json::from_value(document).expect("a status"), passes }
}
