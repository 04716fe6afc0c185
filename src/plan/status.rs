//! From what is known to the status document. Pure: the same view always gives the same document.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cast::may_run;
use super::situation::{Blocked, Hold, Observed, Plan};
use crate::engine::ContainerDetail;
use crate::model::event::EventRecord;
use crate::model::spec::{DesiredState, Workspace};
use crate::model::status::{
    Alert, Condition, ConditionStatus, ConditionType, ContainerState, ContainerStatus, Health, LastAction, Phase,
    Reason, Requested, RetryStatus, Status, StatusMetadata, StatusMetrics, WorkspaceStatus,
};
use crate::model::time::Time;

/// Everything a status is made from.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Whose status it is.
    pub metadata: StatusMetadata,
    /// The spec in force; `None` while no valid manifest has been seen.
    pub workspace: Option<&'a Workspace>,
    /// What is to be said of the manifest.
    pub acceptance: &'a Acceptance,
    /// Whether the engine answers.
    pub reach: &'a Reach,
    /// What was last observed; `None` before the first look.
    pub observed: Option<&'a Observed>,
    /// The container as told before, for as long as nothing has been observed.
    pub last_known: Option<&'a ContainerStatus>,
    /// What remains to be done about it.
    pub plan: Option<&'a Plan>,
    /// What is going on right now, such as the progress of a pull.
    pub progress: Option<&'a str>,
    /// Why a deletion is held, when it is.
    pub held: Option<&'a (Reason, String)>,
    /// What failed.
    pub retry: Option<RetryStatus>,
    /// Restarts since the spec last changed.
    pub restarts: u32,
    /// The last thing done.
    pub last_action: Option<&'a LastAction>,
    /// What was asked for by command.
    pub requested: Option<&'a Requested>,
    /// What it uses.
    pub metrics: Option<&'a StatusMetrics>,
    /// Thresholds that are exceeded.
    pub alerts: &'a [Alert],
    /// The conditions as last told.
    pub previous: &'a [Condition],
    /// The last events, newest first.
    pub events: Vec<EventRecord>,
    /// The time of this status.
    pub now: Timestamp,
}

impl<'a> View<'a> {
    /// Of a manifest that was never in force: there is nothing but what is to be said of it.
    pub fn of_nothing(metadata: StatusMetadata, acceptance: &'a Acceptance, reach: &'a Reach, now: Timestamp) -> Self {
        Self {
            metadata,
            workspace: None,
            acceptance,
            reach,
            observed: None,
            last_known: None,
            plan: None,
            progress: None,
            held: None,
            retry: None,
            restarts: 0,
            last_action: None,
            requested: None,
            metrics: None,
            alerts: &[],
            previous: &[],
            events: Vec::new(),
            now,
        }
    }
}

/// What is to be said of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is valid and in force.
    Valid,
    /// It is not in force, for this reason; the last valid spec stays.
    Refused(Reason, String),
    /// It is gone, and the workspace is being deleted.
    Deleted,
}

/// Whether the engine answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It has not been asked yet.
    NotAsked,
    /// It does.
    Answers,
    /// It does not; the text says why.
    Silent(String),
}

/// An answer before it has a transition time.
struct Answer {
    kind: ConditionType,
    status: ConditionStatus,
    reason: Reason,
    message: String,
}

impl Answer {
    fn new(kind: ConditionType, yes: bool, reason: Reason, message: impl Into<String>) -> Self {
        let status = if yes { ConditionStatus::True } else { ConditionStatus::False };
        Self { kind, status, reason, message: message.into() }
    }

    fn unknown(kind: ConditionType, reason: Reason, message: &str) -> Self {
        Self { kind, status: ConditionStatus::Unknown, reason, message: message.to_owned() }
    }
}

