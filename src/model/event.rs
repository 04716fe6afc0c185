//! Entries of the event log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Occurrence {
    /// Part of normal operation.
    pub fn normal(reason: EventReason, message: impl Into<String>) -> Self {
        Self { kind: EventType::Normal, reason, message: message.into() }
    }

    /// Somebody should look.
    pub fn warning(reason: EventReason, message: impl Into<String>) -> Self {
        Self { kind: EventType::Warning, reason, message: message.into() }
    }
}
