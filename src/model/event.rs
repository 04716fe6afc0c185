//! Entries of the event log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metrics::Usage;
use super::name::Name;
use super::source::SourceOutcome;
use super::status::{ErrorClass, Phase, Reason};
use super::time::Time;

/// Whether an event is part of normal operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum EventType {
    /// As expected.
    Normal,
    /// Somebody should look.
    Warning,
}

/// Why something happened or was done, as one word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum EventReason {
    /// The manifest was accepted, or a new generation of it.
    Accepted,
    /// The manifest was refused; the message says where and why.
    Refused,
    /// An image pull began or made progress.
    Pulling,
    /// An image was pulled.
    Pulled,
    /// A network was created.
    NetworkCreated,
    /// A container was created.
    Created,
    /// A container was started.
    Started,
    /// A container was stopped.
    Stopped,
    /// A container was unpaused.
    Unpaused,
    /// A container got its name back.
    Renamed,
    /// Limits were changed in place.
    Updated,
    /// A container, network or volume was removed.
    Removed,
    /// An existing container was taken over by its labels.
    Adopted,
    /// Reality was changed by something other than Wharf.
    Drift,
    /// The workspace became ready.
    Ready,
    /// The container ended, or became unhealthy.
    Died,
    /// An action failed.
    Failed,
    /// Reconciled again after failures.
    Recovered,
    /// The recovery budget is spent and the fallback applies.
    BudgetSpent,
    /// Nothing more can be done before something else happens.
    Waiting,
    /// An action is deliberately not taken.
    Held,
    /// A container of this instance has no manifest.
    Orphan,
    /// The phase is another one.
    PhaseChanged,
    /// A person or program asked for something.
    Requested,
    /// A threshold of `spec.monitoring` is exceeded.
    ThresholdExceeded,
    /// A threshold of `spec.monitoring` is not exceeded any more.
    ThresholdCleared,
    /// A reconciliation of everything began.
    SyncStarted,
    /// A reconciliation of everything has come to its end.
    SyncCompleted,
    /// The manifests of a commit were taken in; the message says what came of them.
    SourceSynced,
    /// Resource use was measured.
    Measured,
}

/// What an event is about, for subscribers that choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EventKind {
    /// What is told of a workspace changed: its manifest, its phase, what is asked of it, a threshold.
    StatusChanged,
    /// Something was done to a container or happened to it.
    ContainerUpdate,
    /// Something failed or was refused.
    Error,
    /// What failed works again.
    Recovery,
    /// Resource use was measured. Only told to subscribers: the history of metrics keeps it.
    MetricsUpdate,
    /// A reconciliation of everything began.
    SyncStart,
    /// A reconciliation of everything has come to its end.
    SyncComplete,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::StatusChanged,
        Self::ContainerUpdate,
        Self::Error,
        Self::Recovery,
        Self::MetricsUpdate,
        Self::SyncStart,
        Self::SyncComplete,
    ];

    /// The word that programs use, such as `status_changed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatusChanged => "status_changed",
            Self::ContainerUpdate => "container_update",
            Self::Error => "error",
            Self::Recovery => "recovery",
            Self::MetricsUpdate => "metrics_update",
            Self::SyncStart => "sync_start",
            Self::SyncComplete => "sync_complete",
        }
    }
}

impl std::str::FromStr for EventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("`{}` is no kind of event: use one of {words}", text.escape_debug())
        })
    }
}

impl EventReason {
    /// What kind of event has this reason.
    pub const fn kind(self) -> EventKind {
        match self {
            Self::Accepted
            | Self::Ready
            | Self::Waiting
            | Self::Held
            | Self::PhaseChanged
            | Self::Requested
            | Self::ThresholdExceeded
            | Self::ThresholdCleared => EventKind::StatusChanged,
            Self::Pulling
            | Self::Pulled
            | Self::NetworkCreated
            | Self::Created
            | Self::Started
            | Self::Stopped
            | Self::Unpaused
            | Self::Renamed
            | Self::Updated
            | Self::Removed
            | Self::Adopted
            | Self::Drift
            | Self::Died
            | Self::Orphan => EventKind::ContainerUpdate,
            Self::Refused | Self::Failed | Self::BudgetSpent => EventKind::Error,
            Self::Recovered => EventKind::Recovery,
            Self::Measured => EventKind::MetricsUpdate,
            Self::SyncStarted => EventKind::SyncStart,
            Self::SyncCompleted | Self::SourceSynced => EventKind::SyncComplete,
        }
    }
}

