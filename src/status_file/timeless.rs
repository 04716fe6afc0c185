//! What a status says apart from its times. Pure.

use jiff::Timestamp;

use crate::model::hash::Fingerprint;
use crate::model::status::{Condition, ContainerStatus, LastAction, LastError, RetryStatus, Status, StatusMetadata};
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
            retry: status.retry.map(retry),
            last_action: status.last_action.map(last_action),
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

fn event(event: EventRecord) -> EventRecord {
    EventRecord { first_time: never(event.first_time), last_time: never(event.last_time), ..event }
}
