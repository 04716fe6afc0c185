//! When a workspace runs, how it is pulled, checked, recovered and ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::period::Period;

/// Whether a workspace runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DesiredState {
    /// The container runs.
    #[default]
    Running,
    /// The container exists and does not run.
    Stopped,
    /// There is no container; project and volumes stay.
    Archived,
}

/// When the image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum PullPolicy {
    /// When the engine does not have it.
    #[default]
    IfNotPresent,
    /// Before each creation of the container.
    Always,
    /// Never: the engine must have it.
    Never,
}

/// What happens when the manifest is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DeletionPolicy {
    /// Container and own network are removed; volumes only with `deleteVolumes`.
    #[default]
    Delete,
    /// The container is stopped and kept.
    Stop,
    /// Everything is left as it is.
    Orphan,
}

/// What to do when the recovery budget is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Fallback {
    /// Leave the container stopped.
    #[default]
    Stop,
    /// Remove the container; project and volumes stay.
    Remove,
    /// Keep trying at the longest delay.
    Ignore,
}

/// A command that the engine runs inside the container; exit code 0 is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// The command and its arguments. Not run in a shell.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Time between two checks. Default `10s`, at least `1s`.
    #[serde(default = "ten_seconds")]
    pub interval: Period,
    /// Time after which one check counts as failed. Default `2s`, at least `1ms`.
    #[serde(default = "two_seconds")]
    pub timeout: Period,
    /// Failures in a row until the container is unhealthy. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000))]
    pub retries: u32,
    /// Time after the start in which failures do not count. Default `5s`.
    #[serde(default = "five_seconds")]
    pub start_period: Period,
}

/// What to do when the container dies, is unhealthy, or an action fails.
///
/// The first attempt follows at once; each further one waits. Deaths of the container spend a budget, and when it is
/// spent the fallback applies until the manifest changes. Failed engine calls do not spend it: they are retried for ever,
/// at most `backoff.max` apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Recovery {
    /// Restarts within `window` before `fallback` applies. Default 5.
    #[schemars(range(max = 1000))]
    pub max_retries: u32,
    /// The time over which restarts are counted. Default `10m`, at least `1s`.
    pub window: Period,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// What to do when the budget is spent: `Stop` (default), `Remove`, or `Ignore` (keep trying at the longest delay).
    pub fallback: Fallback,
}

/// Delays between attempts: `initial`, then each `factor` times the one before, up to `max`, each with a little jitter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backoff {
    /// The first delay. Default `1s`, at least `100ms`.
    pub initial: Period,
    /// The longest delay. Default `5m`, at least `initial`.
    pub max: Period,
    /// What each delay is multiplied with for the next. Default 2.
    #[schemars(range(min = 1, max = 100))]
    pub factor: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_retries: 5,
            window: Period::from_secs(600),
            backoff: Backoff::default(),
            fallback: Fallback::default(),
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Period::from_secs(1), max: Period::from_secs(300), factor: 2 }
    }
}

fn ten_seconds() -> Period {
    Period::from_secs(10)
}

fn five_seconds() -> Period {
    Period::from_secs(5)
}

fn two_seconds() -> Period {
    Period::from_secs(2)
}

fn three() -> u32 {
    3
}
