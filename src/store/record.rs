//! What is remembered about one workspace.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::hash::KeyedFingerprint;
use crate::model::spec::DesiredState;
use crate::model::status::{Alert, Condition, ContainerStatus, LastAction, LastError};
use crate::model::time::Time;
use crate::model::{Name, Uid, Workspace};

/// What is remembered about one workspace. Its name is `workspace.metadata.name`, and the store's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The identity of this life of the workspace.
    pub uid: Uid,
    /// How many different specs have been accepted.
    pub generation: u64,
    /// The last valid manifest: what stays in force while the file is invalid or unreadable.
    pub workspace: Workspace,
    /// The manifest's path relative to the source.
    pub manifest: String,
    /// The source it came from, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// When this life of the workspace began.
    pub created_at: Time,
    /// Set, durably, before anything of a workspace without a manifest is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
    /// Why its deletion is held, until a person confirms it or a manifest declares it again. Were it judged anew with each
    /// reading, files that come back one by one would cost the last ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Failed actions since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Failures>,
    /// When the container was restarted after a death, oldest first, as far back as the recovery window reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarts: Vec<Time>,
    /// Restarts since the spec last changed.
    #[serde(default)]
    pub restart_count: u32,
    /// Whether the recovery budget is spent, so that only a change of the manifest (or a person who starts the container) leads
    /// to another attempt.
    #[serde(default)]
    pub budget_spent: bool,
    /// Whether Wharf stopped the container because the manifest says so; its end is then not a death.
    #[serde(default)]
    pub stopped_on_purpose: bool,
    /// The conditions as last told, for their transition times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The container as last told, for when the engine cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerStatus>,
    /// The last thing done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_action: Option<LastAction>,
    /// A state that was asked for by command: it counts instead of the manifest's until the spec changes or it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<RequestedState>,
    /// A restart that was asked for and has not come about yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartRequest>,
    /// The request for a restart that came about last: asked again, nothing is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_restart: Option<String>,
    /// When a command asked for its deletion last: a manifest that goes missing soon after went because of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_asked: Option<Time>,
    /// Thresholds that are exceeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// The secrets that count as those of a container that does not tell which it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_secrets: Option<AdoptedSecrets>,
    /// Failures and deaths in this life.
    #[serde(default)]
    pub errors: u64,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_time: Option<Time>,
}

impl Record {
    /// Ends a restart that was asked for, be it that it has come about or that something else was asked for since: the same request is not
    /// taken again.
    pub(crate) fn drop_restart(&mut self) {
        // A start has no name: it must not make a restart be forgotten.
        if let Some(request) = self.restart.take().filter(|request| !request.id.is_empty()) {
            self.last_restart = Some(request.id);
        }
    }
}

/// The secrets that were there when a container was first looked at that does not tell which it was given: it is older than the label, or
/// the key of its label is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptedSecrets {
    /// The container.
    pub container: String,
    /// Keyed hash of the secrets.
    pub hash: KeyedFingerprint,
}

/// A state that was asked for by command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedState {
    /// `Running` or `Stopped`.
    pub state: DesiredState,
    /// When.
    pub time: Time,
}

/// A restart that was asked for. It has come about when another run is on: so it is not done twice, whatever is interrupted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartRequest {
    /// Whose request it is; unique.
    pub id: String,
    /// When.
    pub time: Time,
    /// The container whose run is to end; not known until a look that began after this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// When that run began, to the last digit that the engine tells: two runs may begin within one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
}

/// A deletion that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// When.
    pub time: Time,
    /// Why, in words for people.
    pub cause: String,
}

/// Failed actions since the last success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// How many in a row.
    pub attempts: u32,
    /// When the first of them was; not known of those that an older version stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Whether only a change of the manifest leads to another attempt.
    pub terminal: bool,
    /// Whether what failed was the start of a container that replaces a running one.
    #[serde(default)]
    pub replacement: bool,
    /// The last one.
    pub last_error: LastError,
}
