//! The status file's contents: what is true now, told to people and programs.
//!
//! Never holds an environment value, a secret, or a manifest's text.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::EventRecord;
use super::name::Uid;
use super::spec::{ApiVersion, DesiredState, ThresholdMetric};
use super::time::Time;

/// One document of a status file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// The version of this form: `wharf/v1`.
    pub api_version: ApiVersion,
    /// `WorkspaceStatus`.
    pub kind: StatusKind,
    /// Whose status this is.
    pub metadata: StatusMetadata,
    /// What is true now.
    pub status: Status,
}

/// The kind of a status document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum StatusKind {
    /// The status of one workspace.
    #[default]
    WorkspaceStatus,
}

/// Whose status this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusMetadata {
    /// The workspace's name. For a manifest too broken to name one, the name of its file.
    pub name: String,
    /// The identity of this life of the workspace. Absent while no valid manifest has been seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// How many different specs have been accepted; 0 while none has been.
    pub generation: u64,
    /// The manifest's labels, so that reads can select by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The manifest's path, relative to the source.
    pub manifest: String,
    /// When this life of the workspace began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Time>,
}

/// What is true now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The state in one word, derived anew from what is observed at every pass.
    pub phase: Phase,
    /// The generation that this status is about.
    pub observed_generation: u64,
    /// The state in one line for people.
    pub summary: String,
    /// The answers to five questions; every type is always present, in this order: Accepted, Reconciled, Ready, Held, Alerting.
    pub conditions: Vec<Condition>,
    /// What was asked for by command and is in force until the manifest changes, or `wharf resume`. Absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<Requested>,
    /// The container, as last observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerStatus>,
    /// What failed and when it is tried again. Absent when nothing failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryStatus>,
    /// The last thing done to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_action: Option<LastAction>,
    /// What it uses, refreshed at most once a minute and only when it has changed noticeably. Absent while nothing is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<StatusMetrics>,
    /// Thresholds of `spec.monitoring` that are exceeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// The last ten events, newest first.
    #[serde(default)]
    pub events: Vec<EventRecord>,
}

/// The state of a workspace in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Phase {
    /// Accepted, and its container not yet started.
    Pending,
    /// The container runs.
    Active,
    /// The container does not run.
    Inactive,
    /// Declared `Archived`, and there is no container.
    Archived,
    /// The recovery budget is spent, or the manifest was never valid.
    Failed,
    /// Being deleted.
    Terminating,
    /// The engine cannot be asked; the container shown is the last known one.
    Unknown,
}

/// A question about a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ConditionType {
    /// Is the manifest valid and in force?
    Accepted,
    /// Does reality match the spec? When not, the message names the difference.
    Reconciled,
    /// Is it usable now: running, and healthy where there is a check?
    Ready,
    /// Is an action deliberately not taken?
    Held,
    /// Is a threshold of `spec.monitoring` exceeded?
    Alerting,
}

/// The answer to a question about a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ConditionStatus {
    /// Yes.
    True,
    /// No.
    False,
    /// It cannot be told.
    Unknown,
}

/// Why a condition is as it is, as one word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Reason {
    /// Accepted: the manifest is valid.
    Valid,
    /// Accepted: the manifest has errors; the message has line and column. The last valid spec stays in force.
    Invalid,
    /// Accepted: the file cannot be read. The last valid spec stays in force.
    Unreadable,
    /// Accepted: another file claims this name already.
    DuplicateName,
    /// Accepted: `dependsOn` leads back to this workspace.
    DependencyCycle,
    /// Accepted: the manifest is gone.
    Deleted,
    /// Reconciled: nothing to do.
    UpToDate,
    /// Reconciled: something is being done.
    Progressing,
    /// Reconciled, Ready: a workspace in `dependsOn` is not Ready.
    WaitingForDependency,
    /// Reconciled: the image is being pulled.
    PullingImage,
    /// Reconciled: an action failed and is tried again.
    ActionFailed,
    /// Reconciled: the engine refuses the spec; tried again when the manifest changes.
    Rejected,
    /// Reconciled: waiting until the next restart is due.
    BackOff,
    /// Reconciled, Ready: the recovery budget is spent.
    RecoveryBudgetSpent,
    /// Reconciled: the project directory does not exist.
    ProjectDirMissing,
    /// Reconciled: the image is missing and `imagePullPolicy` is `Never`.
    ImageMissing,
    /// Ready: running, and healthy where there is a check.
    Running,
    /// Ready: running, and the health check has not answered yet.
    HealthCheckPending,
    /// Ready: running, and the health check fails.
    Unhealthy,
    /// Ready: there is a container and it does not run.
    NotRunning,
    /// Ready: there is no container.
    NoContainer,
    /// Any: the engine cannot be asked.
    EngineUnreachable,
    /// Held: no action is held back.
    NotHeld,
    /// Held: `suspend: true`.
    Suspended,
    /// Held: a deletion waits for confirmation.
    PruneHeld,
    /// Held: a foreign container has this workspace's container name.
    NameConflict,
    /// Held: policy denies the spec.
    PolicyDenied,
    /// Held: the source cannot be read completely.
    SourceLost,
    /// Alerting: no threshold is exceeded, or there is none.
    NoAlert,
    /// Alerting: a threshold is exceeded.
    ThresholdExceeded,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The serialized name is the variant's.
        std::fmt::Debug::fmt(self, formatter)
    }
}