/// Makes the status document.
pub fn status(view: &View<'_>) -> WorkspaceStatus {
    let answers = [accepted(view), reconciled(view), ready(view), held(view), alerting(view)];
    let phase = phase(view);
    let summary = summary(view, phase, &answers);
    let conditions = answers.into_iter().map(|answer| condition(view, answer)).collect();
    WorkspaceStatus {
        api_version: crate::model::spec::ApiVersion::V1,
        kind: crate::model::status::StatusKind::WorkspaceStatus,
        metadata: view.metadata.clone(),
        status: Status {
            phase,
            observed_generation: view.metadata.generation,
            summary,
            conditions,
            container: container(view)
                .map(|container| container_status(container, view.restarts))
                .or_else(|| view.last_known.filter(|_| view.observed.is_none()).cloned()),
            requested: view.requested.copied(),
            retry: view.retry.clone(),
            last_action: view.last_action.cloned(),
            metrics: view.metrics.copied(),
            alerts: view.alerts.to_vec(),
            events: view.events.clone(),
        },
    }
}

/// The container that the status is about: the one that runs, else one with processes, else the newest.
fn container<'a>(view: &View<'a>) -> Option<&'a ContainerDetail> {
    let containers = &view.observed?.containers;
    containers.iter().max_by_key(|container| {
        let runs = container.state == ContainerState::Running;
        (runs, may_run(container), container.created_at, container.id.as_str())
    })
}

fn container_status(container: &ContainerDetail, restarts: u32) -> ContainerStatus {
    ContainerStatus {
        id: container.id.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        state: container.state,
        // The engine keeps the last answer of a check that ended with its container.
        health: container.health.filter(|_| container.state == ContainerState::Running),
        exit_code: container.exit_code,
        oom_killed: container.oom_killed,
        started_at: container.started_at.map(Time::from),
        restarts,
        ip: container.ip.clone(),
        ports: container.ports.clone(),
    }
}

fn phase(view: &View<'_>) -> Phase {
    let Some(workspace) = view.workspace else { return Phase::Failed };
    if matches!(view.reach, Reach::Silent(_)) {
        return Phase::Unknown;
    }
    if *view.acceptance == Acceptance::Deleted {
        return Phase::Terminating;
    }
    if view.observed.is_none() {
        return Phase::Unknown;
    }
    let spent = view.plan.is_some_and(|plan| plan.blocked == Some(Blocked::BudgetSpent));
    match container(view).map(|container| container.state) {
        Some(ContainerState::Running) => Phase::Active,
        _ if spent => Phase::Failed,
        Some(ContainerState::Unknown) => Phase::Unknown,
        Some(ContainerState::Created) if workspace.spec.state == DesiredState::Running => Phase::Pending,
        Some(_) => Phase::Inactive,
        None => match workspace.spec.state {
            DesiredState::Running => Phase::Pending,
            DesiredState::Stopped => Phase::Inactive,
            DesiredState::Archived => Phase::Archived,
        },
    }
}

fn accepted(view: &View<'_>) -> Answer {
    let kind = ConditionType::Accepted;
    match view.acceptance {
        Acceptance::Valid => Answer::new(kind, true, Reason::Valid, ""),
        Acceptance::Refused(reason, message) => Answer::new(kind, false, *reason, message),
        Acceptance::Deleted => Answer::new(kind, false, Reason::Deleted, "the manifest is gone"),
    }
}

