//! Webhooks: to whom events are brought, as configured, and what came of it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::EventKind;
use super::name::Name;

/// The file that `wharf run --webhooks` reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhooksFile {
    /// To whom events are brought.
    pub webhooks: Vec<WebhookSpec>,
}

/// Somebody to whom events are brought: each as one `POST` of its JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookSpec {
    /// What it is called in logs and metrics, unlike all others. Default: the host of `url`, with a number where several have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Where events are posted to: `https://…`, or `http://…` on this machine. Only its host is ever shown.
    #[schemars(length(min = 1), extend("format" = "uri"))]
    pub url: String,
    /// The file with the secret that messages are signed with (`Wharf-Signature-256`): at least 16 bytes, readable by its owner alone;
    /// line feeds at its end do not count. Relative to this file. Without it, messages are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
    /// Only events of these kinds. Default: all but `metrics_update`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventKind>,
    /// Only events about these workspaces. Default: all events, also those about no workspace, such as `sync_complete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<WebhookWorkspaces>,
    /// Whether `http://…` to another machine is accepted, where everybody on the way reads and changes what is sent. Default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

/// Which workspaces a webhook is about: those that are named, and those that are selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookWorkspaces {
    /// Workspaces with these labels, in the form of `kubectl -l`: `team=web,!legacy`. Labels are known from a workspace's first status
    /// on: that its manifest was accepted for the first time is told before, and only to those who name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub selector: Option<String>,
    /// Workspaces with these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name>,
}

/// Without the address, in which there may be a password or a token.
impl fmt::Debug for WebhookSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebhookSpec")
            .field("name", &self.name)
            .field("events", &self.events)
            .field("workspaces", &self.workspaces)
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// What has come of one webhook's events since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatistics {
    /// What it is called.
    pub name: String,
    /// Events that the receiver took.
    pub delivered: u64,
    /// Events that were given up: refused, not taken after all attempts, or pushed out by newer ones.
    pub dead_letters: u64,
    /// Attempts that failed, whatever came of the event in the end.
    pub failed_attempts: u64,
    /// Events that wait, the one that is being brought included.
    pub pending: u64,
    /// Events that came too fast to be looked at, wanted or not.
    pub missed: u64,
}
