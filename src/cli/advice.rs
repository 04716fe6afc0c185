//! Why a workspace is in its state, and what happens next and when: told from its status alone.

use jiff::Timestamp;

use super::text::{age, span};
use crate::model::WorkspaceStatus;
use crate::model::status::{Condition, ConditionStatus, ConditionType, Reason, RetryStatus, Status};
use crate::model::time::Time;

/// Every condition that is not as one would wish it, as one line each. Empty: everything is as declared.
pub fn why(status: &Status) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for condition in status.conditions.iter().filter(|condition| !is_as_wished(condition)) {
        let message = if condition.message.is_empty() { String::new() } else { format!(": {}", condition.message) };
        let line = format!("{}{message}", condition.reason);
        // One trouble often answers two questions in the same words.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn is_as_wished(condition: &Condition) -> bool {
    let wished = match condition.kind {
        ConditionType::Accepted | ConditionType::Reconciled | ConditionType::Ready => ConditionStatus::True,
        ConditionType::Held | ConditionType::Alerting => ConditionStatus::False,
    };
    condition.status == wished
}

/// What Wharf does next and when, and what a person can do. Never empty.
pub fn next(workspace: &WorkspaceStatus, now: Time) -> Vec<String> {
    let status = &workspace.status;
    let mut lines: Vec<String> = status.retry.iter().map(|retry| next_attempt(retry, now)).collect();
    if lines.is_empty() {
        lines.extend(status.conditions.iter().find_map(|condition| next_restart(condition, now)));
    }
    for condition in status.conditions.iter().filter(|condition| !is_as_wished(condition)) {
        let step = step(condition.reason, workspace).filter(|step| !lines.contains(step));
        lines.extend(step);
    }
    if lines.is_empty() {
        lines.push(if why(status).is_empty() {
            "nothing to do; differences are noticed and repaired".to_owned()
        } else {
            "the controller looks again by itself".to_owned()
        });
    }
    lines
}

fn next_attempt(retry: &RetryStatus, now: Time) -> String {
    let attempt = u64::from(retry.attempts) + 1;
    match retry.next_attempt_time {
        None => "not tried again until the manifest changes".to_owned(),
        Some(time) if time > now => format!("attempt {attempt} at {time} (in {})", until(time, now)),
        Some(time) => {
            format!("attempt {attempt} was due at {time} ({} ago); is a controller running?", age(time, now))
        }
    }
}

/// When a container that died is restarted: only the message of its condition says so.
fn next_restart(condition: &Condition, now: Time) -> Option<String> {
    let waits = matches!(condition.reason, Reason::BackOff | Reason::ActionFailed);
    let (_, time) = condition.message.rsplit_once(" at ").filter(|_| waits)?;
    let time = Time::from(time.parse::<Timestamp>().ok()?);
    Some(if time > now {
        format!("next attempt at {time} (in {})", until(time, now))
    } else {
        format!("the next attempt was due at {time} ({} ago); is a controller running?", age(time, now))
    })
}

fn until(time: Time, now: Time) -> String {
    span(time.timestamp().duration_since(now.timestamp()).as_secs())
}

/// What ends a trouble, where that is more than time.
fn step(reason: Reason, workspace: &WorkspaceStatus) -> Option<String> {
    let name = &workspace.metadata.name;
    let manifest = &workspace.metadata.manifest;
    Some(match reason {
        Reason::Invalid => {
            format!(
                "correct {manifest} (`wharf validate {manifest}` shows every error); the last valid spec stays in force"
            )
        }
        Reason::Unreadable => {
            format!("make {manifest} readable for the controller; the last valid spec stays in force")
        }
        Reason::DuplicateName => format!("give the workspace in {manifest} another name, or remove the other one"),
        Reason::DependencyCycle => format!("take one `dependsOn` out of the circle, for instance in {manifest}"),
        Reason::WaitingForDependency => {
            "starts when the workspaces in its `dependsOn` are declared and Ready".to_owned()
        }
        Reason::Rejected => format!("change what the engine refuses in {manifest}"),
        Reason::RecoveryBudgetSpent => {
            format!("find out why it ends (events below), and change {manifest}: that begins a new budget")
        }
        Reason::ProjectDirMissing => "create the project directory, or correct `spec.project.path`".to_owned(),
        Reason::ImageMissing => {
            "load the image into the engine, or set `spec.imagePullPolicy: IfNotPresent`".to_owned()
        }
        Reason::EngineUnreachable => "start the container engine; `wharf doctor` says what is wrong".to_owned(),
        Reason::Suspended => format!("acts again when `spec.suspend` is taken out of {manifest}"),
        Reason::PruneHeld => "confirm with `wharf prune --confirm`, or put the manifest back".to_owned(),
        Reason::NameConflict => format!("rename or remove the container that has the name of `{name}`; it is not ours"),
        Reason::PolicyDenied => format!("change what the policy denies in {manifest}"),
        Reason::SourceLost => "make the source directory readable again; nothing is deleted before".to_owned(),
        Reason::ThresholdExceeded => {
            format!("`wharf metrics {name}` shows since when; find what uses it, or raise the limit in {manifest}")
        }
        Reason::Valid
        | Reason::Deleted
        | Reason::UpToDate
        | Reason::Progressing
        | Reason::PullingImage
        | Reason::ActionFailed
        | Reason::BackOff
        | Reason::Running
        | Reason::HealthCheckPending
        | Reason::Unhealthy
        | Reason::NotRunning
        | Reason::NoContainer
        | Reason::NotHeld
        | Reason::NoAlert => return None,
    })
}