/// What an event says for programs, beside its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Details {
    /// Of `PhaseChanged`.
    Phase {
        /// The phase before; absent when there was none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<Phase>,
        /// The phase now.
        new: Phase,
        /// The reason that the condition Ready gives.
        reason: Reason,
    },
    /// Of `Failed`.
    Failure {
        /// What kind of failure.
        class: ErrorClass,
        /// Failures in a row, this one included.
        attempts: u32,
    },
    /// Of `Recovered`.
    Recovery {
        /// Milliseconds since the first failure.
        after_millis: u64,
        /// Failed attempts before.
        attempts: u32,
    },
    /// Of `SyncCompleted`.
    Sync {
        /// Milliseconds since it began.
        millis: u64,
        /// Workspaces that are known.
        workspaces: u64,
        /// Passes that were made.
        passes: u64,
        /// Actions that were carried out.
        actions: u64,
        /// Actions that failed.
        failures: u64,
    },
    /// Of `SourceSynced`.
    Source {
        /// The source.
        source: String,
        /// The commit.
        revision: String,
        /// What came of its manifests.
        outcome: SourceOutcome,
        /// Workspaces that were accepted.
        workspaces: u64,
        /// Documents and files that are not in force.
        refused: u64,
    },
}

/// One entry of the event log. Equal events in a row are one entry that counts, as in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventRecord {
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// One word for programs.
    pub reason: EventReason,
    /// One line for people.
    pub message: String,
    /// How often it happened.
    pub count: u32,
    /// When it happened first.
    pub first_time: Time,
    /// When it happened last.
    pub last_time: Time,
    /// What it says for programs, the last time. Not in status files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// An event as subscribers and readers of the log get it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the log: an event that happens again gets a new one. Absent for what is told and not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// What it is about.
    pub kind: EventKind,
    /// The workspace it is about; absent where it is about all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub record: EventRecord,
    /// Of `metrics_update`: what was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Box<Usage>>,
}

impl EventRecord {
    /// The first time that something happens.
    pub fn of(occurrence: Occurrence, now: Time) -> Self {
        let Occurrence { kind, reason, message, details } = occurrence;
        Self { kind, reason, message, count: 1, first_time: now, last_time: now, details }
    }
}

impl Event {
    /// What was measured of a workspace.
    pub fn measured(workspace: &Name, usage: Usage) -> Self {
        let occurrence = Occurrence::normal(EventReason::Measured, "measured");
        let record = EventRecord::of(occurrence, usage.time);
        Self { usage: Some(Box::new(usage)), ..Self::of(None, Some(workspace), record) }
    }

    /// An event of a workspace, or without one of all.
    pub fn of(sequence: Option<u64>, workspace: Option<&Name>, record: EventRecord) -> Self {
        Self { sequence, kind: record.reason.kind(), workspace: workspace.map(Name::to_string), record, usage: None }
    }
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those about this workspace.
    pub workspace: Option<Name>,
    /// Only those of these kinds; empty: of all.
    pub kinds: Vec<EventKind>,
    /// Only those after this place in the log.
    pub after: Option<u64>,
    /// None with these reasons.
    pub except: Vec<EventReason>,
}

impl EventFilter {
    /// Whether events with this reason are wanted.
    pub fn wants(&self, reason: EventReason) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&reason.kind())) && !self.except.contains(&reason)
    }

    /// Whether an event is wanted.
    pub fn passes(&self, event: &Event) -> bool {
        let is_about = |name: &Name| event.workspace.as_deref() == Some(name.as_str());
        let is_later = |after: u64| event.sequence.is_none_or(|sequence| sequence > after);
        self.wants(event.record.reason)
            && self.workspace.as_ref().is_none_or(is_about)
            && self.after.is_none_or(is_later)
    }
}

/// Something worth an entry in the event log, before it has a time and a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// `Normal` or `Warning`.
    pub kind: EventType,
    /// One word for programs.
    pub reason: EventReason,
    /// One line for people.
    pub message: String,
    /// What it says for programs.
    pub details: Option<Details>,
}

impl Occurrence {
    /// Part of normal operation.
    pub fn normal(reason: EventReason, message: impl Into<String>) -> Self {
        Self { kind: EventType::Normal, reason, message: message.into(), details: None }
    }

    /// Somebody should look.
    pub fn warning(reason: EventReason, message: impl Into<String>) -> Self {
        Self { kind: EventType::Warning, reason, message: message.into(), details: None }
    }

    /// With something for programs.
    #[must_use]
    pub fn with(self, details: Details) -> Self {
        Self { details: Some(details), ..self }
    }
}
