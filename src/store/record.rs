//! What is remembered about one workspace.

use serde::{Deserialize, Serialize};

use crate::model::status::{Condition, ContainerStatus, LastAction, LastError};
use crate::model::time::Time;
use crate::model::{Uid, Workspace};

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
    /// Whether only a change of the manifest leads to another attempt.
    pub terminal: bool,
    /// Whether what failed was the start of a container that replaces a running one.
    #[serde(default)]
    pub replacement: bool,
    /// The last one.
    pub last_error: LastError,
}
