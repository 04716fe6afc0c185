//! What goes over the wire, besides the documents that the model has already.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::batch::{Batch, Verb};
use crate::model::event::Event;
use crate::model::metrics::{Analysis, Recommendation, Usage};
use crate::model::source::SourceStatus;
use crate::model::{Name, WorkspaceStatus};

/// One workspace: what its status file says, and what it uses now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceView {
    /// As in its status file, and never older.
    pub document: WorkspaceStatus,
    /// What it uses, by the last reading; absent while it does not run or nothing is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// A page of workspaces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceList {
    /// By name.
    pub items: Vec<Arc<WorkspaceView>>,
    /// What to pass as `continue` for the next page; absent on the last one.
    #[serde(rename = "continue", default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many workspaces are selected, on all pages.
    pub total: u64,
}

/// What would be done about one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedWorkspace {
    /// The workspace.
    pub workspace: Name,
    /// What would be done, in this order; empty when it is as declared or something is in the way.
    pub actions: Vec<PlannedAction>,
    /// What has to happen before more can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What is deliberately not done, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// One thing that would be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAction {
    /// What, in one line.
    pub action: String,
    /// Why, in one line.
    pub cause: String,
}

/// What would be done about all workspaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanList {
    /// By name, those with nothing to do included.
    pub items: Vec<PlannedWorkspace>,
}

/// A part of the event log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// In order of their sequence, oldest first.
    pub items: Vec<Event>,
    /// What to pass as `after` to go on: everything up to it has been looked at.
    pub next: u64,
    /// Whether the log has more after `next`.
    pub more: bool,
    /// Whether the log, which is bounded, has dropped events after the `after` that was asked for.
    pub truncated: bool,
}

/// What the history of a workspace says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceAnalysis {
    /// The workspace.
    pub workspace: Name,
    /// Trend and anomalies of each metric.
    pub metrics: Vec<Analysis>,
    /// Which limits would fit; absent while there is too little history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Recommendation>,
}

/// A request that was accepted: recorded, and not yet done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What is asked.
    pub verb: Verb,
    /// Of which workspace; absent when of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Name>,
    /// What comes of it, in one line for people.
    pub message: String,
}

/// The sources there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceList {
    /// By name.
    pub items: Vec<SourceStatus>,
}

/// A request about a source that was accepted: recorded, and not yet done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceAsked {
    /// Of which source.
    pub source: String,
    /// What comes of it, in one line for people.
    pub message: String,
}

/// What is read of a forge's message; all else in it is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushNotification {
    /// What was pushed to, such as `refs/heads/main`.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Batches that are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchList {
    /// Newest first.
    pub items: Vec<Batch>,
}

/// Whether the controller does its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// What is in the way, one line each; empty when it is ready.
    pub reasons: Vec<String>,
}

/// What a stream of events says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Told {
    /// Some events are not in the stream.
    Missed(Missed),
    /// Something happened.
    Event(Arc<Event>),
}

/// Some events are not in the stream: the reader was too slow, or the log has dropped them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Missed {
    /// `missed`, where events have their kind.
    kind: MissedKind,
    /// How many; absent when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The last sequence that was told before: `GET /v1/events?after=` has what the log has kept since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum MissedKind {
    /// Some events are not in the stream.
    Missed,
}

impl Missed {
    /// So many events after this sequence.
    pub const fn new(count: Option<u64>, after: Option<u64>) -> Self {
        Self { kind: MissedKind::Missed, count, after }
    }
}

impl Told {
    /// The word that says what it is: a kind of event, or `missed`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missed(_) => "missed",
            Self::Event(event) => event.kind.as_str(),
        }
    }

    /// Its place in the log, where it has one.
    pub fn sequence(&self) -> Option<u64> {
        match self {
            Self::Missed(_) => None,
            Self::Event(event) => event.sequence,
        }
    }
}

/// Which program answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// `wharf`.
    pub program: String,
    /// Its version, such as `0.1.0`.
    pub version: String,
    /// The version of this API: `v1`.
    pub api: String,
}
