//! What a controller tells of all its workspaces together, and of its own work.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metrics::Usage;
use super::status::{ConditionType, ErrorClass, Phase, Status};
use super::time::Time;

/// All workspaces in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Workspaces that are known.
    pub workspaces: u64,
    /// Workspaces in each phase; phases without any are left out.
    pub phases: BTreeMap<Phase, u64>,
    /// Workspaces that are Ready.
    pub ready: u64,
    /// Workspaces with a threshold that is exceeded.
    pub alerting: u64,
    /// Workspaces with a held action.
    pub held: u64,
    /// Processor use of all, in percent of one core.
    pub cpu_percent: f64,
    /// Memory in use by all, in bytes.
    pub memory_bytes: u64,
    /// Received by all, in bytes a second.
    pub network_rx_rate: f64,
    /// Sent by all, in bytes a second.
    pub network_tx_rate: f64,
    /// Processes and threads of all.
    pub pids: u64,
}

impl Summary {
    /// Counts one more workspace.
    pub fn count(&mut self, status: &Status) {
        self.workspaces += 1;
        *self.phases.entry(status.phase).or_default() += 1;
        self.ready += u64::from(status.is(ConditionType::Ready));
        self.held += u64::from(status.is(ConditionType::Held));
        self.alerting += u64::from(status.is(ConditionType::Alerting));
    }

    /// Adds what one of them uses.
    pub fn add(&mut self, usage: &Usage) {
        self.cpu_percent += usage.cpu_percent;
        self.memory_bytes += usage.memory_bytes;
        self.network_rx_rate += usage.network_rx_rate;
        self.network_tx_rate += usage.network_tx_rate;
        self.pids += usage.pids;
    }
}

/// What the controller has done since it was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// When it was started; absent before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Whether the engine answers.
    pub engine_reachable: bool,
    /// Passes that were made.
    pub passes: u64,
    /// How long passes take.
    pub pass_duration: Durations,
    /// Actions that were carried out.
    pub actions: u64,
    /// Failures of each class; classes without any are left out.
    pub errors: BTreeMap<ErrorClass, u64>,
    /// Workspaces that wait for their pass now, among them those whose time has not come.
    pub queue_depth: u64,
    /// Passes under way.
    pub in_flight: u64,
    /// From the engine's time of an event to when it was heard.
    pub event_lag: Durations,
    /// Events of the engine that were heard.
    pub engine_events: u64,
    /// Subscribers of the event stream.
    pub subscribers: u64,
    /// What measuring resource use has come to; absent where it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<MonitorStatistics>,
}

/// How long something takes, over the last thousand times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Durations {
    /// How often it was measured since the start.
    pub count: u64,
    /// Half take at most this long, in milliseconds.
    pub p50_millis: f64,
    /// Of a hundred, 99 take at most this long, in milliseconds.
    pub p99_millis: f64,
}

/// What measuring resource use has come to since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitorStatistics {
    /// Rounds that were made.
    pub rounds: u64,
    /// Workspaces that were measured, each time counted.
    pub samples: u64,
    /// Measurements without a rate, because a run had just begun.
    pub skipped: u64,
    /// Measurements that failed.
    pub failed: u64,
    /// How long the last round took, in milliseconds.
    pub last_round_millis: f64,
    /// Processor time of all rounds, in milliseconds.
    pub cpu_millis: f64,
}
