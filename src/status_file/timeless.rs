//! What a status says apart from its times. Pure.

use jiff::Timestamp;

use crate::model::hash::Fingerprint;
use crate::model::status::{
    Alert, Condition, ContainerStatus, LastAction, LastError, Requested, RetryStatus, Status, StatusMetadata,
    StatusMetrics,
};
use crate::model::time::Time;
use crate::model::{EventRecord, WorkspaceStatus};

/// A fingerprint of everything in some documents except times. That there is a time counts: a retry that is due
/// differs from one that is not.
pub(super) fn fingerprint(documents: &[WorkspaceStatus]) -> Fingerprint {
    let timeless: Vec<WorkspaceStatus> = documents.iter().map(without_times).collect();
    Fingerprint::of(&timeless)
}

/// A time that is added to one of the types has to be added here; `tests/status_file.rs` finds it in the schema.
fn without_times(document: &WorkspaceStatus) -> WorkspaceStatus {
    let WorkspaceStatus { metadata, status, .. } = document.clone();
    let creation_timestamp = metadata.creation_timestamp.map(never);
    WorkspaceStatus {
        metadata: StatusMetadata { creation_timestamp, ..metadata },
        status: Status {
            conditions: status.conditions.into_iter().map(condition).collect(),
            container: status.container.map(container),
            requested: status.requested.map(requested),
            retry: status.retry.map(retry),
            last_action: status.last_action.map(last_action),
            metrics: status.metrics.map(metrics),
            alerts: status.alerts.into_iter().map(alert).collect(),
            events: status.events.into_iter().map(event).collect(),
            ..status
        },
        ..*document
    }
}

/// One time for all.
fn never(_: Time) -> Time {
    Timestamp::UNIX_EPOCH.into()
}

fn condition(condition: Condition) -> Condition {
    Condition { last_transition_time: never(condition.last_transition_time), ..condition }
}

fn container(container: ContainerStatus) -> ContainerStatus {
    ContainerStatus { started_at: container.started_at.map(never), ..container }
}

fn retry(retry: RetryStatus) -> RetryStatus {
    let last_error = LastError { time: never(retry.last_error.time), ..retry.last_error };
    RetryStatus { next_attempt_time: retry.next_attempt_time.map(never), last_error, ..retry }
}

fn last_action(last_action: LastAction) -> LastAction {
    LastAction { time: never(last_action.time), ..last_action }
}

fn requested(requested: Requested) -> Requested {
    Requested { time: never(requested.time), ..requested }
}

fn metrics(metrics: StatusMetrics) -> StatusMetrics {
    let last_error_time = metrics.last_error_time.map(never);
    StatusMetrics { time: never(metrics.time), last_error_time, ..metrics }
}

fn alert(alert: Alert) -> Alert {
    Alert { since: never(alert.since), ..alert }
}

fn event(event: EventRecord) -> EventRecord {
    EventRecord { first_time: never(event.first_time), last_time: never(event.last_time), ..event }
}
