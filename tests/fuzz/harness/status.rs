//! Status files: what is written is read again, by Wharf and by others.

use arbitrary::{Arbitrary, Result, Unstructured};
use jiff::Timestamp;
use serde::Deserialize;
use wharf::model::event::{EventReason, EventType};
use wharf::model::spec::DesiredState;
use wharf::model::status::{
    ActionResult, Condition, ConditionStatus, ConditionType, ContainerState, ContainerStatus, ErrorClass, Health,
    LastAction, LastError, Phase, Reason, Requested, RetryStatus, Status, StatusKind, StatusMetadata,
};
use wharf::model::time::Time;
use wharf::model::{EventRecord, Uid, WorkspaceStatus};
use wharf::yaml;

/// Makes documents from the bytes, writes them as a status file does, and reads them again.
pub fn round_trip(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let documents = list(&mut bytes, 4, document).expect("made of whatever there is");
    let text = yaml::to_string(&documents).expect("a status has a YAML form");
    let read = yaml::from_str::<WorkspaceStatus>(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    assert_eq!(read, documents, "{text}");
    assert_eq!(yaml::to_string(&read).expect("a status has a YAML form"), text);
    if documents.is_empty() {
        return;
    }
    // The reader of YAML 1.1 that many programs have.
    let others = serde_yaml::Deserializer::from_str(&text).map(WorkspaceStatus::deserialize);
    let others: Vec<_> = others.map(|read| read.unwrap_or_else(|error| panic!("{error}\n{text}"))).collect();
    assert_eq!(others, documents, "{text}");
}

type Bytes<'a> = Unstructured<'a>;

fn document(bytes: &mut Bytes<'_>) -> Result<WorkspaceStatus> {
    let metadata = StatusMetadata {
        name: text(bytes)?,
        uid: some(bytes, |bytes| text(bytes).map(Uid::new))?,
        generation: u64::arbitrary(bytes)?,
        labels: list(bytes, 3, |bytes| Ok((text(bytes)?, text(bytes)?)))?.into_iter().collect(),
        manifest: text(bytes)?,
        creation_timestamp: some(bytes, time)?,
    };
    let api_version = wharf::model::spec::ApiVersion::V1;
    Ok(WorkspaceStatus { api_version, kind: StatusKind::WorkspaceStatus, metadata, status: status(bytes)? })
}

fn status(bytes: &mut Bytes<'_>) -> Result<Status> {
    Ok(Status {
        phase: *bytes.choose(&[Phase::Pending, Phase::Active, Phase::Inactive, Phase::Failed, Phase::Unknown])?,
        observed_generation: u64::arbitrary(bytes)?,
        summary: text(bytes)?,
        conditions: list(bytes, 5, condition)?,
        container: some(bytes, container)?,
        requested: some(bytes, requested)?,
        retry: some(bytes, retry)?,
        last_action: some(bytes, last_action)?,
        metrics: None,
        alerts: Vec::new(),
        events: list(bytes, 4, event)?,
    })
}

fn condition(bytes: &mut Bytes<'_>) -> Result<Condition> {
    use ConditionType::{Accepted, Held, Ready, Reconciled};
    Ok(Condition {
        kind: *bytes.choose(&[Accepted, Reconciled, Ready, Held])?,
        status: *bytes.choose(&[ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown])?,
        reason: *bytes.choose(&[Reason::Valid, Reason::BackOff, Reason::NotHeld, Reason::EngineUnreachable])?,
        message: text(bytes)?,
        observed_generation: u64::arbitrary(bytes)?,
        last_transition_time: time(bytes)?,
    })
}

fn container(bytes: &mut Bytes<'_>) -> Result<ContainerStatus> {
    Ok(ContainerStatus {
        id: text(bytes)?,
        name: text(bytes)?,
        image: text(bytes)?,
        image_id: text(bytes)?,
        state: *bytes.choose(&[ContainerState::Created, ContainerState::Running, ContainerState::Unknown])?,
        health: some(bytes, |bytes| bytes.choose(&[Health::Starting, Health::Healthy, Health::Unhealthy]).copied())?,
        exit_code: some(bytes, i64::arbitrary)?,
        oom_killed: bool::arbitrary(bytes)?,
        started_at: some(bytes, time)?,
        restarts: u32::arbitrary(bytes)?,
        ip: some(bytes, text)?,
        ports: list(bytes, 3, text)?,
    })
}

fn retry(bytes: &mut Bytes<'_>) -> Result<RetryStatus> {
    let class = *bytes.choose(&[ErrorClass::Engine, ErrorClass::Network, ErrorClass::Internal])?;
    let last_error = LastError { class, message: text(bytes)?, time: time(bytes)? };
    Ok(RetryStatus { attempts: u32::arbitrary(bytes)?, next_attempt_time: some(bytes, time)?, last_error })
}

fn last_action(bytes: &mut Bytes<'_>) -> Result<LastAction> {
    let result = *bytes.choose(&[ActionResult::Succeeded, ActionResult::Failed])?;
    Ok(LastAction { action: text(bytes)?, cause: text(bytes)?, result, time: time(bytes)? })
}

fn requested(bytes: &mut Bytes<'_>) -> Result<Requested> {
    let state = some(bytes, |bytes| Ok(*bytes.choose(&[DesiredState::Running, DesiredState::Stopped])?))?;
    Ok(Requested { state, restart: bool::arbitrary(bytes)?, time: time(bytes)? })
}

fn event(bytes: &mut Bytes<'_>) -> Result<EventRecord> {
    Ok(EventRecord {
        kind: *bytes.choose(&[EventType::Normal, EventType::Warning])?,
        reason: *bytes.choose(&[EventReason::Accepted, EventReason::Died, EventReason::Drift])?,
        message: text(bytes)?,
        count: u32::arbitrary(bytes)?,
        first_time: time(bytes)?,
        last_time: time(bytes)?,
        details: None,
    })
}

fn some<'a, T>(bytes: &mut Bytes<'a>, make: impl FnOnce(&mut Bytes<'a>) -> Result<T>) -> Result<Option<T>> {
    if bool::arbitrary(bytes)? { make(bytes).map(Some) } else { Ok(None) }
}

fn list<'a, T>(bytes: &mut Bytes<'a>, most: usize, make: impl Fn(&mut Bytes<'a>) -> Result<T>) -> Result<Vec<T>> {
    let length = bytes.int_in_range(0..=most)?;
    (0..length).map(|_| make(bytes)).collect()
}

/// A few characters, whichever they are.
fn text(bytes: &mut Bytes<'_>) -> Result<String> {
    let length = bytes.int_in_range(0..=40)?.min(bytes.len());
    Ok(String::from_utf8_lossy(bytes.bytes(length)?).into_owned())
}

fn time(bytes: &mut Bytes<'_>) -> Result<Time> {
    let seconds = bytes.int_in_range(Timestamp::MIN.as_second()..=Timestamp::MAX.as_second())?;
    Ok(Timestamp::from_second(seconds).expect("within its range").into())
}