/// One answer, in the Kubernetes form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The question.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// The answer.
    pub status: ConditionStatus,
    /// Why, as one word for programs.
    pub reason: Reason,
    /// Why, in one line for people. Empty where there is nothing to add.
    pub message: String,
    /// The generation that the answer is about.
    pub observed_generation: u64,
    /// When the answer last changed.
    pub last_transition_time: Time,
}

/// The container, as last observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// The engine's ID, in full.
    pub id: String,
    /// The container's name.
    pub name: String,
    /// The image reference it was created from.
    pub image: String,
    /// The engine's ID of that image.
    pub image_id: String,
    /// The engine's word for its state.
    pub state: ContainerState,
    /// The health check's last result. Absent where there is no check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// The exit code of its last run. Absent while it runs, when it never ran, and when Wharf stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Whether its last run was ended by the kernel for want of memory.
    #[serde(default)]
    pub oom_killed: bool,
    /// When its present or last run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// How often Wharf restarted it, since the spec last changed.
    pub restarts: u32,
    /// Its address on its network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Its published ports, such as `127.0.0.1:18080->8080/tcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
}

/// What was asked for by command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// Counts instead of the manifest's `state`. Absent when the manifest's counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DesiredState>,
    /// Whether a restart was asked for and has not come about yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
    /// When.
    pub time: Time,
}

/// A threshold that is exceeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What the threshold is about.
    pub metric: ThresholdMetric,
    /// The level, as in the manifest.
    pub above: String,
    /// Since when the value has been above it.
    pub since: Time,
}

/// What a workspace uses, in numbers that do not change with every breath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusMetrics {
    /// Processor use in percent of one core.
    pub cpu_percent: u64,
    /// Memory in use, in bytes.
    pub memory_bytes: u64,
    /// The limit of memory in bytes; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Bytes received since the container's start.
    pub network_rx_bytes: u64,
    /// Bytes sent since the container's start.
    pub network_tx_bytes: u64,
    /// Bytes read from block devices since the container's start.
    pub block_read_bytes: u64,
    /// Bytes written to block devices since the container's start.
    pub block_write_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Failures and deaths in this life of the workspace.
    pub error_count: u64,
    /// When the last of them was. Absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_time: Option<Time>,
    /// When it was measured.
    pub time: Time,
}

/// The engine's word for a container's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ContainerState {
    /// Created and never started.
    Created,
    /// Running.
    Running,
    /// Running and frozen.
    Paused,
    /// Between two runs.
    Restarting,
    /// Being removed.
    Removing,
    /// Ran, and ended.
    Exited,
    /// Could not be removed completely; of no further use.
    Dead,
    /// A word this version does not know.
    Unknown,
}

impl ContainerState {
    /// The engine's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }

    /// From the engine's word; anything new is [`Self::Unknown`].
    pub fn from_word(word: &str) -> Self {
        [Self::Created, Self::Running, Self::Paused, Self::Restarting, Self::Removing, Self::Exited, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == word)
            .unwrap_or(Self::Unknown)
    }
}

impl std::fmt::Display for ContainerState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The last result of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Health {
    /// It has not decided yet.
    Starting,
    /// It succeeds.
    Healthy,
    /// It fails.
    Unhealthy,
}

/// What failed and when it is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryStatus {
    /// Failures in a row.
    pub attempts: u32,
    /// When it is tried again. Absent when only a change of the manifest leads to another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
    /// The last failure.
    pub last_error: LastError,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// What kind of failure.
    pub class: ErrorClass,
    /// What failed, and why.
    pub message: String,
    /// When.
    pub time: Time,
}

/// What kind of failure, which says how it is tried again: as `recovery.backoff` says, but no sooner than in [`ErrorClass::least_delay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ErrorClass {
    /// The container engine. The first retry follows at once.
    Engine,
    /// The network or a registry. Tried again after 1s at the earliest: registries count requests.
    Network,
    /// Disks and files. Tried again after 5s at the earliest: a full disk is not freed in a moment.
    Storage,
    /// The manifest asks for what the engine refuses. Tried again when the manifest changes.
    Manifest,
    /// The host's policy. Tried again when the manifest or the policy changes.
    Policy,
    /// A defect in Wharf. Tried again after 10s at the earliest: it is likely to repeat itself.
    Internal,
}

impl ErrorClass {
    /// How long to wait at least before what failed is tried again; `None`: time alone leads to no other attempt.
    pub const fn least_delay(self) -> Option<Duration> {
        match self {
            Self::Engine => Some(Duration::ZERO),
            Self::Network => Some(Duration::from_secs(1)),
            Self::Storage => Some(Duration::from_secs(5)),
            Self::Internal => Some(Duration::from_secs(10)),
            Self::Manifest | Self::Policy => None,
        }
    }
}

/// The last thing done to the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastAction {
    /// What was done.
    pub action: String,
    /// Why.
    pub cause: String,
    /// Whether it succeeded.
    pub result: ActionResult,
    /// When it ended.
    pub time: Time,
}

/// Whether an action succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ActionResult {
    /// It did.
    Succeeded,
    /// It did not.
    Failed,
}

impl Status {
    /// The answer to one question; `None` only in a document that Wharf did not write.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether a question is answered with yes.
    pub fn is(&self, kind: ConditionType) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == ConditionStatus::True)
    }
}