fn reconciled(view: &View<'_>) -> Answer {
    let kind = ConditionType::Reconciled;
    if let Some(unknown) = unseen(kind, view) {
        return unknown;
    }
    if view.workspace.is_none() {
        return not_in_force(kind, view);
    }
    if let Some(progress) = view.progress {
        return Answer::new(kind, false, Reason::PullingImage, progress);
    }
    let Some(plan) = view.plan else {
        return match &view.retry {
            Some(retry) => Answer::new(kind, false, Reason::ActionFailed, &*retry.last_error.message),
            None => Answer::unknown(kind, Reason::Progressing, NOT_LOOKED_AT),
        };
    };
    match (&plan.hold, &plan.blocked, plan.steps.first()) {
        (Some(Hold::Suspended(pending)), _, _) if pending.is_empty() => Answer::new(kind, true, Reason::UpToDate, ""),
        (Some(hold), _, _) => Answer::new(kind, false, hold_reason(hold), hold.to_string()),
        (None, Some(blocked), _) => Answer::new(kind, false, blocked_reason(blocked), blocked_message(view, blocked)),
        (None, None, Some(step)) => match &view.retry {
            Some(retry) => {
                let message = format!("{}; trying again now", retry.last_error.message);
                Answer::new(kind, false, Reason::ActionFailed, message)
            }
            None => Answer::new(kind, false, Reason::Progressing, step.to_string()),
        },
        (None, None, None) => Answer::new(kind, true, Reason::UpToDate, ""),
    }
}

/// The answer while no manifest has ever been in force.
fn not_in_force(kind: ConditionType, view: &View<'_>) -> Answer {
    let reason = match view.acceptance {
        Acceptance::Refused(reason, _) => *reason,
        Acceptance::Valid | Acceptance::Deleted => Reason::Invalid,
    };
    Answer::new(kind, false, reason, "the manifest is not in force")
}

const NOT_LOOKED_AT: &str = "not looked at yet";

/// The answer to a question about the engine while the engine has not answered.
fn unseen(kind: ConditionType, view: &View<'_>) -> Option<Answer> {
    match view.reach {
        Reach::Silent(why) => Some(Answer::unknown(kind, Reason::EngineUnreachable, why)),
        Reach::NotAsked => Some(Answer::unknown(kind, Reason::Progressing, NOT_LOOKED_AT)),
        Reach::Answers => None,
    }
}

/// What has to happen first, after what led to it.
fn blocked_message(view: &View<'_>, blocked: &Blocked) -> String {
    let cause = match blocked {
        Blocked::RetryAt(_) | Blocked::Rejected => view.retry.as_ref().map(|retry| retry.last_error.message.clone()),
        Blocked::BackOff(_) | Blocked::BudgetSpent => container(view).and_then(trouble),
        _ => None,
    };
    let logs = match (blocked, container(view)) {
        (Blocked::BudgetSpent, Some(container)) => Some(format!("`docker logs {}` shows why", container.name)),
        _ => None,
    };
    [cause, Some(blocked.to_string()), logs].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn blocked_reason(blocked: &Blocked) -> Reason {
    match blocked {
        Blocked::Dependencies(_) => Reason::WaitingForDependency,
        Blocked::ProjectDirMissing(_) | Blocked::ProjectNotADirectory(_) => Reason::ProjectDirMissing,
        Blocked::ImageMissing(_) => Reason::ImageMissing,
        Blocked::BackOff(_) => Reason::BackOff,
        Blocked::RetryAt(_) => Reason::ActionFailed,
        Blocked::Rejected => Reason::Rejected,
        Blocked::BudgetSpent => Reason::RecoveryBudgetSpent,
        Blocked::Transitional(_) => Reason::Progressing,
    }
}

fn hold_reason(hold: &Hold) -> Reason {
    match hold {
        Hold::Suspended(_) => Reason::Suspended,
        Hold::NameConflict { .. } => Reason::NameConflict,
        Hold::Denied(_) => Reason::PolicyDenied,
    }
}

fn ready(view: &View<'_>) -> Answer {
    let kind = ConditionType::Ready;
    if let Some(unknown) = unseen(kind, view) {
        return unknown;
    }
    if view.workspace.is_none() {
        return not_in_force(kind, view);
    }
    if view.observed.is_none() {
        return Answer::unknown(kind, Reason::Progressing, NOT_LOOKED_AT);
    }
    let Some(container) = container(view) else { return without_container(view) };
    match (container.state, container.health) {
        (ContainerState::Running, None | Some(Health::Healthy)) => Answer::new(kind, true, Reason::Running, ""),
        (ContainerState::Running, Some(Health::Starting)) => {
            Answer::new(kind, false, Reason::HealthCheckPending, "the health check has not answered yet")
        }
        (ContainerState::Running, Some(Health::Unhealthy)) => {
            Answer::new(kind, false, Reason::Unhealthy, trouble(container).unwrap_or_default())
        }
        _ => Answer::new(kind, false, Reason::NotRunning, not_running(view, container)),
    }
}

fn without_container(view: &View<'_>) -> Answer {
    let kind = ConditionType::Ready;
    let blocked = view.plan.and_then(|plan| plan.blocked.as_ref());
    if let Some(blocked @ (Blocked::Dependencies(_) | Blocked::BudgetSpent)) = blocked {
        return Answer::new(kind, false, blocked_reason(blocked), blocked.to_string());
    }
    let message = declared_not_to_run(view).unwrap_or_else(|| "no container exists".to_owned());
    Answer::new(kind, false, Reason::NoContainer, message)
}

fn declared_not_to_run(view: &View<'_>) -> Option<String> {
    match view.workspace?.spec.state {
        _ if *view.acceptance == Acceptance::Deleted => Some("being deleted".to_owned()),
        DesiredState::Running => None,
        state if is_asked_for(view) => Some(format!("{state:?} by request; `wharf resume` takes that back")),
        state => Some(format!("declared {state:?}")),
    }
}

/// Whether the state is one that was asked for by command instead of the manifest's.
fn is_asked_for(view: &View<'_>) -> bool {
    view.requested.is_some_and(|requested| requested.state.is_some())
}

fn not_running(view: &View<'_>, container: &ContainerDetail) -> String {
    let words = match container.state {
        ContainerState::Created => "the container has not been started",
        ContainerState::Removing => "the container is being removed",
        ContainerState::Restarting => "the container is between two runs",
        ContainerState::Dead => "the container is dead: the engine could not remove it completely",
        ContainerState::Paused => "the container is paused",
        ContainerState::Unknown => "the container is in a state that this version of Wharf does not know",
        ContainerState::Exited | ContainerState::Running => {
            let ended = || trouble(container).unwrap_or_else(|| "the container has ended".to_owned());
            return declared_not_to_run(view).unwrap_or_else(ended);
        }
    };
    words.to_owned()
}

/// Why a container needs to be restarted.
fn trouble(container: &ContainerDetail) -> Option<String> {
    match (container.state, container.exit_code) {
        (ContainerState::Running, _) if container.health == Some(Health::Unhealthy) => {
            Some("the health check fails".to_owned())
        }
        (ContainerState::Exited, _) if container.oom_killed => {
            Some("ended by the kernel for want of memory; raise spec.resources.memory or find what uses it".to_owned())
        }
        (ContainerState::Exited, Some(code)) => Some(format!("exited with code {code}")),
        _ => None,
    }
}

fn held(view: &View<'_>) -> Answer {
    let kind = ConditionType::Held;
    if let Some((reason, message)) = view.held {
        return Answer::new(kind, true, *reason, message);
    }
    match view.plan.and_then(|plan| plan.hold.as_ref()) {
        Some(hold) => Answer::new(kind, true, hold_reason(hold), hold.to_string()),
        None => Answer::new(kind, false, Reason::NotHeld, ""),
    }
}

fn alerting(view: &View<'_>) -> Answer {
    let kind = ConditionType::Alerting;
    if view.alerts.is_empty() {
        return Answer::new(kind, false, Reason::NoAlert, "");
    }
    let texts = view.alerts.iter().map(|alert| format!("{} above {} since {}", alert.metric, alert.above, alert.since));
    Answer::new(kind, true, Reason::ThresholdExceeded, texts.collect::<Vec<_>>().join("; "))
}

/// Gives an answer the time since when it has been the same.
fn condition(view: &View<'_>, answer: Answer) -> Condition {
    let before = view.previous.iter().find(|condition| condition.kind == answer.kind);
    let since = before.filter(|before| before.status == answer.status).map(|before| before.last_transition_time);
    Condition {
        kind: answer.kind,
        status: answer.status,
        reason: answer.reason,
        message: answer.message,
        observed_generation: view.metadata.generation,
        last_transition_time: since.unwrap_or_else(|| view.now.into()),
    }
}

/// One line for people. It holds no relative time: a file that says "for 2h" is wrong a minute later.
fn summary(view: &View<'_>, phase: Phase, [accepted, reconciled, ready, held, _]: &[Answer; 5]) -> String {
    let state = state_text(view, phase);
    let refused = matches!(view.acceptance, Acceptance::Refused(..)) && !accepted.message.is_empty();
    // A refused manifest is the news, and often the reason for the rest.
    if refused && view.workspace.is_some() {
        return format!("{state}; manifest refused: {}", first_line(accepted));
    }
    if held.status == ConditionStatus::True
        && let Some(hold) = hold_text(view, held)
    {
        return format!("{state}; {hold}");
    }
    let down = ready.reason == Reason::NotRunning && view.workspace.is_some_and(wants_to_run);
    let notes = [(refused, accepted), (reconciled.status != ConditionStatus::True, reconciled), (down, ready)];
    let note = notes.into_iter().find(|(applies, answer)| *applies && !answer.message.is_empty());
    // What is said of a container that runs is something else; of any other state, it is the reason.
    let joint = if phase == Phase::Active { "; " } else { ": " };
    note.map_or_else(|| state.clone(), |(_, answer)| format!("{state}{joint}{}", first_line(answer)))
}

fn first_line(answer: &Answer) -> &str {
    answer.message.lines().next().unwrap_or_default()
}

/// What is to be said of a hold that is not the reason of the state.
fn hold_text(view: &View<'_>, held: &Answer) -> Option<String> {
    if view.held.is_some() {
        return Some(format!("held: {}", first_line(held)));
    }
    match view.plan?.hold.as_ref()? {
        Hold::Suspended(pending) if pending.is_empty() => Some("suspended".to_owned()),
        Hold::Suspended(_) => Some("suspended, and not as declared".to_owned()),
        Hold::NameConflict { .. } => None,
        Hold::Denied(_) => Some("denied by policy".to_owned()),
    }
}

/// The state in a word or two.
fn state_text(view: &View<'_>, phase: Phase) -> String {
    let container = container(view);
    let word = match phase {
        Phase::Active => return container.map(running).unwrap_or_default(),
        Phase::Unknown => "unknown",
        Phase::Terminating => "being deleted",
        Phase::Archived => "archived",
        Phase::Failed if view.workspace.is_none() => "not accepted",
        Phase::Failed => "failed",
        Phase::Pending => "pending",
        Phase::Inactive => match container.map(|container| container.state) {
            Some(ContainerState::Paused) => "paused",
            Some(ContainerState::Restarting) => "restarting",
            Some(ContainerState::Removing) => "being removed",
            Some(ContainerState::Dead) => "dead",
            Some(_) if is_asked_for(view) => "stopped by request",
            Some(_) => "stopped",
            None => "no container",
        },
    };
    word.to_owned()
}

fn wants_to_run(workspace: &Workspace) -> bool {
    workspace.spec.state == DesiredState::Running
}

fn running(container: &ContainerDetail) -> String {
    let since = container.started_at.map(|time| format!(" since {}", Time::from(time))).unwrap_or_default();
    let health = match container.health {
        Some(Health::Healthy) => ", healthy",
        Some(Health::Unhealthy) => ", unhealthy",
        Some(Health::Starting) => ", health not known yet",
        None => "",
    };
    format!("running{since}{health}")
}

/// Metadata of the status of a file too broken to name a workspace.
pub fn nameless(name: String, manifest: String) -> StatusMetadata {
    StatusMetadata { name, uid: None, generation: 0, labels: BTreeMap::new(), manifest, creation_timestamp: None }
}
